//! The world of a desk over a twin.

use std::fmt;
use std::sync::Arc;

use watchfloor_core::{Scope, TicketDesk, TicketId, TicketKey, async_trait};

use super::{DeskWorld, HeldTicket, Quirk};
use crate::conformance::{Held, Setup, TwinWorld, World};
use crate::{Answer, Fault, Server, TestClock, Twin};

type Demand<T> = fn(&T) -> (String, String);

/// A desk over a twin on a loopback port: the world that most desks are tested in.
pub struct TwinDesk<T> {
    world: TwinWorld<T, dyn TicketDesk>,
    tickets: fn(&T) -> Vec<HeldTicket>,
    another: Box<dyn Fn() -> Arc<dyn TicketDesk> + Send + Sync>,
    plant: Option<fn(&T, &TicketKey) -> TicketId>,
    quirk: fn(&T, &Quirk) -> bool,
    demand: Option<Demand<T>>,
    gives_up: bool,
}

impl<T: Twin> TwinDesk<T> {
    /// Starts the twin; `desk` makes a desk from its URL, each time one that shares no memory with
    /// the others. `tickets` is everything that the twin holds.
    ///
    /// # Panics
    /// If loopback has no port left.
    pub async fn start(
        setup: Setup,
        twin: T,
        tickets: fn(&T) -> Vec<HeldTicket>,
        desk: impl Fn(&str, &Setup) -> Arc<dyn TicketDesk> + Send + Sync + 'static,
    ) -> Self {
        let nothing = |_: &T| Vec::new();
        let world = TwinWorld::start(setup.clone(), twin, nothing, |url, setup| desk(url, setup));
        let world = world.await;
        let url = world.server().url();
        let another = Box::new(move || desk(&url, &setup));
        let quirk = |_: &T, _: &Quirk| false;
        Self { world, tickets, another, plant: None, quirk, demand: None, gives_up: false }
    }

    /// The twin.
    pub fn server(&self) -> &Server<T> {
        self.world.server()
    }

    /// A secret of the connection.
    pub fn secret(mut self, secret: &str) -> Self {
        self.world = self.world.secret(secret);
        self
    }

    /// A failure that the product answers with a success's status.
    pub fn fails_inside(mut self, answer: Answer) -> Self {
        self.world = self.world.fails_inside(answer);
        self
    }

    /// How a ticket with a key is made by hand.
    pub fn plants(mut self, plant: fn(&T, &TicketKey) -> TicketId) -> Self {
        self.plant = Some(plant);
        self
    }

    /// What the twin can be made to do; `false` for what it cannot.
    pub fn quirks(mut self, quirk: fn(&T, &Quirk) -> bool) -> Self {
        self.quirk = quirk;
        self
    }

    /// Lets the steps that end a ticket demand a field: its name and a value; see
    /// [`DeskWorld::demand`].
    pub fn demands(mut self, demand: fn(&T) -> (String, String)) -> Self {
        self.demand = Some(demand);
        self
    }

    /// This desk does not try again.
    pub fn gives_up(mut self) -> Self {
        self.gives_up = true;
        self
    }
}

#[async_trait]
impl<T: Twin> World for TwinDesk<T> {
    type Port = dyn TicketDesk;

    fn port(&self) -> Arc<dyn TicketDesk> {
        self.world.port()
    }

    fn scope(&self) -> Scope {
        self.world.scope()
    }

    fn clock(&self) -> &TestClock {
        self.world.clock()
    }

    fn requests(&self) -> u64 {
        self.world.requests()
    }

    fn inject(&self, nth: u64, fault: Fault) -> bool {
        self.world.inject(nth, fault)
    }

    async fn held(&self) -> Vec<Held> {
        self.tickets().into_iter().map(|t| Held { key: t.key, bytes: None }).collect()
    }

    fn secrets(&self) -> Vec<String> {
        self.world.secrets()
    }

    fn failure_in_success(&self) -> Option<Answer> {
        self.world.failure_in_success()
    }

    fn on_the_way(&self) -> Vec<u8> {
        self.world.on_the_way()
    }
}

impl<T: Twin> DeskWorld for TwinDesk<T> {
    fn tickets(&self) -> Vec<HeldTicket> {
        (self.tickets)(self.server())
    }

    fn another(&self) -> Option<Arc<dyn TicketDesk>> {
        Some((self.another)())
    }

    fn plant(&self, key: &TicketKey) -> Option<TicketId> {
        self.plant.map(|plant| plant(self.server(), key))
    }

    fn quirk(&self, quirk: &Quirk) -> bool {
        (self.quirk)(self.server(), quirk)
    }

    fn demand(&self) -> Option<(String, String)> {
        self.demand.map(|demand| demand(self.server()))
    }

    fn tries_again(&self) -> bool {
        !self.gives_up
    }
}

impl<T: Twin> fmt::Debug for TwinDesk<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwinDesk").field("world", &self.world).finish_non_exhaustive()
    }
}
