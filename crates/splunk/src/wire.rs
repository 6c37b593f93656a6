//! HEC's answers.

use serde::Deserialize;

/// Every answer of HEC itself. A proxy in front of it answers otherwise.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Reply {
    /// The outcome; `text` varies by version and is never matched.
    pub(crate) code: Option<u32>,
    #[serde(default, rename = "invalid-event-number")]
    pub(crate) invalid_event_number: Option<u64>,
}
