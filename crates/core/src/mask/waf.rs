//! What a rule of a WAF quotes from a secret variable.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::Masker;
use super::text::{Span, end_of_quoted};

static FINDERS: LazyLock<[(&str, Finder<'static>); 6]> = LazyLock::new(|| {
    [
        "ARGS:",
        "ARGS_POST:",
        "ARGS_GET:",
        "REQUEST_COOKIES:",
        "REQUEST_HEADERS:",
        "RESPONSE_HEADERS:",
    ]
    .map(|variable| (variable, Finder::new(variable)))
});

/// `Matched Data: … found within ARGS:password: …`,
/// ``variable `ARGS:password' (Value: `…' )``.
pub(super) fn quoted(masker: &Masker, text: &str, spans: &mut Vec<Span>) {
    // In a JSON document the value ends with its string, in a line of an error log with the `"]` of
    // its field, and a message alone is the value to its end.
    let json = text.trim_start().starts_with(['{', '[']);
    let bytes = text.as_bytes();
    for finder in FINDERS.iter() {
        let variable = finder.0;
        // A value is quoted once before and once after the variable; each search goes on from there.
        let (mut done, mut floor) = (0, 0);
        for at in finder.1.find_iter(bytes) {
            let name = name(&text[at + variable.len()..]);
            let secret = match variable {
                "REQUEST_COOKIES:" => true,
                "REQUEST_HEADERS:" | "RESPONSE_HEADERS:" => masker.is_secret_header(name),
                _ => masker.is_secret_key(name),
            };
            if at < done || !secret {
                continue;
            }
            if let Some(found) = text[floor..at].strip_suffix(" found within ")
                && let Some(data) = found.rfind("Matched Data: ")
            {
                spans.push(floor + data + 14..floor + found.len());
            }
            floor = at;
            let after = at + variable.len() + name.len();
            let rest = &text[after..];
            let end = |from| {
                if json {
                    return end_of_quoted(bytes, from, b'"', 0);
                }
                text[from..].find("\"]").map_or(text.len(), |n| from + n)
            };
            if rest.starts_with(": ") {
                done = end(after + 2);
                spans.push(after + 2..done);
            } else if let Some(n) = [" (Value: `", "' (Value: `"]
                .iter()
                .find_map(|open| rest.starts_with(open).then_some(open.len()))
            {
                let start = after + n;
                let field = text[start..].find("' ) [").map_or_else(|| end(start), |n| start + n);
                let field = field.min(if json { end(start) } else { text.len() });
                done = text[start..field].rfind("' )").map_or(field, |n| start + n);
                spans.push(start..done);
            }
        }
    }
}

fn name(text: &str) -> &str {
    let part = |c: char| c.is_alphanumeric() || "._-[]".contains(c);
    &text[..text.find(|c| !part(c)).unwrap_or(text.len())]
}
