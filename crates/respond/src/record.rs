//! An action as it is stored.

use serde::{Deserialize, Serialize};
use watchfloor_core::{Action, CallRecord};

/// An [`Action`] with the call it is done under: `{"v":1,"call":…,"action":…}`.
///
/// The call's id is minted with the record, so every attempt, also after a crash, is the same
/// action (T39). A version that is not known is refused by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionRecord {
    v: Version,
    /// The call it is done under.
    pub call: CallRecord,
    /// What is to be done.
    pub action: Action,
}

impl ActionRecord {
    /// A record of the current version.
    pub fn new(call: CallRecord, action: Action) -> Self {
        Self { v: Version, call, action }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Version;

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match u64::deserialize(d)? {
            1 => Ok(Self),
            other => Err(serde::de::Error::custom(format!("action record version {other}"))),
        }
    }
}
