//! Masking in text of no known shape: what follows the name of a secret, and what looks like one.
//!
//! A line may come from an attacker and be long, so every search goes over it once: each keeps the
//! end of what it has found and begins there.

use std::borrow::Cow;

use super::fields::decoded;
use super::{Masker, Mode, shapes, waf};

/// A secret in a text: what to mask.
pub(super) type Span = std::ops::Range<usize>;

/// Longer names are cut to this many characters, from the right.
const LONGEST_NAME: usize = 64;

impl Masker {
    /// Text in which anything may stand: a log line, a message, a JSON document as text.
    ///
    /// Masked are: the value after the name of a secret (`password=…`, `"token": "…"`, also where
    /// the JSON is escaped inside a string or the pair is percent-encoded inside another);
    /// the credential after `Bearer`, `Basic` and the like, and in a URL before the `@`; cookies
    /// after `Cookie`; what a rule of a WAF quotes from a secret variable
    /// (`found within ARGS:password: …`); tokens of the shape of a JWT; card numbers.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.mode == Mode::Keep {
            return Cow::Borrowed(text);
        }
        let mut spans = Vec::new();
        self.named(text, &mut spans);
        self.percent_encoded(text, &mut spans);
        waf::quoted(self, text, &mut spans);
        shapes::find(text, &mut spans);
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

    /// `name=value`, `name: value`, `"name":"value"` with any number of backslashes,
    /// `<name>value<`.
    fn named(&self, text: &str, spans: &mut Vec<Span>) {
        let mut done = 0;
        for at in memchr::memchr3_iter(b':', b'=', b'>', text.as_bytes()) {
            if at < done {
                continue;
            }
            let sign = text.as_bytes()[at];
            let Some(name) = Name::before(text, done, at) else { continue };
            let first = spans.len();
            self.value_after(text, at, sign, &name, spans);
            done = spans[first..].iter().fold(done, |done, span| done.max(span.end));
        }
    }

    fn value_after(&self, text: &str, at: usize, sign: u8, name: &Name<'_>, spans: &mut Vec<Span>) {
        let bytes = text.as_bytes();
        let header = sign == b':' && self.is_secret_header(&name.text);
        if !header && !self.is_secret_key(&name.text) {
            return;
        }
        if sign == b'>' {
            if name.tag {
                spans.push(at + 1..end_at(bytes, at + 1, b"<"));
            }
            return;
        }
        let start = at + 1 + bytes[at + 1..].iter().take_while(|b| **b == b' ').count();
        let slashes = bytes[start..].iter().take_while(|b| **b == b'\\').count();
        match bytes.get(start + slashes).copied() {
            Some(quote @ (b'"' | b'\'')) => {
                let from = start + slashes + 1;
                let end = end_of_quoted(bytes, from, quote, slashes);
                members(text, from..end, &name.text, spans);
            }
            // A list of secrets; of objects, their own names decide.
            Some(b'[') if name.quoted => strings(bytes, start + 1, spans),
            Some(b'{') if name.quoted => {}
            _ if name.quoted => {
                let end = end_at(bytes, start, b",}] \t\r\n");
                if !matches!(&text[start..end], "null" | "true" | "false") {
                    spans.push(start..end);
                }
            }
            _ if header => {
                let end = match name.text.to_ascii_lowercase().as_str() {
                    "set-cookie" => end_at(bytes, start, b";\"\\\r\n"),
                    _ => end_at(bytes, start, b"\"\\\r\n"),
                };
                members(text, start..end, &name.text, spans);
            }
            _ if sign == b'=' => spans.push(start..end_of_form_value(bytes, start)),
            // In prose only what can hardly be anything else.
            _ if self.is_plain_word(&name.text) => {
                spans.push(start..end_at(bytes, start, b",;\"\\<> \t\r\n"));
            }
            _ => {}
        }
    }

    /// A pair inside a value, percent-encoded once or twice: `next=%2Freset%3Ftoken%3D…`,
    /// `%22token%22%3A%22…`.
    fn percent_encoded(&self, text: &str, spans: &mut Vec<Span>) {
        let bytes = text.as_bytes();
        let mut done = 0;
        for at in memchr::memchr_iter(b'%', bytes) {
            if at < done {
                continue;
            }
            let (Some(sign), percent) = encoded(bytes, at) else { continue };
            if !matches!(sign, b'=' | b':') {
                continue;
            }
            let Some(name) = Name::before(text, done, at) else { continue };
            if !self.is_secret_key(&name.text) {
                continue;
            }
            let mut start = at + percent;
            let quoted = matches!(encoded(bytes, start), (Some(b'"'), _));
            if quoted {
                start += encoded(bytes, start).1;
            } else if sign == b':' {
                continue;
            }
            let ends = |i: &usize| match bytes[*i] {
                b'%' => match encoded(bytes, *i).0 {
                    Some(b'"') => quoted,
                    Some(b'&' | b';' | b'#') => !quoted,
                    _ => false,
                },
                b => b"&\"'\\<> \t\r\n".contains(&b),
            };
            done = (start..bytes.len()).find(ends).unwrap_or(bytes.len());
            spans.push(start..done);
        }
    }
}

