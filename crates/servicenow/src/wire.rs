//! The Table API's shapes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Every answer of the Table and the Attachment API.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) result: T,
}

/// A record: every cell is text, or the pair that `sysparm_display_value=all` makes of it.
pub(crate) type Record = BTreeMap<String, Cell>;

/// What is written: the columns that it names and no other.
pub(crate) type Fields = BTreeMap<String, String>;

/// One field of a record. A field that an ACL hides is absent or empty.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    /// The raw value.
    Raw(String),
    /// Value and what people see.
    Both {
        #[serde(default)]
        value: String,
        #[serde(default)]
        display_value: Option<String>,
    },
    /// What no cell is; as good as empty.
    Other(IgnoredAny),
}

impl Cell {
    pub(crate) fn value(&self) -> &str {
        match self {
            Self::Raw(value) | Self::Both { value, .. } => value,
            Self::Other(_) => "",
        }
    }

    pub(crate) fn display(&self) -> &str {
        match self {
            Self::Both { display_value: Some(shown), .. } => shown,
            other => other.value(),
        }
    }
}

/// The value of a field, `""` where it is absent.
pub(crate) fn value<'r>(record: &'r Record, field: &str) -> &'r str {
    record.get(field).map_or("", Cell::value)
}

/// What people see of a field, `""` where it is absent.
pub(crate) fn display<'r>(record: &'r Record, field: &str) -> &'r str {
    record.get(field).map_or("", Cell::display)
}
