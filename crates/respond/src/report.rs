//! What was done: a verdict per action.

use std::net::IpAddr;

use watchfloor_core::{
    Alert, AlertId, ConnectorName, Error, Opened, Outcome, Target, Ticket, TicketKey, Timestamp,
};

/// What became of the actions, in the order in which they were carried out.
#[derive(Debug, Default)]
#[must_use]
pub struct Report {
    entries: Vec<Entry>,
}

/// One action and its verdict.
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry {
    /// When it ended.
    pub at: Timestamp,
    /// The connector.
    pub on: ConnectorName,
    /// The alert behind it; of several, the first.
    pub alert: AlertId,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of an action.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// A ticket stands.
    Ticket {
        /// Its key.
        key: TicketKey,
        /// Created now, or there before.
        opened: Opened,
    },
    /// An address is blocked.
    Blocked {
        /// What.
        target: Target,
        /// Until when; `None` for a block without an end, or one that was held before and whose
        /// end only the device knows.
        expires: Option<Timestamp>,
        /// Whether it was held before.
        already: bool,
    },
    /// An address is not blocked, and why. A refusal by the guard is no failure.
    NotBlocked {
        /// The address that was not.
        ip: Option<IpAddr>,
        /// Why.
        why: String,
    },
    /// A comment stands on a ticket.
    Commented {
        /// The ticket.
        ticket: Ticket,
    },
    /// It failed; its outcome says whether it may have taken effect.
    Failed {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        error: Error,
    },
}

impl Report {
    pub(crate) fn add(
        &mut self,
        at: Timestamp,
        on: &ConnectorName,
        alert: &Alert,
        verdict: Verdict,
    ) {
        self.entries.push(Entry { at, on: on.clone(), alert: alert.id.clone(), verdict });
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The failures.
    pub fn failures(&self) -> impl Iterator<Item = &Error> {
        self.entries.iter().filter_map(|e| match &e.verdict {
            Verdict::Failed { error, .. } => Some(error),
            _ => None,
        })
    }

    /// Whether anything is left of which nobody can say if it took effect.
    pub fn has_unknown(&self) -> bool {
        self.failures().any(|e| e.outcome() == Outcome::Unknown)
    }
}
