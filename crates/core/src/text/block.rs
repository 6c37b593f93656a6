//! What a document is built of.

use serde::{Deserialize, Serialize};

use super::Phrase;

/// One block of a [`RichText`](super::RichText).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Block {
    /// Running text.
    Text(Phrase),
    /// Text that stands as it is, in a fixed-width face.
    Code(String),
    /// A heading.
    Heading {
        /// 1 is the highest, 6 the lowest.
        level: u8,
        /// Its text.
        text: Phrase,
    },
    /// A list.
    List(List),
    /// A table.
    Table {
        /// The names of its columns.
        header: Vec<Phrase>,
        /// Its rows, which may be shorter or longer than the header.
        rows: Vec<Vec<Phrase>>,
    },
    /// What somebody else said.
    Quote(Phrase),
}

/// A list, with bullets or numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Whether its items have numbers.
    #[serde(default)]
    pub numbered: bool,
    /// Its items.
    pub items: Vec<Item>,
}

/// An item of a [`List`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it says.
    pub text: Phrase,
    /// The list below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<List>,
}

impl List {
    /// Lists are shown this deep; what lies deeper is shown at the last level.
    pub const DEEPEST: usize = 4;

    /// A list with bullets.
    pub fn new<I: Into<Item>>(items: impl IntoIterator<Item = I>) -> Self {
        Self { numbered: false, items: items.into_iter().map(Into::into).collect() }
    }

    /// A list with numbers.
    pub fn numbered<I: Into<Item>>(items: impl IntoIterator<Item = I>) -> Self {
        Self { numbered: true, ..Self::new(items) }
    }
}

impl Item {
    /// The same with a list below it.
    pub fn with(mut self, below: List) -> Self {
        self.below = Some(below);
        self
    }
}

impl<P: Into<Phrase>> From<P> for Item {
    fn from(text: P) -> Self {
        Self { text: text.into(), below: None }
    }
}
