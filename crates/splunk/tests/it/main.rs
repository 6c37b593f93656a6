//! The sink against the twin, on its bad days, and its exact requests.

mod shape;
mod sink;

use std::collections::BTreeMap;
use std::sync::Arc;

use watchfloor_core::config::{Node, Problems, Section, SecretRef, SecretSource, Value};
use watchfloor_core::{Clock, ConnectorName, Event, Facts, Guard, Secret, Timestamp};
use watchfloor_http::{Env, Factory, Layer, Ports};
use watchfloor_splunk::Splunk;

const TOKEN: &str = "cnry-hec-token";

#[derive(Debug)]
struct Fixed;

impl SecretSource for Fixed {
    fn find(&self, _: &SecretRef) -> Result<Secret, String> {
        Ok(Secret::new(TOKEN))
    }
}

fn text(value: &str) -> Node {
    Node { value: Value::Text(value.to_owned()), line: 1 }
}

/// The connector of a collector at `url`, as a configuration makes it.
fn connector(url: &str, clock: Arc<dyn Clock>, more: &[(&str, &str)]) -> Ports {
    let secret = BTreeMap::from([("env".to_owned(), text("TOKEN"))]);
    let mut entries = BTreeMap::from([
        ("hec_url".to_owned(), text(url)),
        ("hec_token".to_owned(), Node { value: Value::Table(secret), line: 1 }),
    ]);
    entries.extend(more.iter().map(|(k, v)| ((*k).to_owned(), text(v))));
    let problems = Problems::default();
    let mut section = Section::new("connectors.siem", 1, entries, problems, Arc::new(Fixed));
    let name = ConnectorName::new("siem");
    let guard = Guard::new(name.clone(), watchfloor_core::block::GuardConfig::new());
    let env = Env::new(Layer::new(clock), Arc::new(Facts::new()), Arc::new(guard));
    let ports = Splunk.build(&name, &mut section, &env);
    let problems = section.problems().clone();
    section.finish();
    ports.unwrap_or_else(|| panic!("{:?}", problems.take()))
}

/// Events whose documents are not what a re-serialisation would write.
fn events(n: usize) -> Vec<Event> {
    let doc = |i| format!(r#"{{"time":1766000000{i:03},"n":1.10,"metadata":{{"uid":"u-{i}"}}}}"#);
    (0..n).map(|i| Event::from_json(doc(i), Timestamp::EPOCH).unwrap()).collect()
}
