//! What of a request may be written into a log: names on a list, and nothing else.

use std::fmt;

use http::{HeaderMap, HeaderName, header};
use url::{Url, form_urlencoded};

/// What stands for a value that is not shown.
const HIDDEN: &str = "…";

/// Headers whose value may be shown. A header that is not here may hold a secret, a cookie, a name
/// of a customer: nobody has to know them all.
const HEADERS: [HeaderName; 15] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::AGE,
    header::ALLOW,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::DATE,
    header::RETRY_AFTER,
    header::TRANSFER_ENCODING,
    header::USER_AGENT,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

/// Query parameters whose value may be shown: how much and in what form is asked for.
const PARAMETERS: [&str; 9] = [
    "count",
    "limit",
    "maxResults",
    "offset",
    "output_mode",
    "size",
    "startAt",
    "sysparm_limit",
    "sysparm_offset",
];

/// Longer values are cut: a log line is no place for more.
const LONGEST: usize = 128;

/// Headers with the values that may be shown.
pub(crate) struct Headers<'a>(pub(crate) &'a HeaderMap);

impl fmt::Display for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, value)) in self.0.iter().enumerate() {
            let shown = HEADERS.contains(name) && !value.is_sensitive();
            let value = value.to_str().ok().filter(|v| shown && v.len() <= LONGEST);
            let comma = if n > 0 { ", " } else { "" };
            write!(f, "{comma}{name}: {}", value.unwrap_or(HIDDEN))?;
        }
        Ok(())
    }
}

/// A URL without the values of its query but those that may be shown, and without a user.
pub(crate) struct Shown<'a>(pub(crate) &'a Url);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0;
        write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(url.path())?;
        for (n, (key, value)) in
            form_urlencoded::parse(url.query().unwrap_or_default().as_bytes()).enumerate()
        {
            let plain =
                |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            let shown = PARAMETERS.contains(&&*key) && plain(&value) && value.len() <= LONGEST;
            let value = if shown { &*value } else { HIDDEN };
            let key = if plain(&key) && key.len() <= LONGEST { &*key } else { HIDDEN };
            write!(f, "{}{key}={value}", if n == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_on_the_list_is_shown() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("authorization", "Bearer cnry"),
            ("x-pan-key", "cnry"),
            ("cookie", "sid=cnry"),
            ("x-anything-new", "cnry"),
            ("retry-after", "7"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers.insert("accept", "a".repeat(200).parse().unwrap());
        headers.insert("age", {
            let mut v: http::HeaderValue = "cnry".parse().unwrap();
            v.set_sensitive(true);
            v
        });
        let shown = Headers(&headers).to_string();
        assert!(shown.contains("content-type: application/json"), "{shown}");
        assert!(shown.contains("retry-after: 7") && shown.contains("x-pan-key: …"), "{shown}");
        assert!(!shown.contains("cnry") && !shown.contains("aaa"), "{shown}");
    }

    #[test]
    fn a_url_is_shown_without_the_values_of_its_query() {
        let url = "https://u:cnry@a.example:8089/x/y?limit=5&q=cnry&cn%20ry=1&size=cn%20ry#cnry";
        let shown = Shown(&url.parse().unwrap()).to_string();
        assert_eq!(shown, "https://a.example:8089/x/y?limit=5&q=…&…=…&size=…");
    }
}
