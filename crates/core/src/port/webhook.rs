use std::fmt;

use super::TicketChange;
use crate::{Alert, Result, Timestamp};

/// Reads what a product pushes. Checks its signature first.
pub trait Webhook: fmt::Debug + Send + Sync + 'static {
    /// What the request says; `headers` as they came, names in lower case.
    fn decode(
        &self,
        headers: &[(&str, &[u8])],
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<Inbound>>;
}

/// Something that was pushed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Inbound {
    /// An alert.
    Alert(Box<Alert>),
    /// A change of a ticket.
    Ticket(TicketChange),
}

const _: fn(&dyn Webhook) = |_| {};
