//! Identifiers. Each is a type of its own; what mints it is said in its line of the table.
//!
//! | id | made from |
//! |---|---|
//! | [`TenantId`], [`ConnectorName`] | configuration |
//! | [`EventId`] | `metadata.uid`, else random, minted once at reading |
//! | [`AlertId`] | hash(tenant, fingerprint, episode start) |
//! | [`TicketKey`] | hash(tenant, fingerprint, UTC day of the first event), or given by a person |
//! | [`TicketId`] | the desk |
//! | [`CallId`] | random, minted once per action |
//! | [`Cursor`] | the source that is polled; opaque |
//! | [`LeaseId`] | random, minted with the lease |

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hash::FieldHash;
use crate::{Fingerprint, Timestamp, random};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

macro_rules! from_text {
    ($($name:ident),*) => {$(
        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    )*};
}

ids! {
    /// Whose data it is.
    TenantId;
    /// A configured connector, as the configuration names it.
    ConnectorName;
    /// An event: its `metadata.uid`.
    EventId;
    /// An alert: its `finding_info.uid`.
    AlertId;
    /// What makes a ticket the same ticket: at most one ticket per key in each desk.
    TicketKey;
    /// A ticket as its desk names it.
    TicketId;
    /// One action; the same on every attempt, also after a crash.
    CallId;
    /// A place in a source that is polled. Only its source can read it.
    Cursor;
    /// One lease of one block.
    LeaseId;
}
from_text!(TenantId, ConnectorName, EventId, AlertId, TicketId, CallId, Cursor, LeaseId);

impl CallId {
    /// A new random id.
    pub fn random() -> Self {
        Self(random::uuid().simple().to_string().into())
    }
}

impl LeaseId {
    /// A new random id.
    pub fn random() -> Self {
        Self(random::uuid().simple().to_string().into())
    }
}

impl EventId {
    /// A new random id: two equal lines are two events.
    pub fn random() -> Self {
        Self(random::uuid().to_string().into())
    }
}

impl AlertId {
    /// The id of the alert of an episode: a second read of the same log gives the same id.
    pub fn derive(tenant: &TenantId, fingerprint: &Fingerprint, episode_start: Timestamp) -> Self {
        let hash = FieldHash::new("watchfloor alert v1")
            .field("tenant", tenant.as_str())
            .field("fingerprint", fingerprint.as_str())
            .field("start", &episode_start.as_millis().to_string());
        Self(format!("wf-{}", hash.hex(20)).into())
    }
}

impl TicketKey {
    /// The key of an alert's ticket: `wf-` and 40 hex digits. One per fingerprint and UTC day.
    pub fn derive(tenant: &TenantId, fingerprint: &Fingerprint, first_seen: Timestamp) -> Self {
        let hash = FieldHash::new("watchfloor ticket v1")
            .field("tenant", tenant.as_str())
            .field("fingerprint", fingerprint.as_str())
            .field("period", &first_seen.utc_day());
        Self(format!("wf-{}", hash.hex(20)).into())
    }

    /// A key that a person gave: kept as it is if it matches `[A-Za-z0-9._:-]{1,100}`, else its
    /// hash in the same form as a derived key.
    pub fn given(text: &str) -> Self {
        let plain = (1..=100).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
        if plain {
            return Self(text.into());
        }
        let hash = FieldHash::new("watchfloor ticket v1").field("given", text);
        Self(format!("wf-{}", hash.hex(20)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_key_is_kept_or_hashed() {
        assert_eq!(TicketKey::given("INC:2026-11.ab").as_str(), "INC:2026-11.ab");
        for odd in ["", "a b", "ü", "a'b", &"x".repeat(101)] {
            let key = TicketKey::given(odd);
            assert!(key.as_str().starts_with("wf-") && key.as_str().len() == 43, "{odd}");
        }
    }

    #[test]
    fn random_ids_differ() {
        assert_ne!(CallId::random(), CallId::random());
        assert_ne!(EventId::random(), EventId::random());
    }
}
