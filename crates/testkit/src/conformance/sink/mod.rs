//! The suite of event sinks: everything that [`EventSink`] promises.
//!
//! ```
//! use watchfloor_testkit::conformance::{MemorySink, sink};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // The factory of your world stands in the place of this one.
//! sink::run(MemorySink::world).await;
//! # }
//! ```

mod basics;
mod faults;
mod ledger;
mod stopped;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;

use watchfloor_core::{Delivery, Event, EventSink, OnRepeat, Timestamp};

use super::{Case, Miss, Report, Setup, Verdict, World, Worlds, suite};
use crate::Fault;

pub use super::CUSTOMER;

pub(crate) use ledger::{Ledger, Rules};

/// What the suite must know of a sink's product beside the rest of the [`World`].
pub trait SinkWorld: World<Port = dyn EventSink> {
    /// The `n`th of the events that this product refuses, each with an id of its own; `None` where
    /// it takes everything.
    fn refused(&self, n: usize) -> Option<Event> {
        let _ = n;
        None
    }

    /// Whether no event is ever there twice: because the product knows it by its id, or because
    /// the sink repeats nothing that could double.
    fn never_doubles(&self) -> bool {
        ignores_repeats(&*self.port())
    }

    /// Whether the sink tries again after a failure that passes.
    fn tries_again(&self) -> bool {
        true
    }
}

/// The worlds of sinks.
pub type SinkWorlds = Worlds<dyn SinkWorld>;

/// Worlds made by this factory.
pub fn worlds<W, F>(make: impl Fn(Setup) -> F + Send + Sync + 'static) -> SinkWorlds
where
    W: SinkWorld,
    F: Future<Output = W> + Send + 'static,
{
    Worlds::new(move |setup| {
        let made = make(setup);
        async move { Arc::new(made.await) as Arc<dyn SinkWorld> }
    })
}

/// Runs the suite and panics with the whole report if a promise is broken.
///
/// # Panics
/// If a promise is broken.
pub async fn run<W, F>(make: impl Fn(Setup) -> F + Send + Sync + 'static)
where
    W: SinkWorld,
    F: Future<Output = W> + Send + 'static,
{
    report(&worlds(make)).await.assert();
}

/// Runs the suite.
pub async fn report(worlds: &SinkWorlds) -> Report {
    suite("EventSink", cases(), worlds).await
}

/// The cases, in their order.
pub fn cases() -> Vec<Case<dyn SinkWorld>> {
    cases! {
        basics::limits_make_sense: "a batch may hold something, and some batch may be in flight",
        basics::empty_batch: "a batch without events ends at once, without a verdict or a request",
        basics::one_event: "an event that is delivered is there, once",
        basics::many_events: "every event of a batch has one verdict, and what is delivered is there",
        basics::bytes_as_sent: "a document arrives byte for byte as it was sent",
        basics::over_the_limits: "a batch over every limit is split as the product needs it",
        basics::refused_events: "a refused event costs itself alone, wherever it stands, and says why",
        basics::refused_events_only: "of a batch of refused events every one is rejected",
        basics::repeated_batch: "what a second arrival does is what the capabilities say",
        basics::concurrent_batches: "batches that are sent at once do not meet",
        basics::check_changes_nothing: "a check has no effect on the other side, and tells a failure",
        faults::too_large: "what is too large is split, and no event is lost in it",
        faults::too_large_alone: "an event too large by itself is rejected, and not for ever sent again",
        faults::busy: "a server that asks to wait is obeyed",
        faults::busy_for_long: "a server that asks to wait for very long is not obeyed for ever",
        faults::server_errors: "after an error of the server every verdict is true",
        faults::lost_answer: "an answer that is lost doubles nothing where that can be told, and mints no ids",
        faults::broken_answer: "an answer that cannot be read is no success",
        faults::nothing_arrives: "what never arrived is never called delivered",
        faults::refused_credential: "a credential that is refused is not tried again and again",
        faults::second_half_fails: "a second half that fails takes no verdict from the first",
        faults::secrets_stay_secret: "no secret and no customer's field stands in an error, a reason, a check, a URL or `Debug`",
        stopped::deadline_past: "nothing is sent after its deadline",
        stopped::cancelled: "a send that is dropped sends nothing more",
        stopped::cancelled_often: "sends that are dropped while under way take nothing with them",
    }
}

/// Whether the product of this sink knows an event by its id.
pub(crate) fn ignores_repeats(sink: &dyn EventSink) -> bool {
    sink.capabilities().on_repeat == OnRepeat::Ignored
}

/// Events whose documents are not what a re-serialisation would write.
pub(crate) fn events(label: &str, n: usize) -> Vec<Event> {
    (0..n).map(|i| event(&format!("{label}-{i}"), i, "")).collect()
}

fn event(uid: &str, i: usize, more: &str) -> Event {
    let time = 1_766_000_000_000_u64 + i as u64;
    let doc = format!(
        "{{\"time\":{time}, \"price\":1.10,\"sum\":1e2,\"text\":\"caf\\u00e9 \\/\",\
         \"user\":\"{CUSTOMER}\"{more},\
         \"metadata\":{{\"uid\":\"{uid}\"}}}}"
    );
    Event::from_json(doc, Timestamp::EPOCH).expect("a JSON object")
}

fn failed(what: impl Into<String>) -> Miss {
    Miss::Failed(what.into())
}

fn skipped(why: impl Into<String>) -> Miss {
    Miss::Skipped(why.into())
}

/// Lets the next requests meet this fault, as many as no sink needs.
fn always(world: &dyn SinkWorld, fault: &Fault) -> Verdict {
    (1..=200).try_for_each(|nth| once(world, nth, fault.clone()))
}

fn once(world: &dyn SinkWorld, nth: u64, fault: Fault) -> Verdict {
    let name = fault.to_string();
    let skip = || skipped(format!("this world cannot let a request meet: {name}"));
    world.inject(nth, fault).then_some(()).ok_or_else(skip)
}

/// Sends a batch and notes its verdicts.
async fn send(
    world: &dyn SinkWorld,
    events: &[Event],
    ledger: &mut Ledger,
) -> Result<Delivery, Miss> {
    let delivery = world.port().send(&world.call(), events).await;
    ledger.note(events, &delivery)?;
    Ok(delivery)
}

/// Every text that a delivery shows to somebody.
pub(crate) fn texts_of(delivery: &Delivery) -> String {
    let mut text = format!("{delivery:?}\n");
    if let Some(cause) = delivery.cause() {
        let record = serde_json::to_string(&cause.record()).unwrap_or_default();
        let _ = write!(text, "{cause}\n{cause:?}\n{record}\n");
    }
    for exception in delivery.exceptions() {
        let _ = writeln!(text, "{}", exception.reason);
    }
    text
}
