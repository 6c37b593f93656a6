//! Looking for secrets where none should be.
//!
//! A canary is a text that stands in one place of a test's input alone: a token, a customer's field.
//! [`Outputs`] gathers what somebody may read, [`Watch`] the logs and panics of a process, and
//! [`Canaries`] finds what leaked, in whatever form.

mod outputs;
mod views;
mod watch;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode};

use crate::log::Log;

pub(crate) use outputs::on_the_way;
pub use outputs::{Leak, Outputs};
pub use watch::Watch;

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the URL standard encodes in a query.
const IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');

/// Secrets to look for, in the forms in which they could stand somewhere: as they are,
/// percent-encoded or JSON-escaped, wholly or in part, in base64, in hexadecimal digits, within
/// gzip, and each within the other. A text is read once, however many they are.
#[derive(Debug)]
pub struct Canaries<'c> {
    all: Vec<&'c str>,
    /// The canary of each form that is looked for.
    of_form: Vec<usize>,
    forms: AhoCorasick,
}

impl<'c> Canaries<'c> {
    /// Gets ready to look for these; empty ones are nowhere.
    pub fn new(canaries: impl IntoIterator<Item = &'c str>) -> Self {
        let canaries: Vec<&str> = canaries.into_iter().collect();
        let (mut forms, mut of_form) = (Vec::new(), Vec::new());
        for (index, canary) in canaries.iter().enumerate() {
            let own = forms_of(canary);
            of_form.extend(own.iter().map(|_| index));
            forms.extend(own);
        }
        let forms = AhoCorasick::new(forms).expect("as many forms as fit into memory");
        Self { all: canaries, of_form, forms }
    }

    /// Those that stand in `text`.
    pub fn in_text(&self, text: &[u8]) -> Vec<&'c str> {
        self.indices_in(text).into_iter().map(|index| self.all[index]).collect()
    }

    /// The positions of those that stand in `text`.
    fn indices_in(&self, text: &[u8]) -> BTreeSet<usize> {
        let mut leaked = BTreeSet::new();
        views::each(text, &mut |view| {
            // Overlapping: one canary may hold another.
            let found = self.forms.find_overlapping_iter(view);
            leaked.extend(found.map(|m| self.of_form[m.pattern().as_usize()]));
        });
        leaked
    }
}

/// The canaries that stand in one text, as [`Canaries`] finds them.
pub fn leaks<'c>(text: &[u8], canaries: impl IntoIterator<Item = &'c str>) -> Vec<&'c str> {
    Canaries::new(canaries).in_text(text)
}

fn forms_of(canary: &str) -> BTreeSet<String> {
    let json = serde_json::to_string(canary).unwrap_or_default();
    let json = json.strip_prefix('"').and_then(|j| j.strip_suffix('"')).unwrap_or_default();
    let mut forms = BTreeSet::from([canary.to_owned()]);
    for json in [json.to_owned(), ascii(json)] {
        forms.extend([json.replace('/', "\\/"), json]);
    }
    // Encoders differ in what they leave as it is, and in the case of their digits.
    for set in [NON_ALPHANUMERIC, RESERVED, IN_QUERY] {
        let encoded = percent_encode(canary.as_bytes(), set).to_string();
        forms.extend([encoded.replace("%20", "+"), lower_case(&encoded), encoded]);
    }
    forms.extend(base64_forms(canary.as_bytes()));
    let mut hex = String::new();
    for byte in canary.bytes() {
        let _ = write!(hex, "{byte:02x}");
    }
    forms.extend([hex.to_ascii_uppercase(), hex]);
    forms.remove("");
    forms
}

/// JSON as encoders write it that keep to ASCII: `ü` → `\u00fc`.
fn ascii(json: &str) -> String {
    let mut text = String::new();
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// `%2F` → `%2f`
fn lower_case(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or(("", piece));
        let _ = write!(text, "%{}{rest}", digits.to_ascii_lowercase());
    }
    text
}

