use std::sync::Arc;

use watchfloor_core::{
    Call, Connector, ConnectorName, Delivery, Error, Event, EventSink, Health, Kind, Outcome,
    SinkCaps, async_trait,
};

use super::*;
use crate::conformance::{Keys, MemoryDesk, MemoryDeskWorld, MemorySink, MemoryWorld};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    ClaimsTooEarly,
    GivesUpAtOnce,
    SaysUnknownAtEverything,
    ShowsTheSecretAfterTwo,
    Hangs,
}

/// A sink that behaves until something goes wrong.
#[derive(Debug)]
struct Broken(Flaw, MemorySink);

#[async_trait]
impl Connector for Broken {
    fn name(&self) -> &ConnectorName {
        self.1.name()
    }

    async fn check(&self, call: &Call) -> Health {
        self.1.check(call).await
    }
}

#[async_trait]
impl EventSink for Broken {
    fn capabilities(&self) -> SinkCaps {
        self.1.capabilities()
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        let honest = self.1.send(call, events).await;
        let met = self.1.memory.script().met().len();
        let failed = |outcome, what: &str| {
            let error = Error::new(Kind::Unavailable, what).with_outcome(outcome);
            Delivery::failed(events.len(), error)
        };
        match self.0 {
            Flaw::ClaimsTooEarly if honest.cause().is_some() => {
                Delivery::all(events.len(), Outcome::Applied)
            }
            Flaw::GivesUpAtOnce if met > 0 => failed(Outcome::Rejected, "it is busy"),
            Flaw::SaysUnknownAtEverything if met > 0 => failed(Outcome::Unknown, "who knows"),
            Flaw::ShowsTheSecretAfterTwo if met > 1 => {
                failed(Outcome::Unknown, MemoryWorld::SECRET)
            }
            Flaw::Hangs if met > 0 => std::future::pending().await,
            _ => honest,
        }
    }
}

async fn report_of(flaw: Flaw, depth: Depth) -> Report {
    let world = move |setup| async move {
        MemoryWorld::of(setup, true, |memory| Broken(flaw, MemorySink::new(memory)))
    };
    send(world, depth).await
}

#[tokio::test]
async fn an_honest_sink_stands_every_schedule() {
    for ignores_repeats in [true, false] {
        let world =
            move |setup| async move { MemoryWorld::of(setup, ignores_repeats, MemorySink::new) };
        let report = send(world, Depth::Pairs).await;
        report.assert();
        // 14 faults at the one request; two of them at it and the next; nothing wrong.
        assert_eq!((report.requests, report.ran), (1, 1 + 14 + 14 * 14));
        let report = ship(world, Depth::Single).await;
        report.assert();
        assert_eq!((report.requests, report.ran), (4, 1 + 4 * 14));
    }
}

#[tokio::test]
async fn the_smallest_failing_schedule_is_told_in_words() {
    for (flaw, depth, says) in [
        (
            Flaw::ClaimsTooEarly,
            Depth::Single,
            "request 1: 401: s-0 is called delivered, and the product has it not",
        ),
        (
            Flaw::GivesUpAtOnce,
            Depth::Single,
            "request 1: reset before it was done: s-0 is called rejected, and the product has it",
        ),
        (
            Flaw::SaysUnknownAtEverything,
            Depth::Single,
            "request 1: 401: s-0 is called unknown, though nothing happened that could leave it so",
        ),
        (
            Flaw::ShowsTheSecretAfterTwo,
            Depth::Pairs,
            "request 1: reset before it was done; request 2: reset before it was done: a secret",
        ),
    ] {
        let report = report_of(flaw, depth).await;
        let text = report.to_string();
        assert!(text.contains(&format!("the smallest: {says}")), "{flaw:?}: {text}");
        let asserted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| report.assert()));
        assert!(asserted.is_err());
    }
}

#[tokio::test]
async fn what_fails_with_nothing_wrong_is_told_first() {
    let world = |setup| async move {
        MemoryWorld::of(setup, true, |memory| {
            memory.script().on("take", 1, crate::Fault::status(401));
            MemorySink::new(memory)
        })
    };
    let report = send(world, Depth::Pairs).await;
    assert_eq!(report.ran, 1);
    assert!(report.to_string().contains("with nothing wrong: s-0 is called rejected"), "{report}");
}

/// An operation that hangs is a failure of its schedule, and ends no other.
#[tokio::test]
async fn a_schedule_that_hangs_is_told() {
    let world = crate::conformance::sink::worlds(|setup| async move {
        MemoryWorld::of(setup, true, |memory| Broken(Flaw::Hangs, MemorySink::new(memory)))
    });
    let hung = within(Duration::from_millis(50), async move {
        let world = world.fresh().await;
        world.inject(1, crate::Fault::ResetBefore);
        let sink: Arc<dyn EventSink> = world.port();
        sink.send(&world.call(), &crate::conformance::sink::events("s", 1)).await
    });
    assert_eq!(hung.await.unwrap_err().to_string(), "it did not end: something waits for ever");
}

#[tokio::test]
async fn an_honest_desk_stands_every_schedule() {
    for (keys, opens, handles) in [
        // The look after a create of which others may not know; with a claim it is made before.
        (Keys::Free, 3, 11),
        (Keys::Lagging, 2, 10),
        (Keys::Claimed, 3, 11),
        (Keys::Unique, 2, 10),
    ] {
        let world = move |setup| async move { MemoryDeskWorld::of(setup, keys, MemoryDesk::desk) };
        let report = open(world, Depth::Pairs).await;
        report.assert();
        let pairs = opens * (opens + 1) / 2;
        assert_eq!((report.requests, report.ran as u64), (opens, 1 + opens * 15 + pairs * 225));
        let report = handle(world, Depth::Single).await;
        report.assert();
        assert_eq!((report.requests, report.ran as u64), (handles, 1 + handles * 15));
    }
}
