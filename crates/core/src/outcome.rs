//! What became of an effect: one vocabulary everywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What became of something that was meant to change the other side.
///
/// A dropped future, a crash and a time-out after sending all mean [`Unknown`](Outcome::Unknown).
/// `Unknown` is never counted as success, never dropped, and never blindly repeated where that
/// could double an effect: it is settled by a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It never left, or provably never arrived.
    NotSent,
    /// The other side saw it and refused it.
    Rejected,
    /// Nobody can say yet.
    Unknown,
    /// It took effect.
    Applied,
}

impl Outcome {
    /// The outcome in the words that people read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not sent",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Applied => "applied",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
