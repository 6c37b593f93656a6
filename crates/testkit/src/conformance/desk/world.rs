//! What the suite must know of a desk's product.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use watchfloor_core::{StatusCategory, TicketDesk, TicketId, TicketKey};

use crate::conformance::World;

/// What the suite must see and do of a desk's product beside the rest of the [`World`]. What cannot
/// be done leaves the cases out that need it.
pub trait DeskWorld: World<Port = dyn TicketDesk> {
    /// Every ticket that the product holds, in the order in which they were made.
    fn tickets(&self) -> Vec<HeldTicket>;

    /// Another desk of the same product, as another process makes it: it shares no memory with the
    /// port, and where the port has a store, that.
    fn another(&self) -> Option<Arc<dyn TicketDesk>> {
        None
    }

    /// Makes a ticket with this key by hand, as somebody else would, in the status in which tickets
    /// are opened. Its id.
    fn plant(&self, key: &TicketKey) -> Option<TicketId> {
        let _ = key;
        None
    }

    /// Lets the product behave so from now on; `false` where it cannot.
    fn quirk(&self, quirk: &Quirk) -> bool {
        let _ = quirk;
        false
    }

    /// Lets every step that ends a ticket demand a field from now on that nothing fills by itself:
    /// its name in the desk's words, and a value that it may have.
    fn demand(&self) -> Option<(String, String)> {
        None
    }

    /// Whether the desk tries again after a failure that passes.
    fn tries_again(&self) -> bool {
        true
    }
}

/// How some products behave.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    /// A ticket made from now on is not among what its first so many look-ups find.
    Lag(u32),
    /// Look-ups pass over their condition: they find whatever tickets there are.
    IgnoresConditions,
    /// An update of the summary is taken with a success, and the summary stays.
    DropsSummary,
    /// A step is taken with a success, and the ticket stays where it is.
    DropsSteps,
    /// Statuses and steps have Japanese names.
    Localised,
    /// No step leads from the status in which tickets are opened.
    Stuck,
    /// The ticket says how it ended while its status stays as it is, or no longer says so.
    Resolution(TicketId, bool),
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lag(_) => "a search that lags",
            Self::IgnoresConditions => "a look-up that ignores its condition",
            Self::DropsSummary => "an update that is dropped",
            Self::DropsSteps => "a step that is dropped",
            Self::Localised => "statuses in another language",
            Self::Stuck => "a status without a step",
            Self::Resolution(..) => "a resolution apart from the status",
        })
    }
}

/// A ticket as the product holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldTicket {
    /// As the desk's API names it.
    pub id: TicketId,
    /// The key that it carries, as text; empty where it carries none.
    pub key: String,
    /// Where in its life it is.
    pub status: StatusCategory,
    /// One line.
    pub summary: String,
    /// The text as its readers see it, without markup; `None` where this world does not show it.
    pub body: Option<String>,
    /// Labels, where the product has them.
    pub labels: Vec<String>,
    /// The texts of its comments as their readers see them, oldest first.
    pub comments: Vec<String>,
    /// Its files: name and content.
    pub files: Vec<(String, Bytes)>,
    /// The ticket that it is tied to as a duplicate.
    pub duplicate_of: Option<TicketId>,
}

impl HeldTicket {
    /// A ticket of which no more is known; fill in the rest.
    pub fn new(id: TicketId, key: impl Into<String>, status: StatusCategory) -> Self {
        Self {
            id,
            key: key.into(),
            status,
            summary: String::new(),
            body: None,
            labels: Vec::new(),
            comments: Vec::new(),
            files: Vec::new(),
            duplicate_of: None,
        }
    }

    /// Whether people still work on it.
    pub fn is_live(&self) -> bool {
        self.status != StatusCategory::Done
    }
}
