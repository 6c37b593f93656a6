//! Looking for secrets where none should be.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// Secrets to look for, in every form in which they could stand somewhere: as they are,
/// percent-encoded, JSON-escaped or in base64. A text is read once, however many they are.
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
        // Overlapping: one canary may hold another.
        let found = self.forms.find_overlapping_iter(text);
        let leaked: BTreeSet<usize> = found.map(|m| self.of_form[m.pattern().as_usize()]).collect();
        leaked.into_iter().map(|index| self.all[index]).collect()
    }
}

/// The canaries that stand in one text, as [`Canaries`] finds them.
pub fn leaks<'c>(text: &[u8], canaries: impl IntoIterator<Item = &'c str>) -> Vec<&'c str> {
    Canaries::new(canaries).in_text(text)
}

fn forms_of(canary: &str) -> BTreeSet<String> {
    let json = serde_json::to_string(canary).unwrap_or_default();
    let json = json.strip_prefix('"').and_then(|j| j.strip_suffix('"')).unwrap_or_default();
    let percent = percent_encode(canary.as_bytes(), NON_ALPHANUMERIC).to_string();
    let mut forms = BTreeSet::from([canary.to_owned(), json.to_owned(), percent]);
    forms.extend(base64_forms(canary.as_bytes()));
    forms.remove("");
    forms
}

/// What of the base64 of a longer text is the canary's alone, at each of the three offsets.
fn base64_forms(canary: &[u8]) -> Vec<String> {
    let forms = (0..3).map(|offset| {
        let mut padded = vec![0; offset];
        padded.extend_from_slice(canary);
        let text = STANDARD_NO_PAD.encode(&padded);
        let skip = [0, 2, 3][offset];
        let whole = padded.len() / 3 * 4;
        text.get(skip..whole).unwrap_or_default().to_owned()
    });
    forms.filter(|form| form.len() >= 8).collect()
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
