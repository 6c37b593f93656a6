//! The sink against the twin, on its bad days, and its exact requests.

mod conformance;
mod factory;
mod metadata;
mod shape;
mod sink;
mod vectors;

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::config::Section;
use watchfloor_core::{Call, Clock, ConnectorName, Delivery, Event, Root, TenantId, Timestamp};
use watchfloor_http::{Env, Factory as _, Ports};
use watchfloor_splunk::Splunk;
use watchfloor_testkit::{Server, TestClock, twins};

/// A collector that went wrong, or will.
struct World {
    hec: Server<twins::Hec>,
    ports: Ports,
    call: Call,
}

async fn world(hec: twins::Hec, more: &[(&str, Value)]) -> World {
    let clock = clock();
    let hec = Server::start(hec, clock.clone()).await.unwrap();
    let call = call(clock.clone());
    let ports = connector(hec.url(), clock, more);
    World { hec, ports, call }
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()))
}

fn call(clock: Arc<TestClock>) -> Call {
    Root::new(clock).scope(TenantId::new("acme")).call()
}

impl World {
    async fn send(&self, events: &[Event]) -> Delivery {
        self.ports.sink.as_ref().unwrap().send(&self.call, events).await
    }

    /// The ids of what is held, in order.
    fn held(&self) -> Vec<String> {
        held(&self.hec)
    }

    /// The ids in the body of each request, in order.
    fn sent(&self) -> Vec<Vec<String>> {
        let bodies = self.hec.log().of("send").into_iter().map(|l| l.request.body);
        bodies.map(|body| uids(&body)).collect()
    }
}

fn held(hec: &twins::Hec) -> Vec<String> {
    let uid = |e: twins::HeldEvent| e.meta["fields"]["event_uid"].as_str().unwrap().to_owned();
    hec.held().into_iter().map(uid).collect()
}

fn uids(body: &[u8]) -> Vec<String> {
    let envelopes = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    envelopes.map(|e| e.unwrap()["fields"]["event_uid"].as_str().unwrap().to_owned()).collect()
}

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("u-{i}")).collect()
}

const TOKEN: &str = "cnry-hec-token";

/// What a configuration makes of these entries, or the keys that it finds wrong.
fn build(clock: Arc<dyn Clock>, entries: &Value) -> Result<Ports, Vec<String>> {
    let name = ConnectorName::new("siem");
    let env = Env::alone(&name, clock);
    let build = |section: &mut Section| Splunk.build(&name, section, &env);
    watchfloor_testkit::build(name.as_str(), entries, &[("TOKEN", TOKEN)], build)
        .map_err(|problems| problems.into_iter().map(|p| p.key).collect())
}

/// The connector of a collector at `url`, or at several, with more entries.
fn connector(url: impl Into<Value>, clock: Arc<dyn Clock>, more: &[(&str, Value)]) -> Ports {
    let mut entries = json!({ "hec_url": url.into(), "hec_token": { "env": "TOKEN" } });
    for (key, value) in more {
        entries[*key] = value.clone();
    }
    build(clock, &entries).unwrap()
}

/// Events whose documents are not what a re-serialisation would write.
fn events(n: usize) -> Vec<Event> {
    let doc = |i| format!(r#"{{"time":1766000000{i:03},"n":1.10,"metadata":{{"uid":"u-{i}"}}}}"#);
    (0..n).map(|i| Event::from_json(doc(i), Timestamp::EPOCH).unwrap()).collect()
}
