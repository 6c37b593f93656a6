//! What is promised over every ticket desk, written once.
//!
//! A product implements the small [`DeskBackend`]; [`Desk`] adds:
//! - at most one live ticket per key: look-up before create, one flight per key, a claim in the
//!   product or in the store, and after an unknown outcome a look-up before anything else
//!   (`once.rs`, `claims.rs`); what several openers made nevertheless is repaired (`repair.rs`);
//! - each comment at most once, by its marker, each file by name and size (`add.rs`); what the product
//!   cuts is attached whole (`attach.rs`);
//! - updates that send what changes and name what the product dropped (`update.rs`);
//! - transitions by status category, over the shortest way through the workflow (`plan.rs`,
//!   `transition.rs`).

mod add;
mod attach;
mod backend;
mod claim;
mod claims;
mod flight;
mod moves;
mod once;
mod part;
mod plan;
mod repair;
mod transition;
mod update;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use backend::DeskBackend;
pub use claim::Claim;
pub use moves::{Move, Required, Status};
pub use part::Part;

use self::add::Added;
use self::claims::Claims;
use self::flight::Flights;
use self::repair::Unsettled;
use crate::{
    Attachment, Call, Clock, Comment, Connector, ConnectorName, DeskCaps, Error, Health, Kind,
    Marker, Opened, Outcome, Result, StatusCategory, Store, Ticket, TicketDesk, TicketDraft,
    TicketId, TicketKey, TicketPatch,
};

/// A [`TicketDesk`] over a [`DeskBackend`].
#[derive(Debug)]
pub struct Desk<B> {
    backend: B,
    clock: Arc<dyn Clock>,
    reconcile_timeout: Duration,
    flights: Flights,
    claims: Claims,
    unsettled: Unsettled,
}

impl<B: DeskBackend> Desk<B> {
    /// The desk of a backend.
    pub fn new(backend: B, clock: Arc<dyn Clock>) -> Self {
        Self {
            claims: Claims::new(backend.name().clone(), clock.clone()),
            backend,
            clock,
            reconcile_timeout: Duration::from_secs(150),
            flights: Flights::default(),
            unsettled: Unsettled::default(),
        }
    }

    /// With a store in which it is written down who creates the ticket of a key, and under which id
    /// it stands. Then openers in all processes that share the store agree, a crash leaves no doubt
    /// behind, and no create is followed by a look for duplicates.
    pub fn with_store(mut self, store: impl Into<Option<Arc<dyn Store>>>) -> Self {
        self.claims.set_store(store.into());
        self
    }

    /// How long a ticket or comment whose answer was lost is looked for; 150 s by default. Searches
    /// of some products lag by minutes.
    pub fn reconcile_timeout(mut self, timeout: Duration) -> Self {
        self.reconcile_timeout = timeout;
        self
    }

    /// The backend.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// When a reconciliation that begins now must end.
    fn reconcile_until(&self, call: &Call) -> crate::Timestamp {
        let own = self.clock.now().saturating_add(self.reconcile_timeout);
        call.deadline().map_or(own, |d| d.min(own))
    }
}

#[async_trait]
impl<B: DeskBackend> Connector for Desk<B> {
    fn name(&self) -> &ConnectorName {
        self.backend.name()
    }

    async fn check(&self, call: &Call) -> Health {
        self.backend.check(call).await
    }
}

#[async_trait]
impl<B: DeskBackend> TicketDesk for Desk<B> {
    fn capabilities(&self) -> DeskCaps {
        self.backend.capabilities()
    }

    async fn open(&self, call: &Call, draft: &TicketDraft) -> Result<Opened> {
        if draft.tenant() != call.tenant() {
            return Err(Error::new(Kind::Refused, "the draft belongs to another tenant")
                .with_outcome(Outcome::NotSent)
                .with_operation("desk.open")
                .with_connector(self.name()));
        }
        let _turn = self.flights.turn(format!("{} {}", call.tenant(), draft.key())).await;
        self.open_once(call, draft).await
    }

    async fn reserve(&self, call: &Call, key: &TicketKey) -> Result<Option<Ticket>> {
        let _turn = self.flights.turn(format!("{} {key}", call.tenant())).await;
        self.reserve_once(call, key).await
    }

    async fn find(&self, call: &Call, key: &TicketKey) -> Result<Option<Ticket>> {
        Ok(oldest(self.backend.lookup(call, key).await?))
    }

    async fn get(&self, call: &Call, id: &TicketId) -> Result<Ticket> {
        self.backend.read(call, id).await
    }

    async fn comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        let _turn = self.flights.turn(format!("{id} {}", comment.marker.as_str())).await;
        self.add_once(call, id, Added::Comment(comment)).await
    }

    async fn has_comment(&self, call: &Call, id: &TicketId, marker: &Marker) -> Result<bool> {
        Ok(self.backend.comments(call, id).await?.iter().any(|text| marker.is_in(text)))
    }

    async fn update(&self, call: &Call, id: &TicketId, patch: &TicketPatch) -> Result<Ticket> {
        let _turn = self.flights.turn(format!("{id} change")).await;
        self.update_once(call, id, patch).await
    }

    async fn transition(
        &self,
        call: &Call,
        id: &TicketId,
        to: StatusCategory,
        with: &TicketPatch,
    ) -> Result<Ticket> {
        let _turn = self.flights.turn(format!("{id} change")).await;
        self.move_to(call, id, to, with).await
    }

    async fn attach(&self, call: &Call, id: &TicketId, file: &Attachment) -> Result<()> {
        self.attach_in_turn(call, id, file).await
    }

    async fn settle(&self, call: &Call) -> Result<()> {
        self.settle_all(call).await
    }
}

/// Of several tickets with one key the oldest stands.
fn oldest(tickets: Vec<Ticket>) -> Option<Ticket> {
    tickets.into_iter().min_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)))
}

/// Whether to look again is no use, and may do harm: a product locks the account of a credential
/// that it refuses often.
fn is_shut_out(e: &Error) -> bool {
    matches!(e.kind(), Kind::Unauthenticated | Kind::Forbidden)
}

/// Whether the effect of a request that failed may be there.
fn may_exist(e: &Error) -> bool {
    matches!(e.outcome(), Outcome::Unknown | Outcome::Applied)
}

/// Waits between look-ups: 1, 2, 4, 8, 16, 30, 30 … seconds.
fn backoff(attempt: u32) -> Duration {
    Duration::from_secs(1_u64.checked_shl(attempt).map_or(30, |s| s.min(30)))
}
