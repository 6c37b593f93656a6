//! What clients of the vendors send.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use watchfloor_testkit::{TestClock, Twin, twins};

use super::{body, exchanges, request};

#[test]
fn servicenow_as_pysnow_uses_it() {
    let clock = Arc::new(TestClock::at("2026-11-24T06:00:00Z".parse().unwrap()));
    let twin = twins::ServiceNow::new(clock, "c", "s").accept("Basic twin");
    let credential = Some(("authorization", "Basic twin"));
    for file in ["client-pysnow-0.7.17/01-insert.json", "client-pysnow-0.7.17/02-query-dict.json"] {
        for (recorded, response) in &exchanges(file) {
            let answer = twin.handle(&request(recorded, credential), None);
            assert_eq!(u64::from(answer.status()), response["status"].as_u64().unwrap(), "{file}");
            let recorded: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
            let (ours, theirs) = (body(&answer), recorded);
            // A record has more fields on one instance than on another; those of the recording are
            // there, all of them text.
            let record = |body: &Value| -> BTreeMap<String, Value> {
                let result =
                    if body["result"].is_array() { &body["result"][0] } else { &body["result"] };
                result.as_object().unwrap().clone().into_iter().collect()
            };
            assert_eq!(ours["result"].is_array(), theirs["result"].is_array(), "{file}");
            let ours = record(&ours);
            for (field, value) in record(&theirs) {
                assert!(ours[&field].is_string() && value.is_string(), "{file}: {field}");
            }
            for header in ["location", "x-total-count"] {
                let names = response["headers"].as_object().unwrap();
                if names.keys().any(|k| k.eq_ignore_ascii_case(header)) {
                    assert!(answer.headers().contains_key(header), "{file}: {header}");
                }
            }
        }
    }
}

#[test]
fn pan_os_as_pan_os_python_uses_it() {
    let clock = Arc::new(TestClock::at("2026-11-24T06:00:00Z".parse().unwrap()));
    let twin = twins::PanOs::new(clock, "<masked>");
    let folder = "client-pan-os-python-1.13.1";
    for file in ["04-register.json", "08-get-registered.json"] {
        for (recorded, response) in &exchanges(&format!("{folder}/{file}")) {
            let answer = twin.handle(&request(recorded, None), None);
            assert_eq!(u64::from(answer.status()), response["status"].as_u64().unwrap(), "{file}");
            let text = String::from_utf8(answer.bytes().to_vec()).unwrap();
            assert_eq!(elements(&text), elements(response["body"].as_str().unwrap()), "{file}");
        }
    }
    assert_eq!(twin.held().len(), 1);
}

/// The elements of a document with the names of their attributes, in order.
fn elements(xml: &str) -> Vec<String> {
    let open = xml.split('<').skip(1).filter(|e| !e.starts_with('/'));
    let element = |e: &str| {
        let tag = e.split('>').next().unwrap_or_default().trim_end_matches('/');
        let mut words = tag.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let mut names: Vec<_> = words.filter_map(|a| a.split('=').next()).collect();
        names.sort_unstable();
        format!("{name} {}", names.join(" "))
    };
    open.map(element).collect()
}
