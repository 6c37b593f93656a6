//! The sink against the twin, on its bad days, and its exact requests.

mod factory;
mod shape;
mod sink;

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::block::GuardConfig;
use watchfloor_core::{
    Clock, ConnectorName, Event, Facts, Guard, Root, Scope, TenantId, Timestamp,
};
use watchfloor_elastic::Elastic;
use watchfloor_http::{Env, Factory, Layer, Ports};
use watchfloor_testkit::section;

/// What a configuration makes of these entries, and the keys that it finds wrong.
fn build(clock: Arc<dyn Clock>, entries: &Value) -> (Option<Ports>, Vec<String>) {
    let name = ConnectorName::new("search");
    let mut section = section("search", entries, &[("SECRET", SECRET)]);
    let guard = Guard::new(name.clone(), GuardConfig::new());
    let env = Env::new(Layer::new(clock), Arc::new(Facts::new()), Arc::new(guard));
    let ports = Elastic.build(&name, &mut section, &env);
    let problems = section.problems().clone();
    section.finish();
    (ports, problems.take().into_iter().map(|p| p.key).collect())
}

fn connector(clock: Arc<dyn Clock>, entries: &Value) -> Ports {
    let (ports, problems) = build(clock, entries);
    ports.filter(|_| problems.is_empty()).unwrap_or_else(|| panic!("{problems:?}"))
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

/// Events whose documents are not what a re-serialisation would write.
fn events(n: usize) -> Vec<Event> {
    let doc = |i| format!(r#"{{"time":1766000000{i:03},"n":1.10,"metadata":{{"uid":"u-{i}"}}}}"#);
    (0..n).map(|i| Event::from_json(doc(i), Timestamp::EPOCH).unwrap()).collect()
}
