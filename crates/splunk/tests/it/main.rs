//! The sink against the twin, on its bad days, and its exact requests.

mod shape;
mod sink;

use std::sync::Arc;

use serde_json::json;
use watchfloor_core::block::GuardConfig;
use watchfloor_core::{Clock, ConnectorName, Event, Facts, Guard, Timestamp};
use watchfloor_http::{Env, Factory, Layer, Ports};
use watchfloor_splunk::Splunk;
use watchfloor_testkit::section;

const TOKEN: &str = "cnry-hec-token";

/// The connector of a collector at `url`, as a configuration makes it.
fn connector(url: &str, clock: Arc<dyn Clock>, more: &[(&str, &str)]) -> Ports {
    let mut entries = json!({ "hec_url": url, "hec_token": { "env": "TOKEN" } });
    for (key, value) in more {
        entries[*key] = json!(value);
    }
    let name = ConnectorName::new("siem");
    let mut section = section("siem", &entries, &[("TOKEN", TOKEN)]);
    let guard = Guard::new(name.clone(), GuardConfig::new());
    let env = Env::new(Layer::new(clock), Arc::new(Facts::new()), Arc::new(guard));
    let ports = Splunk.build(&name, &mut section, &env);
    let problems = section.problems().clone();
    section.finish();
    let problems = problems.take();
    ports.filter(|_| problems.is_empty()).unwrap_or_else(|| panic!("{problems:?}"))
}

/// Events whose documents are not what a re-serialisation would write.
fn events(n: usize) -> Vec<Event> {
    let doc = |i| format!(r#"{{"time":1766000000{i:03},"n":1.10,"metadata":{{"uid":"u-{i}"}}}}"#);
    (0..n).map(|i| Event::from_json(doc(i), Timestamp::EPOCH).unwrap()).collect()
}
