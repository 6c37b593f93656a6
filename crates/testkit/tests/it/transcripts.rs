//! The exchanges in `transcripts/`, replayed: the same status, and a body of the same shape. Values
//! that differ from node to node (took, ids, sequence numbers, texts) are not compared; statuses and
//! types of errors are, wherever they stand.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_testkit::{Answer, Request, TestClock, Twin, twins};

fn exchanges(file: &str) -> Vec<(Value, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts").join(file);
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let doc: Value = serde_json::from_slice(&text).unwrap();
    let exchanges = doc["exchanges"].as_array().unwrap();
    exchanges.iter().map(|e| (e["request"].clone(), e["response"].clone())).collect()
}

/// The recorded request; a masked credential is replaced by the twin's own.
fn request(recorded: &Value, credential: Option<(&str, &str)>) -> Request {
    let mut headers: Vec<(String, String)> = match &recorded["headers"] {
        Value::Array(pairs) => pairs
            .iter()
            .map(|p| (p[0].as_str().unwrap().to_owned(), p[1].as_str().unwrap().to_owned()))
            .collect(),
        Value::Object(map) => {
            map.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect()
        }
        _ => Vec::new(),
    };
    if let Some((name, value)) = credential {
        headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value.to_owned()));
    }
    let headers: Vec<_> = headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let query = recorded["query"].as_str().filter(|q| !q.is_empty());
    let path = recorded["path"].as_str().unwrap();
    let target = query.map_or_else(|| path.to_owned(), |q| format!("{path}?{q}"));
    // A body that is no UTF-8 is recorded as Latin-1.
    let body = recorded["body"].as_str().unwrap_or_default();
    let latin = body.chars().any(|c| ('\u{80}'..='\u{ff}').contains(&c));
    let body: Vec<u8> = if latin { body.chars().map(|c| c as u8).collect() } else { body.into() };
    Request::of(recorded["method"].as_str().unwrap(), &target, &headers, body.into())
}

/// Keys and types; of the values only statuses, results and types of errors.
fn shape(value: &Value, key: &str) -> Value {
    match value {
        Value::Object(map) => {
            // What else an error says differs by cause, version and node.
            let error = key == "error" || key == "caused_by";
            let kept = map.iter().filter(|(k, _)| {
                (!error || matches!(k.as_str(), "type" | "reason"))
                    && !matches!(k.as_str(), "root_cause" | "forced_refresh" | "get" | "took")
            });
            Value::Object(kept.map(|(k, v)| (k.clone(), shape(v, k))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|v| shape(v, "")).collect()),
        told if matches!(key, "status" | "result" | "errors" | "type") => told.clone(),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("bool"),
        Value::Null => Value::Null,
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(answer.bytes()).unwrap_or_default()
}

fn same(name: &str, answer: &Answer, recorded: &Value) {
    assert_eq!(u64::from(answer.status()), recorded["status"].as_u64().unwrap(), "{name}");
    let recorded = match &recorded["body"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let (ours, theirs) = (shape(&body(answer), ""), shape(&recorded, ""));
    assert_eq!(ours, theirs, "{name}: {:#} against {recorded:#}", body(answer));
}

fn bulk(twin: &twins::Elasticsearch, lines: &str) {
    let headers = [("content-type", "application/x-ndjson")];
    let request = Request::of("POST", "/_bulk", &headers, lines.to_owned().into());
    assert_eq!(twin.handle(&request, None).status(), 200);
}

#[test]
fn elasticsearch_bulk() {
    let twin = twins::Elasticsearch::open().mapping("wf-mix", "source.ip", "ip");
    for (i, (recorded, response)) in
        exchanges("elasticsearch-9.1.0/03-bulk-mixed.json").iter().enumerate()
    {
        same(&format!("03 #{i}"), &twin.handle(&request(recorded, None), None), response);
    }
    let twin = twins::Elasticsearch::open();
    bulk(&twin, "{\"create\":{\"_index\":\"wf-af\",\"_id\":\"1\"}}\n{}\n");
    for (recorded, response) in &exchanges("elasticsearch-9.1.0/04-bulk-all-failed.json") {
        same("04", &twin.handle(&request(recorded, None), None), response);
    }
}

#[test]
fn elasticsearch_framing() {
    let twin = twins::Elasticsearch::open();
    bulk(&twin, "{\"create\":{\"_index\":\"wf-fr\",\"_id\":\"there\"}}\n{}\n");
    for (i, (recorded, response)) in
        exchanges("elasticsearch-9.1.0/06-bulk-framing.json").iter().enumerate()
    {
        let answer = twin.handle(&request(recorded, None), None);
        assert_eq!(u64::from(answer.status()), response["status"].as_u64().unwrap(), "06 #{i}");
        let (ours, theirs) = (body(&answer), &response["body"]);
        assert_eq!(ours["error"]["type"], theirs["error"]["type"], "06 #{i}: {ours:#}");
        let items = |body: &Value| -> Vec<Value> {
            let items = body["items"].as_array().cloned().unwrap_or_default();
            items
                .iter()
                .map(|i| i.as_object().unwrap().values().next().unwrap()["status"].clone())
                .collect()
        };
        assert_eq!(items(&ours), items(theirs), "06 #{i}: {ours:#}");
    }
}

#[test]
fn elasticsearch_401() {
    let twin = twins::Elasticsearch::with_api_key("right");
    for (i, (recorded, response)) in exchanges("elasticsearch-9.1.0/40-401.json").iter().enumerate()
    {
        let sent = recorded["headers"].get("Authorization").is_some();
        let scheme = recorded["headers"]["Authorization"].as_str().unwrap_or_default();
        let scheme = scheme.split(' ').next().unwrap_or_default().to_owned();
        let wrong = format!("{scheme} wrong");
        let credential = sent.then_some(("authorization", wrong.as_str()));
        let answer = twin.handle(&request(recorded, credential), None);
        same(&format!("40 #{i}"), &answer, response);
        assert_eq!(answer.headers().get_all("www-authenticate").iter().count(), 3, "40 #{i}");
        assert!(answer.headers().get("x-elastic-product").is_none(), "40 #{i}");
    }
}

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