/// What of the base64 of a longer text is the canary's alone, at each of the three offsets and in
/// both alphabets.
fn base64_forms(canary: &[u8]) -> Vec<String> {
    let forms = (0..3).map(|offset| {
        let mut padded = vec![0; offset];
        padded.extend_from_slice(canary);
        let text = STANDARD_NO_PAD.encode(&padded);
        let skip = [0, 2, 3][offset];
        let whole = padded.len() / 3 * 4;
        text.get(skip..whole).unwrap_or_default().to_owned()
    });
    let forms = forms.filter(|form| form.len() >= 8);
    forms.flat_map(|form| [form.replace('+', "-").replace('/', "_"), form]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_leak_is_found_in_every_form() {
        let canary = "cnry-0123456789abcdef";
        let found = |text: &str| leaks(text.as_bytes(), [canary]) == [canary];
        assert!(found("x cnry-0123456789abcdef y"));
        assert!(found("token=cnry%2D0123456789abcdef"));
        for prefix in ["", "u:", "us:", "user:"] {
            let header = format!("Basic {}", STANDARD_NO_PAD.encode(format!("{prefix}{canary}")));
            assert!(found(&header), "{prefix}");
        }
        assert!(!found("cnry-0123456789abcde"));
    }

    /// Each form by itself, and forms within forms.
    #[test]
    fn what_is_decoded_to_a_canary_is_found() {
        let canary = "cnry-0123456789/abcdef";
        let found = |text: &[u8]| leaks(text, [canary]) == [canary];
        let gzip = |text: &[u8]| {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut packed, text).unwrap();
            packed.finish().unwrap()
        };
        let every = |form: fn(u8) -> String| canary.bytes().map(form).collect::<String>();
        let hex = every(|b| format!("{b:02x}"));
        let whole = every(|b| format!("%{b:02X}"));
        let part = canary.replace('0', "%30").replace('y', "%79").replace('/', "%2f");
        let escaped = canary.replace('c', "\\u0063").replace('/', "\\/").replace('5', "\\u0035");
        assert!(found(hex.as_bytes()) && found(hex.to_uppercase().as_bytes()));
        assert!(found(whole.as_bytes()), "{whole}");
        assert!(found(part.as_bytes()), "{part}");
        assert!(found(format!("{{\"a\":\"{escaped}\"}}").as_bytes()), "{escaped}");
        // A JSON text in a JSON string, and that in a query.
        let nested = serde_json::to_string(&format!("{{\"a\":\"{escaped}\"}}")).unwrap();
        assert!(found(nested.as_bytes()), "{nested}");
        let query = percent_encode(nested.as_bytes(), NON_ALPHANUMERIC).to_string();
        assert!(found(query.as_bytes()), "{query}");
        let padded = STANDARD_NO_PAD.encode(format!("u:{canary}"));
        let in_query = percent_encode(padded.as_bytes(), NON_ALPHANUMERIC).to_string();
        assert!(found(in_query.as_bytes()), "{in_query}");

        let mut packed = b"POST / \r\n\r\n".to_vec();
        packed.extend(gzip(b"nothing"));
        packed.extend(gzip(format!("x {part}").as_bytes()));
        assert!(found(&packed));
        packed.truncate(packed.len() - 9);
        assert!(found(&packed), "a damaged member is read as far as it goes");
        assert!(found(&gzip(&gzip(canary.as_bytes()))));
        assert!(!found(&gzip(b"cnry-0123456789")));
        // What is no escape is left as it is.
        assert!(!found(b"\\u00 \\ud800 \\ud800\\u0041 % %zz \\"));
        let emoji = "cnry-\u{1f600}-abc";
        assert_eq!(leaks(br"cnry-\uD83D\ude00-abc", [emoji]), [emoji]);
    }

    #[test]
    fn encoders_differ() {
        let canary = "s3cr-t/a+b c~über";
        let texts = [
            "s3cr-t%2Fa%2Bb%20c~%C3%BCber",
            "s3cr-t%2fa%2bb%20c~%c3%bcber",
            "s3cr-t%2Fa%2Bb+c~%C3%BCber",
            "s3cr%2Dt%2Fa%2Bb%20c%7E%C3%BCber",
            "s3cr-t/a+b%20c~%C3%BCber",
            r#"{"a":"s3cr-t\/a+b c~\u00fcber"}"#,
            r#"{"a":"s3cr-t\/a+b c~über"}"#,
        ];
        for text in texts {
            assert_eq!(leaks(text.as_bytes(), [canary]), [canary], "{text}");
        }
        assert_eq!(leaks(b"is 100% sure", ["100%", "%", "9%é"]), ["100%", "%"]);
        let canary = "ÿÿÿÿ?>?>?>";
        let url_safe = base64::engine::general_purpose::URL_SAFE.encode(canary);
        assert!(url_safe.contains(['-', '_']));
        assert_eq!(leaks(url_safe.as_bytes(), [canary]), [canary]);
    }

    #[test]
    fn every_canary_is_found_once_also_within_another() {
        let canaries =
            Canaries::new(["", "pass", "pass word", "a \"quoted\" one", "word", "absent"]);
        let text = br#"{"a":"pass word, pass word","b":"a \"quoted\" one"}"#;
        assert_eq!(canaries.in_text(text), ["pass", "pass word", "a \"quoted\" one", "word"]);
        assert!(canaries.in_text(b"").is_empty());
        assert!(leaks(text, []).is_empty());
    }
}
