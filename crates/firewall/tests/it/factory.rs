//! From a section of the configuration to a blocklist.

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::config::Section;
use watchfloor_firewall::pan_os::PanOsFactory;
use watchfloor_http::{Env, Factory as _, Ports};

use crate::device::clock;

fn build(entries: &[(&str, &str)]) -> Result<Ports, Vec<String>> {
    let mut table = json!({ "api_key": { "env": "KEY" } });
    for (key, value) in entries {
        table[key] = json!(value);
    }
    of(&table)
}

fn of(table: &Value) -> Result<Ports, Vec<String>> {
    let name = "edge".into();
    let env = Env::alone(&name, Arc::new(clock()));
    let build = |section: &mut Section| PanOsFactory.build(&name, section, &env);
    watchfloor_testkit::build(name.as_str(), table, &[("KEY", "cnry-key")], build)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn a_section_becomes_a_blocklist_and_nothing_else() {
    let ports = build(&[("url", "https://fw.example"), ("tag", "x")]).unwrap();
    assert!(ports.blocklist.is_some() && ports.sink.is_none() && ports.desk.is_none());
    assert_eq!(ports.connector.name().as_str(), "edge");
    assert_eq!((PanOsFactory.type_name(), PanOsFactory.management()), ("pan_os", &["url"][..]));
}

#[test]
fn what_is_wrong_is_reported_and_nothing_is_built() {
    let problems = build(&[("url", "http://fw.example")]).expect_err("a key over plain http");
    assert!(problems[0].contains("connectors.edge.url"), "{problems:?}");
    let problems = build(&[]).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problems = build(&[("url", "https://fw.example"), ("tagg", "x")]).unwrap_err();
    assert!(problems[0].contains("did you mean \"tag\""), "{problems:?}");
    for (key, wrong) in
        [("tag", json!("a  b")), ("vsys", json!("root")), ("max_entries", json!("many"))]
    {
        let mut table = json!({ "url": "https://fw.example", "api_key": { "env": "KEY" } });
        table[key] = wrong;
        let problems = of(&table).expect_err(key);
        assert!(problems.len() == 1 && problems[0].contains(key), "{problems:?}");
    }
}
