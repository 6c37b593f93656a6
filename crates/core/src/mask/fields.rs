//! Masking where the shape is known: headers, cookies, query strings.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::text::is_scheme;
use super::{Masker, Mode};

impl Masker {
    /// A header's value. `Authorization` keeps its scheme, cookies keep their names.
    pub fn header<'v>(&self, name: &str, value: &'v str) -> Cow<'v, str> {
        if self.mode == Mode::Keep || value.is_empty() {
            return Cow::Borrowed(value);
        }
        match name.to_ascii_lowercase().as_str() {
            "cookie" => Cow::Owned(self.cookies(value)),
            "set-cookie" => {
                let (pair, rest) = value.split_once(';').unwrap_or((value, ""));
                let rest = if rest.is_empty() { String::new() } else { format!(";{rest}") };
                Cow::Owned(format!("{}{rest}", self.cookies(pair)))
            }
            "authorization" | "proxy-authorization" => match value.split_once(' ') {
                Some((scheme, rest)) if is_scheme(scheme) => {
                    Cow::Owned(format!("{scheme} {}", self.value(rest)))
                }
                _ => Cow::Owned(self.value(value)),
            },
            "referer" | "referrer" | "location" => self.url(value),
            name if self.is_secret_header(name) => Cow::Owned(self.value(value)),
            _ => self.text(value),
        }
    }

    fn cookies(&self, value: &str) -> String {
        let cookie = |pair: &str| match pair.split_once('=') {
            Some((name, value)) => format!("{name}={}", self.value(value.trim_matches('"'))),
            None => self.value(pair),
        };
        value.split(';').map(|pair| cookie(pair.trim())).collect::<Vec<_>>().join("; ")
    }

    /// A URL or a request target: its query, and what in its path looks like a secret.
    pub fn url<'v>(&self, url: &'v str) -> Cow<'v, str> {
        if self.mode == Mode::Keep {
            return Cow::Borrowed(url);
        }
        match url.split_once('?') {
            Some((path, query)) => Cow::Owned(format!("{}?{}", self.text(path), self.query(query))),
            None => self.text(url),
        }
    }

    /// A query string or a form: the values of secret keys, and what else looks like a secret.
    pub fn query<'v>(&self, query: &'v str) -> Cow<'v, str> {
        if self.mode == Mode::Keep || query.is_empty() {
            return Cow::Borrowed(query);
        }
        let mut out = String::with_capacity(query.len());
        for (i, pair) in query.split('&').enumerate() {
            if i > 0 {
                out.push('&');
            }
            match pair.split_once('=') {
                Some((key, value)) if self.is_secret_key(&decoded(key)) => {
                    let _ = write!(out, "{key}={}", self.value(value));
                }
                _ => out.push_str(&self.text(pair)),
            }
        }
        Cow::Owned(out)
    }
}

/// Percent-decoded, lossily: enough to see what a key is called.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        match (*first, digits.and_then(|d| u8::from_str_radix(d, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (byte, _) => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
