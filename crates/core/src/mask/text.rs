//! Masking in text of no known shape: what follows the name of a secret, and what looks like one.

use std::borrow::Cow;

use super::{Masker, Mode};

/// A secret in a text: what to mask.
type Span = std::ops::Range<usize>;

impl Masker {
    /// Text in which anything may stand: a log line, a message, a JSON document as text.
    ///
    /// Masked are: the value after the name of a secret (`password=…`, `"token": "…"`, also where
    /// the JSON is escaped inside a string); the credential after `Bearer`, `Basic` and the like;
    /// cookies after `Cookie`; what a rule of a WAF quotes from a secret variable
    /// (`found within ARGS:password: …`); tokens of the shape of a JWT; card numbers.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.mode == Mode::Keep {
            return Cow::Borrowed(text);
        }
        let mut spans = Vec::new();
        self.named(text, &mut spans);
        self.quoted_by_a_waf(text, &mut spans);
        schemes(text, &mut spans);
        jwts(text, &mut spans);
        cards(text, &mut spans);
        self.masked(text, spans)
    }

    fn masked<'t>(&self, text: &'t str, mut spans: Vec<Span>) -> Cow<'t, str> {
        spans.retain(|s| !s.is_empty());
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        spans.sort_by_key(|s| (s.start, usize::MAX - s.end));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for span in spans {
            if span.end <= done {
                continue;
            }
            let start = span.start.max(done);
            out.push_str(&text[done..start]);
            out.push_str(&self.value(&text[start..span.end]));
            done = span.end;
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }

    /// `name=value`, `name: value`, `"name":"value"` with any number of backslashes.
    fn named(&self, text: &str, spans: &mut Vec<Span>) {
        let bytes = text.as_bytes();
        for (at, _) in text.match_indices([':', '=']) {
            let Some((name, quoted)) = name_before(text, at) else { continue };
            let header = bytes[at] == b':' && self.is_secret_header(name);
            if !header && !self.is_secret_key(name) {
                continue;
            }
            let mut start = at + 1;
            while bytes.get(start) == Some(&b' ') {
                start += 1;
            }
            let slashes = bytes[start..].iter().take_while(|b| **b == b'\\').count();
            let quote = bytes.get(start + slashes).copied();
            if let Some(quote @ (b'"' | b'\'')) = quote {
                let from = start + slashes + 1;
                self.members(text, from..end_of_quoted(bytes, from, quote, slashes), name, spans);
            } else if quoted && matches!(quote, Some(b'{' | b'[')) {
                // A list or object under a secret name: its own names decide.
            } else {
                let until = |b: &u8| b"&,;\"'`)}]<>\\ \t\r\n".contains(b);
                let to = bytes[start..].iter().position(until).map_or(bytes.len(), |n| start + n);
                // Unquoted text after a colon is prose unless it is a header's.
                if bytes[at] == b'=' || header || quoted {
                    spans.push(start..to);
                }
            }
        }
    }

    /// The value in quotes: cookies keep their names, credentials their scheme.
    fn members(&self, text: &str, span: Span, name: &str, spans: &mut Vec<Span>) {
        let value = &text[span.clone()];
        if matches!(name.to_ascii_lowercase().as_str(), "cookie" | "set-cookie") {
            let mut at = span.start;
            for (i, pair) in value.split(';').enumerate() {
                // The attributes of a Set-Cookie are no secrets.
                if i == 0 || name.len() == 6 {
                    let start = pair.find('=').map_or(0, |n| n + 1);
                    spans.push(at + start..at + pair.len());
                }
                at += pair.len() + 1;
            }
            return;
        }
        let lower = name.to_ascii_lowercase();
        let scheme = lower.ends_with("authorization").then(|| value.find(' ')).flatten();
        spans.push(span.start + scheme.map_or(0, |n| n + 1)..span.end);
    }

    /// What a rule quotes: `found within ARGS:password: …`, `variable `ARGS:password' (Value: `…' )`.
    fn quoted_by_a_waf(&self, text: &str, spans: &mut Vec<Span>) {
        for kind in [
            "ARGS:",
            "ARGS_POST:",
            "ARGS_GET:",
            "REQUEST_COOKIES:",
            "REQUEST_HEADERS:",
            "RESPONSE_HEADERS:",
        ] {
            for (at, _) in text.match_indices(kind) {
                let from = at + kind.len();
                let name_end = text[from..]
                    .find(|c: char| !(c.is_alphanumeric() || "._-[]".contains(c)))
                    .map_or(text.len(), |n| from + n);
                let name = &text[from..name_end];
                let secret = match kind {
                    "REQUEST_COOKIES:" => true,
                    "REQUEST_HEADERS:" | "RESPONSE_HEADERS:" => self.is_secret_header(name),
                    _ => self.is_secret_key(name),
                };
                if !secret {
                    continue;
                }
                let rest = &text[name_end..];
                if let Some(value) = rest.strip_prefix(": ") {
                    // To the end of the JSON string that holds it, or of the line.
                    let start = text.len() - value.len();
                    let end = end_of_quoted(text.as_bytes(), start, b'"', 0);
                    spans.push(start..end);
                } else if let Some(n) = rest.find("(Value: `").filter(|n| *n < 8) {
                    let start = name_end + n + 9;
                    let end = text[start..].find("' )").map_or(text.len(), |n| start + n);
                    spans.push(start..end);
                }
                // What matched stands before: `Matched Data: … found within ARGS:password`.
                if let Some(found) = text[..at].strip_suffix(" found within ")
                    && let Some(data) = found.rfind("Matched Data: ")
                {
                    spans.push(data + 14..found.len());
                }
            }
        }
    }
}

