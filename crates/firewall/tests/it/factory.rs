//! From a section of the configuration to a blocklist.

use std::sync::Arc;

use serde_json::json;
use watchfloor_core::Guard;
use watchfloor_core::block::GuardConfig;
use watchfloor_firewall::pan_os::PanOsFactory;
use watchfloor_http::{Env, Factory as _, Layer, Ports};
use watchfloor_testkit::section;

use crate::device::clock;

fn build(entries: &[(&str, &str)]) -> (Option<Ports>, Vec<String>) {
    let mut table = json!({ "api_key": { "env": "KEY" } });
    for (key, value) in entries {
        table[key] = json!(value);
    }
    let mut section = section("edge", &table, &[("KEY", "cnry-key")]);
    let problems = section.problems().clone();
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
