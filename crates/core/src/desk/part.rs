//! The texts of a ticket that a product may cut.

use crate::RichText;

/// A text of a ticket.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Part<'a> {
    /// The one line.
    Summary(&'a str),
    /// The text.
    Body(&'a RichText),
    /// A comment, without its mark.
    Comment(&'a RichText),
}
