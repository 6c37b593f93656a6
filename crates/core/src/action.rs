//! What respond wants done, in a form that outlives the process.

use serde::{Deserialize, Serialize};

use crate::{
    Alert, AlertId, AlertPatch, BlockRequest, Comment, ConnectorName, TicketDraft, TicketKey,
};

/// One thing to be done. Externally tagged; its JSON has golden files, since it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Open a ticket, or find the one that is there.
    OpenTicket {
        /// The desk.
        on: ConnectorName,
        /// The ticket.
        draft: TicketDraft,
    },
    /// Block an address for a time.
    Block {
        /// The blocklist.
        on: ConnectorName,
        /// What to block, for how long, and why.
        request: BlockRequest,
    },
    /// Comment on the ticket of a key.
    Comment {
        /// The desk.
        on: ConnectorName,
        /// The ticket's key.
        key: TicketKey,
        /// The comment.
        comment: Comment,
    },
    /// Write back to an alert's source.
    UpdateAlert {
        /// The source.
        on: ConnectorName,
        /// The alert.
        id: AlertId,
        /// What changes.
        patch: AlertPatch,
    },
    /// Ship an alert as an event.
    ShipAlert {
        /// The sink.
        on: ConnectorName,
        /// The alert.
        alert: Box<Alert>,
    },
}

impl Action {
    /// The connector that does it.
    pub fn on(&self) -> &ConnectorName {
        match self {
            Self::OpenTicket { on, .. }
            | Self::Block { on, .. }
            | Self::Comment { on, .. }
            | Self::UpdateAlert { on, .. }
            | Self::ShipAlert { on, .. } => on,
        }
    }
}
