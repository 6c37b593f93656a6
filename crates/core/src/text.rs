//! Text for people: a small document that every desk can show, and cutting that breaks nothing.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A document of paragraphs and code: what every desk can show.
///
/// Adapters render it (Jira: ADF or wiki markup; ServiceNow: plain text); [`Display`](fmt::Display)
/// is the plain form. Text is data: a renderer escapes it, so it can start no markup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RichText(Vec<Paragraph>);

/// One block of a [`RichText`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Paragraph {
    /// Running text.
    Text(String),
    /// Text that stands as it is, in a fixed-width face.
    Code(String),
}

impl RichText {
    /// An empty document.
    pub fn new() -> Self {
        Self::default()
    }

    /// One paragraph for each run of lines of `text` between blank lines.
    pub fn plain(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        let paragraphs = text.split("\n\n").map(|p| p.trim_matches('\n'));
        Self(paragraphs.filter(|p| !p.is_empty()).map(|p| Paragraph::Text(p.to_owned())).collect())
    }

    /// Adds a paragraph.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Paragraph::Text(text.into()));
        self
    }

    /// Adds a block of code.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.0.push(Paragraph::Code(code.into()));
        self
    }

    /// The blocks, in order.
    pub fn paragraphs(&self) -> &[Paragraph] {
        &self.0
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for RichText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, block) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            let (Paragraph::Text(text) | Paragraph::Code(text)) = block;
            f.write_str(text)?;
        }
        Ok(())
    }
}

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

    #[test]
    fn plain_text_becomes_paragraphs() {
        let doc = RichText::plain("one\r\ntwo\n\nthree\n");
        assert_eq!(doc.paragraphs().len(), 2);
        assert_eq!(doc.to_string(), "one\ntwo\n\nthree");
    }
}
