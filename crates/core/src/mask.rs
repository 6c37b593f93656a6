//! Masking: secrets of other people stay out of everything that is made from logs.
//!
//! A secret becomes `masked:` and eight hex digits of a keyed hash, so that two occurrences can be
//! seen to be the same and neither can be used. Masking what is masked changes nothing.

mod fields;
mod shapes;
mod text;
mod waf;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::hash::hex;
use crate::random;

/// What becomes of a secret: `[evidence] mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `masked:` and a short keyed hash.
    #[default]
    Mask,
    /// It stays. For a closed laboratory.
    Keep,
    /// It is taken out: `masked:`; readers leave out the raw line too.
    Drop,
}

/// Masks secrets. Its `Debug` shows no key.
#[derive(Clone)]
pub struct Masker {
    mode: Mode,
    key: [u8; 32],
    extra: HashSet<String>,
}

const PREFIX: &str = "masked:";

/// Names of headers that hold a secret, besides those whose name says so.
const HEADERS: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// Words that make a key's name that of a secret, wherever in the name they stand.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "credential",
    "privatekey",
    "accesskey",
    "authkey",
    "sessionid",
    "jwt",
];

/// Words that do so as the last word of the name: `loyaltyPin`, `X-Amz-Signature`.
const LAST_WORDS: &[&str] =
    &["pin", "otp", "pwd", "pass", "sid", "cvv", "cvc", "ssn", "sig", "signature"];

/// Names that are those of a secret as a whole.
const NAMES: &[&str] = &[
    "pwd",
    "pass",
    "pin",
    "otp",
    "sid",
    "session",
    "auth",
    "authorization",
    "key",
    "code",
    "signature",
    "sig",
    "access",
    "cvv",
    "cvc",
    "ssn",
    "phpsessid",
    "jsessionid",
    "cookie",
    "assertion",
    "nonce",
    "state",
];

impl Masker {
    /// A masker with a key of its own: only what it masked itself can be correlated.
    pub fn random(mode: Mode) -> Self {
        Self::new(mode, random::key())
    }

    /// A masker with a kept key.
    pub fn new(mode: Mode, key: [u8; 32]) -> Self {
        Self { mode, key, extra: HashSet::new() }
    }

    /// What becomes of a secret.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Takes a further key for that of a secret, such as one that an OpenAPI document marks.
    pub fn and_key(mut self, name: &str) -> Self {
        self.extra.insert(Name::of(name).text().to_owned());
        self
    }

    /// The masked form of a secret.
    pub fn value(&self, secret: &str) -> String {
        let masked = secret
            .strip_prefix(PREFIX)
            .is_some_and(|h| h.len() <= 8 && h.bytes().all(|b| b.is_ascii_hexdigit()));
        match self.mode {
            Mode::Keep => secret.to_owned(),
            _ if secret.is_empty() || masked => secret.to_owned(),
            Mode::Drop => PREFIX.to_owned(),
            Mode::Mask => {
                let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)
                    .expect("HMAC takes a key of any length");
                mac.update(secret.as_bytes());
                format!("{PREFIX}{}", hex(&mac.finalize().into_bytes()[..4]))
            }
        }
    }

    /// Whether a key's name is that of a secret: of a parameter, a form field, a JSON member.
    pub fn is_secret_key(&self, name: &str) -> bool {
        Name::of(last_word(name)).is_one_of(LAST_WORDS) || {
            let name = Name::of(name);
            // A dotted or bracketed path is judged by its last part too: `json.user[password]`.
            let last = name.last_part();
            name.has_one_of(WORDS)
                || [name.text(), last].iter().any(|n| NAMES.contains(n) || self.extra.contains(*n))
        }
    }

    /// Whether a name is that of a secret also in prose, before a colon.
    fn is_plain_word(&self, name: &str) -> bool {
        let name = Name::of(name);
        WORDS.iter().any(|w| name.text().ends_with(w)) || self.extra.contains(name.text())
    }

    /// Whether a header's name is that of a secret.
    pub fn is_secret_header(&self, name: &str) -> bool {
        HEADERS.iter().any(|header| header.eq_ignore_ascii_case(name)) || {
            let name = Name::of(name);
            let text = name.text().strip_prefix('x').unwrap_or(name.text());
            name.has_one_of(WORDS) || text == "auth" || text == "key"
        }
    }

    /// Bytes that are not text: masked where they look like text, and otherwise as they are.
    pub fn bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        if self.mode == Mode::Keep {
            return Cow::Borrowed(bytes);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => match self.text(text) {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
            // One character per byte and back: whatever is no UTF-8 passes through unchanged.
            Err(_) => {
                let latin: String = bytes.iter().map(|b| char::from(*b)).collect();
                let masked = self.text(&latin);
                Cow::Owned(masked.chars().map(|c| c as u32 as u8).collect())
            }
        }
    }
}

/// A name without the signs that people vary, in lower case: `X-Api_Key` → `xapikey`. It is asked
/// for at every colon and equals sign of every line, so it takes no memory of its own.
struct Name {
    bytes: [u8; 64],
    len: usize,
}

impl Name {
    /// Of a longer name the last 64 bytes count.
    fn of(name: &str) -> Self {
        let mut start = name.len().saturating_sub(64);
        while !name.is_char_boundary(start) {
            start += 1;
        }
        let mut plain = Self { bytes: [0; 64], len: 0 };
        let kept =
            name[start..].bytes().filter(|b| !matches!(b, b'-' | b'_' | b' ' | b'"' | b'\''));
        for byte in kept {
            plain.bytes[plain.len] = byte.to_ascii_lowercase();
            plain.len += 1;
        }
        plain
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("only ASCII was taken out")
    }

    fn last_part(&self) -> &str {
        let name = self.text().trim_end_matches(']');
        name.rsplit(['.', '[', ':']).next().unwrap_or(name)
    }

    fn is_one_of(&self, names: &[&str]) -> bool {
        names.contains(&self.text())
    }

    fn has_one_of(&self, words: &[&str]) -> bool {
        let name = &self.bytes[..self.len];
        words.iter().any(|word| name.windows(word.len()).any(|part| part == word.as_bytes()))
    }
}

/// The last word of a name, by its signs and its capitals: `userPin` → `Pin`.
fn last_word(name: &str) -> &str {
    let name = name.trim_end_matches([']', '"', '\'']);
    let start =
        name.char_indices().rev().zip(name.chars().rev().skip(1)).find_map(|((at, c), before)| {
            let sign = !before.is_alphanumeric();
            (sign || c.is_uppercase() && before.is_lowercase()).then_some(at)
        });
    &name[start.unwrap_or_default()..]
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masker({:?})", self.mode)
    }
}

#[cfg(test)]
mod tests;
