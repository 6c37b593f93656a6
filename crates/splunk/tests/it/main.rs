//! The sink against the twin, on its bad days, and its exact requests.

mod shape;
mod sink;

use std::sync::Arc;

use serde_json::json;
use watchfloor_core::config::Section;
use watchfloor_core::{Clock, ConnectorName, Event, Timestamp};
use watchfloor_http::{Env, Factory as _, Ports};
use watchfloor_splunk::Splunk;

const TOKEN: &str = "cnry-hec-token";

/// The connector of a collector at `url`, as a configuration makes it.
fn connector(url: &str, clock: Arc<dyn Clock>, more: &[(&str, &str)]) -> Ports {
    let mut entries = json!({ "hec_url": url, "hec_token": { "env": "TOKEN" } });
    for (key, value) in more {
        entries[*key] = json!(value);
    }
    let name = ConnectorName::new("siem");
    let env = Env::alone(&name, clock);
    let build = |section: &mut Section| Splunk.build(&name, section, &env);
    watchfloor_testkit::build(name.as_str(), &entries, &[("TOKEN", TOKEN)], build).unwrap()
}

/// Events whose documents are not what a re-serialisation would write.
fn events(n: usize) -> Vec<Event> {
    let doc = |i| format!(r#"{{"time":1766000000{i:03},"n":1.10,"metadata":{{"uid":"u-{i}"}}}}"#);
    (0..n).map(|i| Event::from_json(doc(i), Timestamp::EPOCH).unwrap()).collect()
}
