//! Cutting that breaks no character.

use std::borrow::Cow;

/// In what a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Count {
    /// Unicode scalar values.
    Chars,
    /// UTF-16 code units, as Java and JavaScript products count.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
}

/// `text` within `limit`, cut between characters and ended with `…` where it was cut.
pub fn cut(text: &str, limit: usize, count: Count) -> Cow<'_, str> {
    let size = |c: char| match count {
        Count::Chars => 1,
        Count::Utf16 => c.len_utf16(),
        Count::Bytes => c.len_utf8(),
    };
    let mut used = 0;
    let mut fits = 0;
    let room = limit.saturating_sub(size('…'));
    for (at, c) in text.char_indices() {
        used += size(c);
        if used > limit {
            return match limit {
                0 => Cow::Borrowed(""),
                _ if size('…') > limit => Cow::Borrowed(&text[..fits]),
                _ => Cow::Owned(format!("{}…", &text[..fits])),
            };
        }
        if used <= room {
            fits = at + c.len_utf8();
        }
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t16_text_is_cut_at_characters_as_the_vendor_counts() {
        assert_eq!(cut("grüße", 5, Count::Chars), "grüße");
        assert_eq!(cut("grüße", 4, Count::Chars), "grü…");
        assert_eq!(cut("a😀b😀c", 4, Count::Utf16), "a😀…");
        assert_eq!(cut("grüße", 6, Count::Bytes), "gr…");
        assert_eq!(cut("abc", 0, Count::Chars), "");
        for limit in 0..12 {
            assert!(cut("ü😀ü😀ü", limit, Count::Bytes).len() <= limit);
        }
    }
}
