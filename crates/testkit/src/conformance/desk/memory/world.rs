use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;

use watchfloor_core::{Scope, TicketDesk, TicketId, TicketKey, async_trait};

use super::{Keys, MemoryDesk, MemoryTickets};
use crate::conformance::desk::{DeskWorld, HeldTicket, Quirk};
use crate::conformance::{Held, Setup, World};
use crate::{Answer, Fault, TestClock};

/// The world of a desk over [`MemoryTickets`].
pub struct MemoryDeskWorld {
    setup: Setup,
    scope: Scope,
    tickets: Arc<MemoryTickets>,
    desk: Arc<dyn TicketDesk>,
    make: Box<dyn Fn(Arc<MemoryTickets>) -> Arc<dyn TicketDesk> + Send + Sync>,
}

impl MemoryDeskWorld {
    /// The secret of this world, that no desk of it needs.
    pub const SECRET: &str = "cnry-memory-desk-4d83b1c6";

    /// A world of desks that `make` makes of its product.
    pub fn of(
        setup: Setup,
        keys: Keys,
        make: impl Fn(Arc<MemoryTickets>) -> Arc<dyn TicketDesk> + Send + Sync + 'static,
    ) -> Self {
        let tickets = Arc::new(MemoryTickets::new(setup.clock.clone(), keys));
        let desk = make(tickets.clone());
        Self { scope: setup.scope(), setup, tickets, desk, make: Box::new(make) }
    }

    /// The product.
    pub fn product(&self) -> &MemoryTickets {
        &self.tickets
    }
}

impl MemoryDesk {
    /// A fresh desk in its world, whose product does nothing about two tickets with one key.
    pub fn world(setup: Setup) -> Ready<MemoryDeskWorld> {
        ready(MemoryDeskWorld::of(setup, Keys::Free, MemoryDesk::desk))
    }
}

#[async_trait]
impl World for MemoryDeskWorld {
    type Port = dyn TicketDesk;

    fn port(&self) -> Arc<dyn TicketDesk> {
        self.desk.clone()
    }

    fn scope(&self) -> Scope {
        self.scope.clone()
    }

    fn clock(&self) -> &TestClock {
        &self.setup.clock
    }

    fn requests(&self) -> u64 {
        self.tickets.wire.requests()
    }

    fn inject(&self, nth: u64, fault: Fault) -> bool {
        self.tickets.script().on("*", nth, fault);
        true
    }

    async fn held(&self) -> Vec<Held> {
        self.tickets().into_iter().map(|t| Held { key: t.key, bytes: None }).collect()
    }

    fn secrets(&self) -> Vec<String> {
        vec![Self::SECRET.to_owned()]
    }

    fn failure_in_success(&self) -> Option<Answer> {
        Some(Answer::new(200).body("text/plain", "it failed"))
    }
}

impl DeskWorld for MemoryDeskWorld {
    fn tickets(&self) -> Vec<HeldTicket> {
        self.tickets.held()
    }

    fn another(&self) -> Option<Arc<dyn TicketDesk>> {
        Some((self.make)(self.tickets.clone()))
    }

    fn plant(&self, key: &TicketKey) -> Option<TicketId> {
        Some(self.tickets.plant(key))
    }

    fn quirk(&self, quirk: &Quirk) -> bool {
        self.tickets.behave(quirk)
    }

    fn demand(&self) -> Option<(String, String)> {
        Some(self.tickets.demand())
    }
}

impl fmt::Debug for MemoryDeskWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryDeskWorld")
    }
}
