//! What every sink promises, and what is left of it when any two requests go wrong.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use watchfloor_core::config::Section;
use watchfloor_core::{ConnectorName, Event, EventSink, Timestamp};
use watchfloor_elastic::Elastic;
use watchfloor_http::{Env, Factory as _};
use watchfloor_testkit::conformance::{Held, Setup, TwinWorld, sink};
use watchfloor_testkit::leak::{Canaries, Outputs, Watch};
use watchfloor_testkit::schedule::{self, Depth};
use watchfloor_testkit::{Answer, twins};

use super::{SECRET, STREAM, entries};

type ClusterWorld = TwinWorld<twins::Elasticsearch, dyn EventSink>;

const INDEX: &str = "watchfloor-events";

/// The sink of a cluster at `url`, as a configuration makes it.
fn sink_of(url: &str, setup: &Setup, target: &str) -> Arc<dyn EventSink> {
    let attempt_timeout = format!("{}ms", setup.attempt_timeout.as_millis());
    let mut entries = entries(url, target);
    entries["http"] = json!({ "attempt_timeout": attempt_timeout, "max_attempts": 12 });
    let name = ConnectorName::new("search");
    let env = Env::alone(&name, Arc::new(setup.clock.clone()));
    let build = |section: &mut Section| Elastic.build(&name, section, &env);
    let ports = watchfloor_testkit::build("search", &entries, &[("SECRET", SECRET)], build);
    ports.expect("a right configuration").sink.expect("a sink")
}

/// A cluster in which `status` is a number.
fn cluster() -> twins::Elasticsearch {
    let cluster = twins::Elasticsearch::with_api_key(SECRET);
    cluster.mapping(INDEX, "status", "long").mapping(STREAM, "status", "long")
}

async fn world_of(setup: Setup, cluster: twins::Elasticsearch, target: &str) -> ClusterWorld {
    let sink = |url: &str, setup: &Setup| sink_of(url, setup, target);
    let exhausted =
        json!({ "error": { "type": "es_rejected_execution_exception" }, "status": 429 });
    let world = TwinWorld::start(setup, cluster, held, sink).await;
    world.secret(SECRET).fails_inside(Answer::json(200, &exhausted)).refuses(of_another_type)
}

/// The documents of both targets, as they were sent: of a data stream's, without the `@timestamp`
/// that the sink appends.
fn held(cluster: &twins::Elasticsearch) -> Vec<Held> {
    let as_sent = |doc: &Bytes| match doc.windows(15).rposition(|w| w == b",\"@timestamp\":\"") {
        Some(at) => [&doc[..at], b"}"].concat().into(),
        None => doc.clone(),
    };
    let all = [INDEX, STREAM].into_iter().flat_map(|target| cluster.held(target));
    all.map(|(key, doc)| Held { key, bytes: Some(as_sent(&doc)) }).collect()
}

/// The cluster refuses an event whose status is no number.
fn of_another_type(n: usize) -> Event {
    let doc = format!(r#"{{"status":"none","metadata":{{"uid":"refused-{n}"}}}}"#);
    Event::from_json(doc, Timestamp::EPOCH).expect("an object")
}

async fn world(setup: Setup) -> ClusterWorld {
    world_of(setup, cluster(), INDEX).await
}

/// A cluster with so little room that seven events are several requests.
async fn narrow(setup: Setup) -> ClusterWorld {
    world_of(setup, cluster().max_body(700), STREAM).await
}

#[tokio::test]
async fn it_keeps_what_every_sink_promises() {
    sink::run(world).await;
}

#[tokio::test]
async fn it_keeps_it_also_in_a_data_stream() {
    sink::run(|setup| world_of(setup, cluster(), STREAM)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t06_no_schedule_of_faults_loses_or_doubles_an_event() {
    let report = schedule::send(narrow, Depth::Pairs).await;
    report.assert();
    assert!(report.requests >= 3, "the schedules should have something to hit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t06_no_schedule_of_faults_loses_or_doubles_an_event_that_is_shipped() {
    schedule::ship(world, Depth::Pairs).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t40_nothing_leaks_under_any_single_fault() {
    let watch = Watch::start();
    schedule::send(narrow, Depth::Single).await.assert();
    let mut outputs = Outputs::new();
    watch.into(&mut outputs);
    assert!(outputs.len() > 10_000, "the layer logs what it does: {outputs:?}");
    let canaries = Canaries::new([SECRET, sink::CUSTOMER]);
    assert_eq!(outputs.leaks(&canaries), []);
}
