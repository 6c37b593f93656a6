//! What looks like a secret, whatever its name.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::PREFIX;
use super::text::Span;

pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    schemes(text, spans);
    user_information(text, spans);
    jwts(text, spans);
    cards(text, spans);
}

static SCHEMES: LazyLock<[Finder<'static>; 6]> = LazyLock::new(|| {
    ["Bearer ", "bearer ", "BEARER ", "Basic ", "Splunk ", "ApiKey "].map(Finder::new)
});
static AUTHORITY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("://"));
static JWT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("eyJ"));

/// `Bearer …`, `Basic …`, `Splunk …`, `ApiKey …`
fn schemes(text: &str, spans: &mut Vec<Span>) {
    for scheme in SCHEMES.iter() {
        for at in scheme.find_iter(text.as_bytes()) {
            let start = at + scheme.needle().len();
            let token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=:".contains(c);
            let end = text[start..].find(|c| !token(c)).map_or(text.len(), |n| start + n);
            if end - start >= 8 {
                spans.push(start..end);
            }
        }
    }
}

/// `https://user:password@host`, `https://token@host`
fn user_information(text: &str, spans: &mut Vec<Span>) {
    for at in AUTHORITY.find_iter(text.as_bytes()) {
        let start = at + 3;
        let authority = &text[start..];
        let over = |c: char| c.is_whitespace() || "/?#\"'<>\\".contains(c);
        let authority = &authority[..authority.find(over).unwrap_or(authority.len())];
        if let Some(user) = authority.rfind('@') {
            let user_name = authority[..user].find(':').filter(|_| !authority.starts_with(PREFIX));
            let secret = user_name.map_or(0, |n| n + 1);
            spans.push(start + secret..start + user);
        }
    }
}

/// Three parts of base64url, of which the first begins with `eyJ`, `{"` in base64.
fn jwts(text: &str, spans: &mut Vec<Span>) {
    let mut done = 0;
    while let Some(n) = JWT.find(&text.as_bytes()[done..]) {
        let start = done + n;
        let token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        done = text[start..].find(|c| !token(c)).map_or(text.len(), |n| start + n);
        if text[start..done].matches('.').count() >= 2 {
            spans.push(start..done);
        }
    }
}

/// 13 to 19 digits, with single spaces or dashes between groups of them, that pass Luhn's check and
/// begin as card numbers do.
fn cards(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    while let Some(start) = bytes[done..].iter().position(u8::is_ascii_digit).map(|n| done + n) {
        done = group_end(bytes, start);
        if begins_inside(bytes, start) {
            continue;
        }
        let mut digits: Vec<u8> = Vec::new();
        let (mut from, mut to) = (start, done);
        while digits.len() + (to - from) <= 19 {
            digits.extend(bytes[from..to].iter().map(|b| b - b'0'));
            if digits.len() >= 13 && !ends_inside(bytes, to) && is_card(&digits) {
                spans.push(start..to);
                done = to;
                break;
            }
            if !matches!(bytes.get(to), Some(b' ' | b'-')) {
                break;
            }
            (from, to) = (to + 1, group_end(bytes, to + 1));
            if from == to {
                break;
            }
        }
    }
}

fn group_end(bytes: &[u8], from: usize) -> usize {
    let digits = bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    from + digits
}

/// Whether a number goes on to the left: `a4111`, `0.4111`.
fn begins_inside(bytes: &[u8], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).map(|at| bytes[at]);
    match before(1) {
        Some(b'.') => before(2).is_some_and(|b| b.is_ascii_digit()),
        Some(b) => b.is_ascii_alphanumeric(),
        None => false,
    }
}

/// Whether a number goes on to the right.
fn ends_inside(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        Some(b'.') => bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        Some(b) => b.is_ascii_alphanumeric(),
        None => false,
    }
}

fn is_card(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            let d = u32::from(*d) * if i % 2 == 1 { 2 } else { 1 };
            if d > 9 { d - 9 } else { d }
        })
        .sum();
    (3..=6).contains(&digits[0]) && sum.is_multiple_of(10)
}
