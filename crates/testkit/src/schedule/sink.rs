//! Sinks under schedules: `send`, and through `core::ship`.

use std::future::Future;
use std::sync::Arc;

use futures_util::stream;
use watchfloor_core::event::BadLine;
use watchfloor_core::ship::{DeadLetter, Rejected};
use watchfloor_core::{
    Call, Connector, ConnectorName, Delivery, Event, EventSink, Health, Outcome, Result, SinkCaps,
    async_trait,
};

use super::{Depth, Effect, Report, Schedule, explore};
use crate::conformance::sink::{CUSTOMER, Ledger, Rules, SinkWorld, events, texts_of, worlds};
use crate::conformance::{Held, Setup};
use crate::leak::Canaries;

/// Events of a batch, the refused one among them.
const EVENTS: usize = 7;

/// Where the refused one stands.
const REFUSED: usize = 1;

/// Explores [`EventSink::send`] with a batch of seven events, of which the product refuses one
/// where there is such an event.
///
/// After every schedule each event has one verdict and the counts add up; what is called delivered
/// is there as it was sent, what is called rejected is not; nothing is unknown where no answer was
/// lost, nothing twice where the product can tell, nothing rejected that could have been delivered;
/// no secret is shown.
pub async fn send<W, F>(make: impl Fn(Setup) -> F + Send + Sync + 'static, depth: Depth) -> Report
where
    W: SinkWorld,
    F: Future<Output = W> + Send + 'static,
{
    explore("send", &worlds(make), |world, s| Box::pin(sent(world, s)), depth).await
}

/// Explores [`ship`](watchfloor_core::ship::ship) with the same events in batches of two, two in
/// flight; the same must be true of what it counts and dead-letters.
pub async fn ship<W, F>(make: impl Fn(Setup) -> F + Send + Sync + 'static, depth: Depth) -> Report
where
    W: SinkWorld,
    F: Future<Output = W> + Send + 'static,
{
    explore("ship", &worlds(make), |world, s| Box::pin(shipped(world, s)), depth).await
}

fn batch(world: &dyn SinkWorld, ledger: &mut Ledger) -> Vec<Event> {
    let mut batch = events("s", EVENTS);
    if let Some(refused) = world.refused(0) {
        ledger.refuses(&refused);
        batch[REFUSED] = refused;
    }
    batch
}

/// What must be true after these faults.
fn rules(world: &dyn SinkWorld, schedule: &Schedule) -> Rules {
    let lost = schedule.has(Effect::Loses) || schedule.has(Effect::Hangs);
    let refused = schedule.has(Effect::Refuses) || schedule.has(Effect::Splits);
    let more_copies = match schedule.has(Effect::Hangs) {
        _ if world.never_doubles() || !lost => 0,
        // Attempts are given up soon then; on a busy machine also those that would be answered.
        true => usize::MAX - 1,
        false => schedule.faults(),
    };
    Rules {
        unknown: lost,
        more_copies,
        all_delivered: world.tries_again() && !refused,
        bytes: true,
    }
}

async fn sent(world: Arc<dyn SinkWorld>, schedule: Schedule) -> Result<(), String> {
    let mut ledger = Ledger::default();
    let (batch, sink) = (batch(&*world, &mut ledger), world.port());
    let delivery = sink.send(&world.call(), &batch).await;
    ledger.note(&batch, &delivery)?;
    let shown = format!("{}{sink:?}", texts_of(&delivery));
    check(&*world, &schedule, &ledger, &world.held().await, &shown)
}

fn check(
    world: &dyn SinkWorld,
    schedule: &Schedule,
    ledger: &Ledger,
    held: &[Held],
    shown: &str,
) -> Result<(), String> {
    ledger.check(held, rules(world, schedule))?;
    let mut secrets = world.secrets();
    secrets.push(CUSTOMER.to_owned());
    let canaries = Canaries::new(secrets.iter().map(String::as_str));
    if !canaries.in_text(shown.as_bytes()).is_empty() {
        return Err("a secret or a customer's field stands in an error or a reason".to_owned());
    }
    if !canaries.in_text(&world.on_the_way()).is_empty() {
        return Err(
            "a secret or a customer's field stands in a path, a query or a header".to_owned()
        );
    }
    Ok(())
}

/// Notes what became of each event.
#[derive(Default)]
struct Notes {
    ledger: Ledger,
    shown: String,
}

impl DeadLetter for Notes {
    fn reject(&mut self, reason: &str, what: Rejected<'_>) -> Result<()> {
        if let Rejected::Event(event) = what {
            self.ledger.say(event, Outcome::Rejected);
        }
        self.shown.push_str(reason);
        self.shown.push('\n');
        Ok(())
    }

    fn unknown(&mut self, reason: &str, event: &Event) -> Result<()> {
        self.ledger.say(event, Outcome::Unknown);
        self.shown.push_str(reason);
        self.shown.push('\n');
        Ok(())
    }

    fn delivered(&mut self, event: &Event) -> Result<()> {
        self.ledger.say(event, Outcome::Applied);
        Ok(())
    }
}

async fn shipped(world: Arc<dyn SinkWorld>, schedule: Schedule) -> Result<(), String> {
    let (mut notes, scope) = (Notes::default(), world.scope());
    let batch = batch(&*world, &mut notes.ledger);
    let sink = ByTwo(world.port());
    let input = stream::iter(batch.into_iter().map(Ok::<_, BadLine>));
    let never = std::future::pending();
    let summary = watchfloor_core::ship::ship(&sink, &scope, input, &mut notes, never).await;
    let total = summary.delivered + summary.rejected + summary.unknown;
    if summary.sent != EVENTS as u64 || summary.sent != total {
        return Err(format!("of {EVENTS} events, the counts are {summary:?}"));
    }
    if notes.ledger.len() != EVENTS {
        return Err(format!("of {EVENTS} events, {} have an end", notes.ledger.len()));
    }
    let shown = format!("{}{summary:?}", notes.shown);
    check(&*world, &schedule, &notes.ledger, &world.held().await, &shown)
}

/// A sink whose batches have two events at most.
#[derive(Debug)]
struct ByTwo(Arc<dyn EventSink>);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Connector for ByTwo {
    fn name(&self) -> &ConnectorName {
        self.0.name()
    }

    async fn check(&self, call: &Call) -> Health {
        self.0.check(call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl EventSink for ByTwo {
    fn capabilities(&self) -> SinkCaps {
        let mut caps = self.0.capabilities();
        caps.max_batch_events = 2;
        caps.max_in_flight = 2;
        caps
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        self.0.send(call, events).await
    }
}
