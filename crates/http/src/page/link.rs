use http::header;
use url::Url;
use watchfloor_core::{Error, Kind, Result};

use crate::{Answer, Client};

/// The next page as a `Link` header names it (RFC 8288): a position of [`pages`](super::pages),
/// asked for with [`Client::follow`].
///
/// It leads nowhere but to the client's own endpoints: a credential does not follow a link to
/// another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub(crate) path: String,
    pub(crate) query: String,
}

impl Link {
    /// A first page at `path`, without a query.
    pub fn first(path: &str) -> Self {
        Self { path: path.to_owned(), query: String::new() }
    }

    /// The link of `rel="next"`, if the answer has one.
    ///
    /// [`Kind::Protocol`] where it leads elsewhere, or is relative to a page.
    pub fn next(answer: &Answer, client: &Client) -> Result<Option<Self>> {
        let values = answer.headers.get_all(header::LINK).iter().filter_map(|v| v.to_str().ok());
        let Some(target) = values.flat_map(links).find_map(|(t, next)| next.then_some(t)) else {
            return Ok(None);
        };
        let refuse = |what| Err(Error::new(Kind::Protocol, what));
        let endpoints = || client.0.endpoints.iter().map(|e| &e.url);
        let resolved = match Url::parse(target) {
            Ok(url) => Some(url),
            Err(_) if target.starts_with('/') && !target.starts_with("//") => {
                endpoints().next().and_then(|base| base.join(target).ok())
            }
            Err(_) => None,
        };
        let Some(url) = resolved else {
            return refuse("the link to the next page cannot be followed");
        };
        let below = |base: &Url| {
            let path = url.path().strip_prefix(base.path().trim_end_matches('/'))?;
            (base.origin() == url.origin() && path.starts_with('/')).then(|| path.to_owned())
        };
        match endpoints().find_map(below) {
            Some(path) => {
                Ok(Some(Self { path, query: url.query().unwrap_or_default().to_owned() }))
            }
            None => refuse("the link to the next page leads away from the endpoint"),
        }
    }
}

/// Each target of a `Link` header, and whether it is the next page.
fn links(mut text: &str) -> Vec<(&str, bool)> {
    let mut all = Vec::new();
    while let Some((target, rest)) =
        text.split_once('<').and_then(|(_, after)| after.split_once('>'))
    {
        let mut quoted = false;
        let ends = |c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        };
        let end = rest.find(ends).unwrap_or(rest.len());
        let next = rest[..end].split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let mut words = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && words.any(|w| w.eq_ignore_ascii_case("next"))
        });
        all.push((target.trim(), next));
        text = &rest[end..];
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_of_a_header() {
        let text =
            r#"<https://a/x?a=1,2>; rel="prev"; title="a, b", </y>; REL=next, <z>;rel="last next""#;
        assert_eq!(links(text), [("https://a/x?a=1,2", false), ("/y", true), ("z", true)]);
        for none in ["", "<", "<x", "garbled", "x>; rel=next"] {
            assert!(links(none).is_empty(), "{none}");
        }
    }
}
