//! What every sink promises, and what is left of it when any two requests go wrong.

use std::sync::Arc;

use serde_json::json;
use watchfloor_core::config::Section;
use watchfloor_core::{ConnectorName, Event, EventSink, Timestamp};
use watchfloor_http::{Env, Factory as _};
use watchfloor_splunk::Splunk;
use watchfloor_testkit::conformance::{Held, Setup, TwinWorld, sink};
use watchfloor_testkit::leak::{Canaries, Outputs, Watch};
use watchfloor_testkit::schedule::{self, Depth};
use watchfloor_testkit::{Answer, twins};

use super::TOKEN;

type HecWorld = TwinWorld<twins::Hec, dyn EventSink>;

/// The sink of a collector at `url`, as a configuration makes it.
fn sink_of(url: &str, setup: &Setup, on_unknown: &str) -> Arc<dyn EventSink> {
    let attempt_timeout = format!("{}ms", setup.attempt_timeout.as_millis());
    let entries = json!({
        "hec_url": url,
        "hec_token": { "env": "TOKEN" },
        "on_unknown": on_unknown,
        "http": { "attempt_timeout": attempt_timeout, "max_attempts": 12 },
    });
    let name = ConnectorName::new("siem");
    let env = Env::alone(&name, Arc::new(setup.clock.clone()));
    let build = |section: &mut Section| Splunk.build(&name, section, &env);
    let ports = watchfloor_testkit::build("siem", &entries, &[("TOKEN", TOKEN)], build);
    ports.expect("a right configuration").sink.expect("a sink")
}

/// A collector and a sink of it.
async fn world_of(setup: Setup, hec: twins::Hec, on_unknown: &str) -> HecWorld {
    let busy = json!({ "text": "Server is busy", "code": 9 });
    let held = |hec: &twins::Hec| hec.held().into_iter().map(held).collect();
    let sink = |url: &str, setup: &Setup| sink_of(url, setup, on_unknown);
    let world = TwinWorld::start(setup, hec, held, sink);
    let world = world.await.secret(TOKEN).fails_inside(Answer::json(200, &busy)).refuses(blank);
    if on_unknown == "report" { world.never_doubles() } else { world }
}

fn held(held: twins::HeldEvent) -> Held {
    let uid = held.meta["fields"]["event_uid"].as_str().unwrap_or_default();
    Held { key: uid.to_owned(), bytes: Some(held.event) }
}

/// The collector refuses a blank event; it has no place for an id.
fn blank(_: usize) -> Event {
    Event::from_json("{}", Timestamp::EPOCH).expect("an object")
}

async fn world(setup: Setup) -> HecWorld {
    world_of(setup, twins::Hec::new(TOKEN), "resend").await
}

/// A collector with so little room that seven events are four requests: too large, its first half
/// up to the refused event, what is left of that, the second half.
async fn narrow(setup: Setup) -> HecWorld {
    world_of(setup, twins::Hec::new(TOKEN).max_body(1000), "resend").await
}

async fn narrow_reporting(setup: Setup) -> HecWorld {
    world_of(setup, twins::Hec::new(TOKEN).max_body(1000), "report").await
}

#[tokio::test]
async fn it_keeps_what_every_sink_promises() {
    sink::run(world).await;
}

#[tokio::test]
async fn it_keeps_it_also_where_the_unknown_is_reported() {
    sink::run(|setup| world_of(setup, twins::Hec::new(TOKEN), "report")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t06_no_schedule_of_faults_loses_an_event() {
    let report = schedule::send(narrow, Depth::Pairs).await;
    report.assert();
    assert_eq!(report.requests, 4, "the schedules should have something to hit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t06_no_schedule_of_faults_doubles_an_event_where_the_unknown_is_reported() {
    schedule::send(narrow_reporting, Depth::Pairs).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t06_no_schedule_of_faults_loses_an_event_that_is_shipped() {
    schedule::ship(world, Depth::Pairs).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t40_nothing_leaks_under_any_single_fault() {
    let watch = Watch::start();
    schedule::send(narrow, Depth::Single).await.assert();
    let mut outputs = Outputs::new();
    watch.into(&mut outputs);
    assert!(outputs.len() > 10_000, "the layer logs what it does: {outputs:?}");
    let canaries = Canaries::new([TOKEN, sink::CUSTOMER]);
    assert_eq!(outputs.leaks(&canaries), []);
}
