use std::sync::Arc;

use serde_json::json;
use watchfloor_http::SystemClock;

use super::{build, entries};

#[test]
fn a_section_becomes_a_desk_and_nothing_else() {
    let entries = entries("https://acme.atlassian.net");
    let ports = build(Arc::new(SystemClock::new()), &entries).unwrap();
    assert!(ports.desk.is_some() && ports.sink.is_none() && ports.blocklist.is_none());
    assert_eq!(ports.connector.name().as_str(), "dev");
}

#[test]
fn what_is_wrong_is_reported_and_nothing_is_built() {
    for (key, bad) in [
        ("url", "http://acme.atlassian.net"),
        ("project", ""),
        ("project", "SEC\" OR \"1\"=\"1"),
        ("project", "A B"),
        ("flavor", "server"),
        ("browse_url", "ftp://x"),
        ("claim", "yes"),
    ]
    .map(|(key, bad)| (key, json!(bad)))
    .into_iter()
    .chain([
        ("issue_type", json!(7)),
        ("text_limit", json!(10)),
        ("fields", json!({ "a b": "c" })),
    ]) {
        let mut entries = entries("https://acme.atlassian.net");
        entries[key] = bad.clone();
        let problems = build(Arc::new(SystemClock::new()), &entries).unwrap_err();
        assert_eq!(problems, [format!("connectors.dev.{key}")], "{bad:?}");
    }
}
