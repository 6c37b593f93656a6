//! The sink against the twin, on its bad days, and its exact requests.

mod factory;
mod shape;
mod sink;

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::config::Section;
use watchfloor_core::{Clock, ConnectorName, Event, Root, Scope, TenantId, Timestamp};
use watchfloor_elastic::Elastic;
use watchfloor_http::{Env, Factory as _, Ports};

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

/// Events whose documents are not what a re-serialisation would write.
fn events(n: usize) -> Vec<Event> {
    let doc = |i| format!(r#"{{"time":1766000000{i:03},"n":1.10,"metadata":{{"uid":"u-{i}"}}}}"#);
    (0..n).map(|i| Event::from_json(doc(i), Timestamp::EPOCH).unwrap()).collect()
}
