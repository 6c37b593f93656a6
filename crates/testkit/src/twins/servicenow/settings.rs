//! How an instance is set up, beside what comes out of the box.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::LENGTHS;

/// What becomes of a record that is closed without a close code and notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closing {
    /// A data policy refuses it.
    #[default]
    Refused,
    /// It stays as it is, without a word.
    Ignored,
    /// It is closed: the instance has no such policy.
    Free,
}

#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) forbidden: bool,
    /// Columns that the user may not write.
    pub(super) locked: BTreeSet<String>,
    /// Columns on which conditions are passed over.
    pub(super) passed_over: BTreeSet<String>,
    /// Records that the user may not see.
    pub(super) hidden: BTreeSet<String>,
    /// Tables of which the user may see no row.
    pub(super) hidden_tables: BTreeSet<String>,
    /// Tables that the user may not ask for at all.
    pub(super) denied_tables: BTreeSet<String>,
    pub(super) japanese: bool,
    pub(super) closing: Closing,
    /// No record leaves the state in which it is made.
    pub(super) stuck: bool,
    /// Columns without which no record is ended.
    pub(super) demanded: BTreeSet<String>,
    pub(super) lag: u32,
    lengths: BTreeMap<String, usize>,
}

impl Settings {
    pub(super) fn set_length(&mut self, column: &str, most: usize) {
        self.lengths.insert(column.to_owned(), most);
    }

    /// How many characters a column holds.
    pub(super) fn length(&self, column: &str) -> Option<usize> {
        let usual = LENGTHS.iter().find(|(name, ..)| *name == column).map(|(.., most)| *most);
        self.lengths.get(column).copied().or(usual)
    }
}
