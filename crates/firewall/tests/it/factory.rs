//! From a section of the configuration to a blocklist.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchfloor_core::block::GuardConfig;
use watchfloor_core::config::{Node, Problems, SecretRef, SecretSource, Section, Value};
use watchfloor_core::{Guard, Secret};
use watchfloor_firewall::pan_os::PanOsFactory;
use watchfloor_http::{Env, Factory as _, Layer, Ports};

use crate::device::clock;

#[derive(Debug)]
struct Key;

impl SecretSource for Key {
    fn find(&self, _: &SecretRef) -> Result<Secret, String> {
        Ok(Secret::new("cnry-key"))
    }
}

fn build(entries: &[(&str, &str)]) -> (Option<Ports>, Vec<String>) {
    let text = |t: &str| Node { value: Value::Text(t.to_owned()), line: 2 };
    let mut table: BTreeMap<_, _> =
        entries.iter().map(|(key, value)| ((*key).to_owned(), text(value))).collect();
    let secret = BTreeMap::from([("env".to_owned(), text("KEY"))]);
    table.insert("api_key".into(), Node { value: Value::Table(secret), line: 3 });
    let problems = Problems::default();
    let mut section = Section::new("connectors.edge", 1, table, problems.clone(), Arc::new(Key));
    let guard = Arc::new(Guard::new("edge".into(), GuardConfig::new()));
    let env = Env::new(Layer::new(Arc::new(clock())), Arc::default(), guard);
    let ports = PanOsFactory.build(&"edge".into(), &mut section, &env);
    section.finish();
    (ports, problems.take().iter().map(ToString::to_string).collect())
}

#[test]
fn a_section_becomes_a_blocklist_and_nothing_else() {
    let (ports, problems) = build(&[("url", "https://fw.example"), ("tag", "x")]);
    let ports = ports.expect("a connector");
    assert!(problems.is_empty(), "{problems:?}");
    assert!(ports.blocklist.is_some() && ports.sink.is_none() && ports.desk.is_none());
    assert_eq!(ports.connector.name().as_str(), "edge");
    assert_eq!((PanOsFactory.type_name(), PanOsFactory.management()), ("pan_os", &["url"][..]));
}

#[test]
fn what_is_wrong_is_reported_and_nothing_is_built() {
    let (ports, problems) = build(&[("url", "http://fw.example")]);
    assert!(ports.is_none(), "a key over plain http");
    assert!(problems[0].contains("connectors.edge.url"), "{problems:?}");
    let (ports, problems) = build(&[]);
    assert!(ports.is_none() && problems.len() == 1, "{problems:?}");
    let (_, problems) = build(&[("url", "https://fw.example"), ("tagg", "x")]);
    assert!(problems[0].contains("did you mean \"tag\""), "{problems:?}");
}