/// The name before a sign.
struct Name<'t> {
    /// Percent-decoded, without what stands before it in a path or query.
    text: Cow<'t, str>,
    /// Whether it stands in quotes.
    quoted: bool,
    /// Whether it is that of an XML element.
    tag: bool,
}

impl<'t> Name<'t> {
    /// The name that ends right before `at` and begins at `floor` at the earliest.
    fn before(text: &'t str, floor: usize, at: usize) -> Option<Self> {
        let before = text[floor..at].trim_end_matches(' ');
        let mut bare = before.trim_end_matches(['"', '\'', '\\']);
        let mut quoted = bare.len() < before.len();
        if let Some(encoded) = bare.strip_suffix("%22").or_else(|| bare.strip_suffix("%2522")) {
            (bare, quoted) = (encoded, true);
        }
        let part = |c: char| c.is_alphanumeric() || "_-.[]%".contains(c);
        let chars = bare.char_indices().rev().take(LONGEST_NAME);
        let start = chars.take_while(|(_, c)| part(*c)).last()?.0;
        let front = &bare[..start];
        let space = front.strip_suffix(':').map(|f| f.trim_end_matches(char::is_alphanumeric));
        let tag = space.unwrap_or(front).ends_with('<');
        let raw = &bare[start..];
        let text = if raw.contains('%') {
            let decoded = decoded(&decoded(raw));
            let last = decoded.rsplit(['?', '&', ';', '/', '=', '"', ' ', ',', '{']).next();
            Cow::Owned(last.unwrap_or_default().to_owned())
        } else {
            Cow::Borrowed(raw)
        };
        Some(Self { text, quoted, tag })
    }
}

/// The value of a header or member: cookies keep their names, credentials their scheme.
fn members(text: &str, span: Span, name: &str, spans: &mut Vec<Span>) {
    let value = &text[span.clone()];
    match name.to_ascii_lowercase().as_str() {
        "cookie" => {
            let mut at = span.start;
            for pair in value.split(';') {
                let start = pair.find('=').map_or(pair.len() - pair.trim_start().len(), |n| n + 1);
                spans.push(at + start..at + pair.len());
                at += pair.len() + 1;
            }
        }
        // The attributes of a Set-Cookie are no secrets.
        "set-cookie" => {
            let pair = value.split(';').next().unwrap_or_default();
            let start = pair.find('=').map_or(0, |n| n + 1);
            spans.push(span.start + start..span.start + pair.len());
        }
        name if name.ends_with("authorization") => {
            let scheme = value.find(' ').filter(|n| is_scheme(&value[..*n]));
            spans.push(span.start + scheme.map_or(0, |n| n + 1)..span.end);
        }
        _ => spans.push(span),
    }
}

/// Whether it is a word such as `Bearer`.
pub(super) fn is_scheme(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
}

/// The strings of a JSON list that begins at `at`, up to its end or an object in it.
fn strings(bytes: &[u8], mut at: usize, spans: &mut Vec<Span>) {
    while let Some(byte) = bytes.get(at) {
        let slashes = bytes[at..].iter().take_while(|b| **b == b'\\').count();
        if slashes > 0 || *byte == b'"' {
            let from = at + slashes + 1;
            let end = end_of_quoted(bytes, from.min(bytes.len()), b'"', slashes);
            spans.push(from.min(end)..end);
            at = end + slashes + 1;
        } else if matches!(byte, b']' | b'{' | b'}') {
            return;
        } else {
            at += 1;
        }
    }
}

/// Where the first of these bytes stands, or the end.
fn end_at(bytes: &[u8], from: usize, stops: &[u8]) -> usize {
    bytes[from..].iter().position(|b| stops.contains(b)).map_or(bytes.len(), |n| from + n)
}

/// The end of a value after `=`. A backslash ends it only where it escapes a quote or a line end.
fn end_of_form_value(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'n' | b'r' | b't')) => return at,
            b'\\' if matches!(bytes.get(at + 1), Some(b'\\')) => at += 2,
            b'&' | b';' | b'"' | b'<' | b'>' | b' ' | b'\t' | b'\r' | b'\n' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of a quoted text that begins at `from`: the same quote behind as many backslashes.
pub(super) fn end_of_quoted(bytes: &[u8], from: usize, quote: u8, slashes: usize) -> usize {
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

/// The character that `%XX` or `%25XX` at `at` stands for, and how long that is.
fn encoded(bytes: &[u8], at: usize) -> (Option<u8>, usize) {
    let twice = bytes[at..].starts_with(b"%25");
    let from = at + if twice { 3 } else { 1 };
    let digits = bytes.get(from..from + 2).filter(|_| bytes.get(at) == Some(&b'%'));
    let text = digits.and_then(|d| std::str::from_utf8(d).ok());
    (text.and_then(|d| u8::from_str_radix(d, 16).ok()), from + 2 - at)
}
