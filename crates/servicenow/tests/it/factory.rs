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

#[test]
fn what_cannot_be_configured_is_named_with_its_key() {
    for (key, bad, named) in [
        ("comment_as", json!("notes"), "comment_as"),
        ("close_code", json!(" "), "close_code"),
        ("close_notes", json!(7), "close_notes"),
        ("fields", json!({ "work_notes": "x" }), "fields"),
        ("fields", json!({ "short_description": "x" }), "fields"),
        ("fields", json!({ "sys_id": "x" }), "fields"),
        ("fields", json!({ "caller_id": 7 }), "fields.caller_id"),
        ("states", json!({ "10": "open" }), "states"),
    ] {
        let mut entries = with_basic("https://acme.service-now.com");
        entries[key] = bad.clone();
        assert_eq!(problems(&entries), [format!("connectors.itsm.{named}")], "{key} = {bad}");
    }
    let mut entries = with_basic("https://acme.service-now.com");
    entries["comment_as"] = json!("notes");
    entries["states"] = json!({ "10": "open" });
    let both = ["connectors.itsm.comment_as", "connectors.itsm.states"];
    assert_eq!(problems(&entries), both, "all at once");
}
