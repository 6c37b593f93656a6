//! `filter_path`.

use serde_json::{Map, Value, json};

use crate::Request;

/// `filter_path`, as far as bulk clients use it: a list of paths with `*` for one level.
pub(super) fn filtered(request: &Request, body: Value) -> Value {
    let Some(paths) = request.param("filter_path") else { return body };
    let paths: Vec<Vec<&str>> = paths.split(',').map(|p| p.trim().split('.').collect()).collect();
    prune(&body, &paths).unwrap_or_else(|| json!({}))
}

fn prune(value: &Value, paths: &[Vec<&str>]) -> Option<Value> {
    if paths.iter().any(Vec::is_empty) {
        return Some(value.clone());
    }
    match value {
        Value::Array(items) => {
            let kept: Vec<_> = items.iter().filter_map(|v| prune(v, paths)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Object(map) => {
            let kept: Map<_, _> = map
                .iter()
                .filter_map(|(key, v)| {
                    let below: Vec<_> = paths
                        .iter()
                        .filter(|p| p[0] == "*" || p[0] == key)
                        .map(|p| p[1..].to_vec())
                        .collect();
                    if below.is_empty() { None } else { Some((key.clone(), prune(v, &below)?)) }
                })
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        _ => None,
    }
}
