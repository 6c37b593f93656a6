use crate::{Cursor, Timestamp};

/// One page of something that is polled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins.
    pub next: Cursor,
    /// Whether more is there now.
    pub more: bool,
    /// A stretch that can no longer be had.
    pub gap: Option<Gap>,
}

impl<T> Page<T> {
    /// A page without a gap.
    pub fn new(items: Vec<T>, next: Cursor, more: bool) -> Self {
        Self { items, next, more, gap: None }
    }
}

/// A stretch of time of which something may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
    /// Why.
    pub why: String,
}

impl Gap {
    /// A gap.
    pub fn new(from: Timestamp, to: Timestamp, why: impl Into<String>) -> Self {
        Self { from, to, why: why.into() }
    }
}
