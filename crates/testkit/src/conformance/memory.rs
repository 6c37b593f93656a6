//! A product in memory and an honest sink of it: what the suite itself is measured against.

use std::fmt;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use watchfloor_core::{
    Call, Clock, Connector, ConnectorName, Delivery, Error, Event, EventSink, Health, Kind,
    OnRepeat, Outcome, Pieces, Scope, SinkCaps, Stage, async_trait,
};

#[cfg(test)]
use super::wire::Refusal;
use super::wire::Wire;
use super::{Held, Setup, World, sink::SinkWorld};
use crate::{Fault, Script, TestClock};

/// A product that keeps events in memory, and misbehaves by a [`Script`] without a socket. It
/// refuses events with a member `refuse`.
#[derive(Debug)]
pub struct Memory {
    wire: Wire,
    ignores_repeats: bool,
    held: Mutex<Vec<Held>>,
}

impl Memory {
    /// An empty one. Whether it knows events by their id is its own.
    pub fn new(clock: TestClock, ignores_repeats: bool) -> Self {
        Self { wire: Wire::new(clock), ignores_repeats, held: Mutex::default() }
    }

    /// What goes wrong, by the number of the request; the operation is `take`.
    pub fn script(&self) -> &Script {
        &self.wire.script
    }

    #[cfg(test)]
    pub(crate) fn clock(&self) -> &TestClock {
        &self.wire.clock
    }

    /// Offers events; whether each was taken.
    #[cfg(test)]
    pub(crate) async fn request(&self, events: &[Event]) -> Result<Vec<bool>, Refusal> {
        self.wire.pass("take", |first| self.take(some(events, first))).await
    }

    fn take(&self, events: &[Event]) -> Vec<bool> {
        let mut held = self.lock();
        let take = |event: &Event| {
            if event.has_member("refuse") {
                return false;
            }
            let key = event.uid().to_owned();
            if !self.ignores_repeats || held.iter().all(|h| h.key != key) {
                let bytes = Some(Bytes::copy_from_slice(event.json()));
                held.push(Held { key, bytes });
            }
            true
        };
        events.iter().map(take).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first so many events, or all of them.
fn some(events: &[Event], first: Option<usize>) -> &[Event] {
    &events[..first.map_or(events.len(), |n| n.min(events.len()))]
}

/// An honest sink of [`Memory`]: it keeps every promise that the suite looks at.
pub struct MemorySink {
    pub(crate) memory: Arc<Memory>,
    name: ConnectorName,
}

impl MemorySink {
    /// A sink of this product.
    pub fn new(memory: Arc<Memory>) -> Self {
        Self { memory, name: ConnectorName::new("memory") }
    }

    /// A fresh one in its world, whose product knows events by their id.
    pub fn world(setup: Setup) -> Ready<MemoryWorld> {
        ready(MemoryWorld::of(setup, true, MemorySink::new))
    }

    /// Offers a piece until it has its verdicts, or none can be had.
    async fn offer(&self, call: &Call, batch: &[Event]) -> Result<Vec<bool>, Error> {
        let memory = &*self.memory;
        let work = |first| memory.take(some(batch, first));
        let asked = memory.wire.ask(call, "take", true, work).await;
        asked.map_err(|e| e.with_connector(&self.name))
    }
}

#[async_trait]
impl Connector for MemorySink {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, _: &Call) -> Health {
        Health::new().good(Stage::Reachable, "it is in memory")
    }
}

#[async_trait]
impl EventSink for MemorySink {
    fn capabilities(&self) -> SinkCaps {
        let mut caps = SinkCaps::default();
        caps.max_batch_events = 100;
        caps.max_batch_bytes = 100_000;
        if self.memory.ignores_repeats {
            caps.on_repeat = OnRepeat::Ignored;
        }
        caps
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        let mut delivery = Delivery::all(events.len(), Outcome::Applied);
        let mut pieces = Pieces::new(events.len());
        while let Some(piece) = pieces.take() {
            let batch: Vec<_> = piece.iter().map(|i| events[*i as usize].clone()).collect();
            match self.offer(call, &batch).await {
                Ok(taken) => {
                    pieces.taken();
                    for (&index, _) in piece.iter().zip(taken).filter(|(_, taken)| !taken) {
                        delivery.except(index as usize, Outcome::Rejected, "it asks for it");
                    }
                }
                Err(e) if e.kind() == Kind::TooLarge && e.outcome() == Outcome::Rejected => {
                    for index in pieces.halve(piece) {
                        delivery.except(index as usize, Outcome::Rejected, "it is too large");
                    }
                }
                Err(e) => {
                    delivery.merge(Delivery::failed(piece.len(), e), &piece);
                }
            }
        }
        delivery
    }
}

impl fmt::Debug for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemorySink")
    }
}

/// The world of a sink over [`Memory`].
#[derive(Debug)]
pub struct MemoryWorld {
    setup: Setup,
    scope: Scope,
    memory: Arc<Memory>,
    sink: Arc<dyn EventSink>,
}

impl MemoryWorld {
    /// The secret of this world, that no sink of it needs.
    pub const SECRET: &str = "cnry-memory-9c1f2e7a";

    /// A world with this sink over a product that knows events by their id, or does not.
    pub fn of<S: EventSink>(
        setup: Setup,
        ignores_repeats: bool,
        sink: impl FnOnce(Arc<Memory>) -> S,
    ) -> Self {
        let memory = Arc::new(Memory::new(setup.clock.clone(), ignores_repeats));
        let sink: Arc<dyn EventSink> = Arc::new(sink(memory.clone()));
        Self { scope: setup.scope(), setup, memory, sink }
    }
}

#[async_trait]
impl World for MemoryWorld {
    type Port = dyn EventSink;

    fn port(&self) -> Arc<dyn EventSink> {
        self.sink.clone()
    }

    fn scope(&self) -> Scope {
        self.scope.clone()
    }

    fn clock(&self) -> &TestClock {
        &self.setup.clock
    }

    fn requests(&self) -> u64 {
        self.memory.wire.requests()
    }

    fn inject(&self, nth: u64, fault: Fault) -> bool {
        self.memory.wire.script.on("take", nth, fault);
        true
    }

    async fn held(&self) -> Vec<Held> {
        self.memory.lock().clone()
    }

    fn secrets(&self) -> Vec<String> {
        vec![Self::SECRET.to_owned()]
    }
}

impl SinkWorld for MemoryWorld {
    fn refused(&self, n: usize) -> Option<Event> {
        let doc = format!(r#"{{"refuse":true,"metadata":{{"uid":"refused-{n}"}}}}"#);
        Event::from_json(doc, self.setup.clock.now()).ok()
    }
}
