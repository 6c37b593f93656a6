//! Text for people: a small document that every desk can show, and cutting that breaks nothing.

mod block;
mod cut;
mod phrase;
mod plain;
mod shorten;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use block::{Block, Item, List};
pub use cut::{Count, cut};
pub use phrase::{Inline, Phrase, is_link};

/// A document of paragraphs, headings, lists, tables, quotes and code: what every desk can show.
///
/// Adapters render it (Jira: ADF or wiki markup; ServiceNow: plain text); [`Display`](std::fmt::Display)
/// is the plain form. Text is data: a renderer escapes it, so it can start no markup, and of links
/// only those that [`is_link`] knows lead anywhere.
///
/// ```
/// use watchfloor_core::{Phrase, RichText};
///
/// let text = RichText::new()
///     .heading(2, "Seen")
///     .text(Phrase::from("80 orders of others, see ").link("the runbook", "https://wiki.example/bola"))
///     .list(["GET /api/orders/7", "GET /api/orders/8"])
///     .table(["client", "requests"], [["203.0.113.7", "80"]]);
/// let plain = "Seen\n\n80 orders of others, see the runbook (https://wiki.example/bola)\n\n\
///              - GET /api/orders/7\n- GET /api/orders/8\n\nclient | requests\n203.0.113.7 | 80";
/// assert_eq!(text.to_string(), plain);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RichText(Vec<Block>);

impl RichText {
    /// An empty document.
    pub fn new() -> Self {
        Self::default()
    }

    /// One paragraph for each run of lines of `text` between blank lines.
    pub fn plain(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        let paragraphs = text.split("\n\n").map(|p| p.trim_matches('\n'));
        Self(paragraphs.filter(|p| !p.is_empty()).map(|p| Block::Text(p.into())).collect())
    }

    /// Adds a paragraph.
    pub fn text(self, text: impl Into<Phrase>) -> Self {
        self.block(Block::Text(text.into()))
    }

    /// Adds a block of code.
    pub fn code(self, code: impl Into<String>) -> Self {
        self.block(Block::Code(code.into()))
    }

    /// Adds a heading; 1 is the highest level, 6 the lowest.
    pub fn heading(self, level: u8, text: impl Into<Phrase>) -> Self {
        self.block(Block::Heading { level: level.clamp(1, 6), text: text.into() })
    }

    /// Adds a list with bullets.
    pub fn list<I: Into<Item>>(self, items: impl IntoIterator<Item = I>) -> Self {
        self.block(Block::List(List::new(items)))
    }

    /// Adds a list with numbers.
    pub fn numbered<I: Into<Item>>(self, items: impl IntoIterator<Item = I>) -> Self {
        self.block(Block::List(List::numbered(items)))
    }

    /// Adds a table. Rows may be shorter or longer than the header.
    pub fn table<H: Into<Phrase>, C: Into<Phrase>, R: IntoIterator<Item = C>>(
        self,
        header: impl IntoIterator<Item = H>,
        rows: impl IntoIterator<Item = R>,
    ) -> Self {
        let header = header.into_iter().map(Into::into).collect();
        let row = |row: R| row.into_iter().map(Into::into).collect();
        self.block(Block::Table { header, rows: rows.into_iter().map(row).collect() })
    }

    /// Adds what somebody else said.
    pub fn quote(self, text: impl Into<Phrase>) -> Self {
        self.block(Block::Quote(text.into()))
    }

    /// Adds a block.
    pub fn block(mut self, block: Block) -> Self {
        self.0.push(block);
        self
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.0
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The document, or as much of its beginning as `fits`, cut between characters and ended with
    /// `…`: for a product whose limit counts what the document becomes. What is longer must not fit
    /// where what is shorter does not.
    pub fn shorten(&self, fits: impl Fn(&Self) -> bool) -> Cow<'_, Self> {
        shorten::shorten(self, fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_becomes_paragraphs() {
        let doc = RichText::plain("one\r\ntwo\n\nthree\n");
        assert_eq!(doc.blocks().len(), 2);
        assert_eq!(doc.to_string(), "one\ntwo\n\nthree");
    }

    #[test]
    fn what_was_stored_before_there_were_links_is_read_and_written_the_same() {
        let stored = r#"[{"text":"one"},{"code":"two"}]"#;
        let doc: RichText = serde_json::from_str(stored).unwrap();
        assert_eq!(doc, RichText::new().text("one").code("two"));
        assert_eq!(serde_json::to_string(&doc).unwrap(), stored);
        let doc = RichText::new()
            .heading(9, "h")
            .text(Phrase::from("see ").link("x", "https://x.example").strong("!").code("c"))
            .list([Item::from("a").with(List::numbered(["b"]))])
            .table(["h"], [["c"]])
            .quote("q");
        let text = serde_json::to_string(&doc).unwrap();
        let stored = concat!(
            r#"[{"heading":{"level":6,"text":"h"}},"#,
            r#"{"text":[{"text":"see "},{"link":{"text":"x","url":"https://x.example"}},"#,
            r#"{"strong":"!"},{"code":"c"}]},"#,
            r#"{"list":{"numbered":false,"items":[{"text":"a","below":"#,
            r#"{"numbered":true,"items":[{"text":"b"}]}}]}},"#,
            r#"{"table":{"header":["h"],"rows":[["c"]]}},{"quote":"q"}]"#,
        );
        assert_eq!(text, stored);
        assert_eq!(serde_json::from_str::<RichText>(&text).unwrap(), doc);
    }
}
