//! The exchanges in `transcripts/`, replayed: the same status, and a body of the same shape. Values
//! that differ from node to node (took, ids, sequence numbers, texts) are not compared; statuses and
//! types of errors are, wherever they stand. What a twin answers otherwise stands in the list of its
//! file, with the reason.

mod clients;
mod elasticsearch;
mod hec;
mod jira;
mod pysnow;

use std::path::Path;

use serde_json::{Value, json};
use watchfloor_testkit::{Answer, Request};

fn recording(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts").join(file);
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// The names of a folder's files, in order.
fn files(folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts").join(folder);
    let mut names: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn exchanges(file: &str) -> Vec<(Value, Value)> {
    let doc = recording(file);
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
    let mut body: Vec<u8> =
        if latin { body.chars().map(|c| c as u8).collect() } else { body.into() };
    if let Some(hex) = recorded["body_hex"].as_str() {
        let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
        body = (0..hex.len()).step_by(2).map(byte).collect();
    }
    Request::of(recorded["method"].as_str().unwrap(), &target, &headers, body.into())
}

/// Keys and types; of the values only statuses, results and types of errors.
fn shape(value: &Value, key: &str) -> Value {
    match value {
        Value::Object(map) => {
            // What else an error says differs by cause, version and node.
            let error = key == "error" || key == "caused_by";
            let kept = map.iter().filter(|(k, _)| {
                (!error || matches!(k.as_str(), "type" | "reason" | "caused_by"))
                    && !matches!(k.as_str(), "get" | "took" | "ingest_took")
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

/// In what an answer differs from the recorded one.
fn differences(name: &str, answer: &Answer, recorded: &Value) -> Vec<String> {
    let status = u64::from(answer.status());
    if Some(status) != recorded["status"].as_u64() {
        return vec![format!("{name}: {status} for {}: {}", recorded["status"], body(answer))];
    }
    let recorded = match &recorded["body"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let mut found = Vec::new();
    compare(name, &shape(&body(answer), ""), &shape(&recorded, ""), &mut found);
    found
}

fn compare(at: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            for (key, value) in a {
                compare(&format!("{at}.{key}"), value, &b[key], found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{at}[{i}]"), a, b, found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(format!("{at}: {ours} for {theirs}")),
    }
}
