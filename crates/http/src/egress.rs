//! What may leave, and where to.

use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};
use watchfloor_core::{Error, Kind, Result};

/// RFC 3986 unreserved characters stay as they are.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one segment of a path: `/`, `?`, `#` and `%` in it cannot end it.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Whether the URL names this host.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Refuses a URL that nothing, or no credential, may be sent to.
pub(crate) fn check(url: &Url, has_credential: bool) -> Result<()> {
    let refuse = |what: &str| Err(Error::new(Kind::Config, what));
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return refuse("is no http or https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("holds a user name or password; use auth");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("has a query or a fragment; give the base URL alone");
    }
    if has_credential && url.scheme() == "http" && !is_loopback(url) {
        return refuse("is plain http: a credential is sent over https, or to loopback, only");
    }
    Ok(())
}

/// The URL of `path` below `base`. The path cannot leave the base, and never the host.
pub(crate) fn below(base: &Url, path: &str) -> Result<Url> {
    let dots = |s: &str| {
        s.starts_with(['.', '%'])
            && matches!(s.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
    };
    if path.split(['/', '\\']).any(dots) {
        return Err(Error::new(Kind::Invalid, "the path has a segment of dots"));
    }
    let mut url = base.clone();
    url.set_path(&format!(
        "{}/{}",
        base.path().trim_end_matches('/'),
        path.trim_start_matches('/')
    ));
    Ok(url)
}

/// `host:port`, the name under which limits and budgets of a host are kept.
pub(crate) fn authority(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn credentials_never_over_plain_http_but_to_loopback() {
        for ok in
            ["http://127.0.0.1:1/", "http://[::1]/", "http://localhost/x", "https://a.example"]
        {
            assert!(check(&url(ok), true).is_ok(), "{ok}");
        }
        for bad in ["http://a.example", "http://127.0.0.1.a.example", "http://localhost.a.example"]
        {
            assert!(check(&url(bad), true).is_err(), "{bad}");
            assert!(check(&url(bad), false).is_ok(), "{bad}");
        }
        for bad in ["ftp://a", "https://u:p@a", "https://u@a", "https://a/?token=x", "https://a/#f"]
        {
            assert!(check(&url(bad), false).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_stays_below_its_base() {
        let base = url("https://a.example/base/");
        assert_eq!(below(&base, "/x/y").unwrap().as_str(), "https://a.example/base/x/y");
        assert_eq!(below(&base, "x").unwrap().as_str(), "https://a.example/base/x");
        for id in ["../admin", "a/../../admin", "%2e%2E/admin", "..\\admin", "."] {
            assert!(below(&base, &format!("item/{id}")).is_err(), "{id}");
        }
        for odd in ["@evil.example", "//evil.example/x", "?token=1", "#x", "https://evil.example"] {
            let made = below(&base, odd).unwrap();
            assert_eq!(made.host_str(), Some("a.example"), "{odd}");
            assert!(made.query().is_none() && made.path().starts_with("/base/"), "{odd}");
        }
    }

    #[test]
    fn a_segment_ends_where_it_should() {
        let path = format!("item/{}", segment("a/b?c#d%2f é"));
        let made = below(&url("https://a.example"), &path).unwrap();
        assert_eq!(made.path(), "/item/a%2Fb%3Fc%23d%252f%20%C3%A9");
    }
}
