//! The Table API's shapes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Every answer of the Table API.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) result: T,
}

/// A record: every cell is text, or the pair that `sysparm_display_value=all` makes of it.
pub(crate) type Record = BTreeMap<String, Cell>;

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
}

impl Cell {
    pub(crate) fn value(&self) -> &str {
        match self {
            Self::Raw(value) | Self::Both { value, .. } => value,
        }
    }

    pub(crate) fn display(&self) -> &str {
        match self {
            Self::Raw(value) => value,
            Self::Both { value, display_value } => display_value.as_deref().unwrap_or(value),
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

/// A new record of a task table.
#[derive(Debug, Serialize)]
pub(crate) struct NewTask<'a> {
    pub(crate) short_description: &'a str,
    pub(crate) description: &'a str,
    pub(crate) impact: &'static str,
    pub(crate) urgency: &'static str,
    pub(crate) correlation_id: &'a str,
    pub(crate) correlation_display: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assignment_group: Option<&'a str>,
}

/// A work note; writing the field appends.
#[derive(Debug, Serialize)]
pub(crate) struct WorkNote<'a> {
    pub(crate) work_notes: &'a str,
}
