//! The sink against the twin, on its bad days, and its exact requests.

mod answers;
mod conformance;
mod factory;
mod pressure;
mod shape;
mod sink;

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::config::Section;
use watchfloor_core::{
    Call, Clock, ConnectorName, Delivery, Event, Root, Scope, TenantId, Timestamp,
};
use watchfloor_elastic::Elastic;
use watchfloor_http::{Env, Factory as _, Ports};
use watchfloor_testkit::{Answer, Fault, Server, TestClock, twins};

/// What a configuration makes of these entries, or the keys that it finds wrong.
fn build(clock: Arc<dyn Clock>, entries: &Value) -> Result<Ports, Vec<String>> {
    let name = ConnectorName::new("search");
    let env = Env::alone(&name, clock);
    let build = |section: &mut Section| Elastic.build(&name, section, &env);
    watchfloor_testkit::build(name.as_str(), entries, &[("SECRET", SECRET)], build)
        .map_err(|problems| problems.into_iter().map(|p| p.key).collect())
}

fn connector(clock: Arc<dyn Clock>, entries: &Value) -> Ports {
    build(clock, entries).unwrap()
}

fn scope(clock: Arc<dyn Clock>) -> Scope {
    Root::new(clock).scope(TenantId::new("acme"))
}

const SECRET: &str = "cnry-es-key";
const STREAM: &str = "logs-watchfloor-default";

fn entries(url: &str, target: &str) -> Value {
    json!({
        "urls": [url],
        "auth": { "type": "api_key", "key": { "env": "SECRET" } },
        "target": target,
    })
}

struct World {
    cluster: Server<twins::Elasticsearch>,
    ports: Ports,
    call: Call,
}

async fn world_of(cluster: twins::Elasticsearch, target: &str, more: &[(&str, Value)]) -> World {
    let clock = clock();
    let cluster = Server::start(cluster, clock.clone()).await.unwrap();
    let mut entries = entries(&cluster.url(), target);
    for (key, value) in more {
        entries[*key] = value.clone();
    }
    let ports = connector(clock.clone(), &entries);
    World { cluster, ports, call: scope(clock).call() }
}

async fn world() -> World {
    world_of(twins::Elasticsearch::with_api_key(SECRET), STREAM, &[]).await
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()))
}

impl World {
    async fn send(&self, events: &[Event]) -> Delivery {
        self.ports.sink.as_ref().unwrap().send(&self.call, events).await
    }

    /// How many operations each bulk request had.
    fn operations(&self) -> Vec<usize> {
        operations(&self.cluster)
    }
}

fn operations(cluster: &Server<twins::Elasticsearch>) -> Vec<usize> {
    let lines = |body: &[u8]| body.split(|b| *b == b'\n').count() / 2;
    cluster.log().of("bulk").iter().map(|l| lines(&l.request.body)).collect()
}

/// The right answer with its `items` changed.
fn twisted(change: impl Fn(&mut Vec<Value>) + Send + Sync + 'static) -> Fault {
    Fault::Twist(Arc::new(move |_, answer| {
        let mut body: Value = serde_json::from_slice(answer.bytes()).unwrap();
        change(body["items"].as_array_mut().unwrap());
        Answer::json(200, &body)
    }))
}

/// An error of a whole request.
fn refusal(status: u16, kind: &str, reason: &str) -> Fault {
    let error = json!({ "type": kind, "reason": reason });
    let root = json!([error]);
    let body = json!({
        "error": { "root_cause": root, "type": kind, "reason": reason }, "status": status,
    });
    Fault::Instead(Answer::json(status, &body))
}

/// Events whose documents are not what a re-serialisation would write.
fn events(n: usize) -> Vec<Event> {
    let doc = |i| format!(r#"{{"time":1766000000{i:03},"n":1.10,"metadata":{{"uid":"u-{i}"}}}}"#);
    (0..n).map(|i| Event::from_json(doc(i), Timestamp::EPOCH).unwrap()).collect()
}
