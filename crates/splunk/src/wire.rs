//! HEC's answers.

use serde::Deserialize;
use watchfloor_http::Answer;

/// Every answer of HEC itself. A proxy in front of it answers otherwise.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Reply {
    /// The outcome; `text` varies by version and is never matched.
    pub(crate) code: Option<u32>,
    #[serde(default, rename = "invalid-event-number")]
    pub(crate) invalid_event_number: Option<u64>,
}

impl Reply {
    /// What an answer says, whatever it calls its type; nothing, where it is no object.
    pub(crate) fn read(answer: &Answer) -> Self {
        // A list would be read as a struct too.
        if !answer.body.trim_ascii_start().starts_with(b"{") {
            return Self::default();
        }
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }
}