/// The name that ends right before `at`, and whether it stands in quotes.
fn name_before(text: &str, at: usize) -> Option<(&str, bool)> {
    let before = text[..at].trim_end_matches(' ');
    let bare = before.trim_end_matches(['"', '\'', '\\']);
    let quoted = bare.len() < before.len();
    let name = |c: char| c.is_alphanumeric() || "_-.[]".contains(c);
    let start = bare.char_indices().rev().take(64).take_while(|(_, c)| name(*c)).last()?.0;
    Some((&bare[start..], quoted))
}

/// The end of a quoted text that begins at `from`: the same quote behind as many backslashes.
fn end_of_quoted(bytes: &[u8], from: usize, quote: u8, slashes: usize) -> usize {
    let mut run = 0;
    for (i, b) in bytes[from..].iter().enumerate() {
        match *b {
            b'\\' => run += 1,
            b if b == quote && run <= slashes && (run == slashes || run % 2 == 0) => {
                return from + i - run;
            }
            _ => run = 0,
        }
    }
    bytes.len()
}

/// `Bearer …`, `Basic …`, `Splunk …`, `ApiKey …`
fn schemes(text: &str, spans: &mut Vec<Span>) {
    for scheme in ["Bearer ", "bearer ", "Basic ", "Splunk ", "ApiKey "] {
        for (at, _) in text.match_indices(scheme) {
            let start = at + scheme.len();
            let token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=:".contains(c);
            let end = text[start..].find(|c| !token(c)).map_or(text.len(), |n| start + n);
            if end - start >= 8 {
                spans.push(start..end);
            }
        }
    }
}

/// Three parts of base64url, of which the first begins with `eyJ`, `{"` in base64.
fn jwts(text: &str, spans: &mut Vec<Span>) {
    for (start, _) in text.match_indices("eyJ") {
        let token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let end = text[start..].find(|c| !token(c)).map_or(text.len(), |n| start + n);
        if text[start..end].matches('.').count() == 2 {
            spans.push(start..end);
        }
    }
}

/// 13 to 19 digits, with single spaces or dashes between them, that pass Luhn's check and begin as
/// card numbers do.
fn cards(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(n) = bytes[at..].iter().position(u8::is_ascii_digit) {
        let start = at + n;
        let part = |b: &u8| b.is_ascii_digit() || *b == b' ' || *b == b'-';
        let mut end =
            bytes[start..].iter().position(|b| !part(b)).map_or(bytes.len(), |n| start + n);
        while !bytes[end - 1].is_ascii_digit() {
            end -= 1;
        }
        let digits: Vec<u8> =
            bytes[start..end].iter().filter(|b| b.is_ascii_digit()).map(|b| b - b'0').collect();
        let framed = start > 0
            && (bytes[start - 1].is_ascii_alphanumeric() || bytes[start - 1] == b'.')
            || bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.');
        if (13..=19).contains(&digits.len())
            && !framed
            && (3..=6).contains(&digits[0])
            && luhn(&digits)
        {
            spans.push(start..end);
        }
        at = end;
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            let d = u32::from(*d) * if i % 2 == 1 { 2 } else { 1 };
            if d > 9 { d - 9 } else { d }
        })
        .sum();
    sum % 10 == 0
}
