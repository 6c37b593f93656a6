//! Looking for secrets where none should be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::memmem;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// The canaries that stand in `text`: as they are, percent-encoded, JSON-escaped or in base64.
pub fn leaks<'c>(text: &[u8], canaries: impl IntoIterator<Item = &'c str>) -> Vec<&'c str> {
    let held = |form: &[u8]| !form.is_empty() && memmem::find(text, form).is_some();
    let leaked = |canary: &&str| {
        let json = serde_json::to_string(canary).unwrap_or_default();
        let percent = percent_encode(canary.as_bytes(), NON_ALPHANUMERIC).to_string();
        held(canary.as_bytes())
            || held(json.trim_matches('"').as_bytes())
            || held(percent.as_bytes())
            || base64_forms(canary.as_bytes()).iter().any(|form| held(form.as_bytes()))
    };
    canaries.into_iter().filter(leaked).collect()
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
}
