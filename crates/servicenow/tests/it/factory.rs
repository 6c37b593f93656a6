use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_http::SystemClock;

use super::{build, with_basic, with_oauth};

fn problems(entries: &Value) -> Vec<String> {
    build(Arc::new(SystemClock::new()), entries).err().unwrap_or_default()
}

#[test]
fn a_section_becomes_a_desk_and_nothing_else() {
    let entries = with_oauth("https://acme.service-now.com/");
    let ports = build(Arc::new(SystemClock::new()), &entries).unwrap();
    assert!(ports.desk.is_some() && ports.sink.is_none() && ports.blocklist.is_none());
    assert_eq!(ports.connector.name().as_str(), "itsm");
}

#[test]
fn what_is_wrong_is_reported_and_nothing_is_built() {
    assert_eq!(problems(&with_basic("https://acme.service-now.com")), [""; 0]);
    assert_eq!(problems(&with_basic("http://acme.service-now.com")), ["connectors.itsm.url"]);
    for bad in ["", "incident/x", "incident?x", "../sys_user"] {
        let mut entries = with_basic("https://acme.service-now.com");
        entries["table"] = json!(bad);
        assert_eq!(problems(&entries), ["connectors.itsm.table"], "{bad:?}");
    }
    let mut entries = with_basic("https://acme.service-now.com");
    entries["auth"]["password"] = json!("a literal");
    assert_eq!(problems(&entries), ["connectors.itsm.auth.password"]);
}
