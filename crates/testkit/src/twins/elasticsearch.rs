//! Elasticsearch 9: `_bulk`, and what a check asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Answer, Fault, Request, Twin};

/// A cluster of one node.
#[derive(Debug)]
pub struct Elasticsearch {
    /// The `Authorization` header that it accepts; without one it has no security.
    authorization: Option<String>,
    may_write: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    targets: BTreeMap<String, Target>,
    next_id: u64,
    revoked: bool,
}

#[derive(Debug, Default)]
struct Target {
    documents: BTreeMap<String, Document>,
    next_seq: u64,
}

#[derive(Debug)]
struct Document {
    source: Bytes,
    version: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    #[serde(rename = "_index")]
    index: Option<String>,
    #[serde(rename = "_id")]
    id: Option<String>,
}

struct Operation<'b> {
    kind: String,
    index: String,
    id: Option<String>,
    source: &'b [u8],
}

impl Elasticsearch {
    /// A cluster without security.
    pub fn open() -> Self {
        Self { authorization: None, may_write: true, state: Mutex::default() }
    }

    /// A cluster that accepts this API key (in its encoded form) alone.
    pub fn with_api_key(key: &str) -> Self {
        Self { authorization: Some(format!("ApiKey {key}")), ..Self::open() }
    }

    /// The same, with a key that may not write.
    pub fn read_only(mut self) -> Self {
        self.may_write = false;
        self
    }

    /// The documents of an index or data stream: the source, byte for byte, by id.
    pub fn held(&self, target: &str) -> BTreeMap<String, Bytes> {
        let state = self.lock();
        let documents = state.targets.get(target).map(|t| &t.documents);
        let held = documents.into_iter().flatten();
        held.map(|(id, d)| (id.clone(), d.source.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, request: &Request) -> Option<Answer> {
        let wanted = self.authorization.as_deref()?;
        let revoked = self.lock().revoked;
        let reason = match request.header("authorization") {
            Some(given) if given == wanted && !revoked => return None,
            Some(_) => format!(
                "unable to authenticate with provided credentials and anonymous access is not allowed for this request [{}]",
                request.path
            ),
            None => {
                format!("missing authentication credentials for REST request [{}]", request.path)
            }
        };
        let schemes =
            ["Basic realm=\"security\", charset=\"UTF-8\"", "Bearer realm=\"security\"", "ApiKey"];
        let error = json!({
            "type": "security_exception",
            "reason": reason,
            "header": { "WWW-Authenticate": schemes },
        });
        let mut whole = error.clone();
        whole["root_cause"] = json!([error]);
        let body = json!({ "error": whole, "status": 401 });
        Some(schemes.iter().fold(Answer::json(401, &body), |a, s| a.header("www-authenticate", s)))
    }

    fn bulk(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let segments = request.segments();
        let default = (segments.len() == 2).then(|| segments[0].clone());
        let operations = match read(&request.body, default.as_deref()) {
            Ok(operations) => operations,
            Err(error) => return *error,
        };
        let at_most = match fault {
            Some(Fault::ResetAmid(n)) => *n,
            _ => usize::MAX,
        };
        let refused = match fault {
            Some(Fault::Items(items)) => items.as_slice(),
            _ => &[],
        };
        let mut errors = false;
        let mut items = Vec::new();
        for (i, operation) in operations.iter().enumerate().take(at_most) {
            let item = match refused.iter().find(|(at, _)| *at == i) {
                Some((_, status)) => put_off(operation, *status),
                None if !self.may_write => forbidden(operation),
                None => self.apply(operation),
            };
            errors |= item.get("error").is_some();
            items.push(json!({ operation.kind.as_str(): item }));
        }
        let body = json!({ "errors": errors, "took": 1, "items": items });
        product(Answer::json(200, &filtered(request, body)))
    }

    fn apply(&self, operation: &Operation<'_>) -> Value {
        let mut state = self.lock();
        state.next_id += 1;
        let fresh = format!("auto-{}", state.next_id);
        let target = state.targets.entry(operation.index.clone()).or_default();
        let id = operation.id.clone().unwrap_or(fresh);
        let stream = is_data_stream(&operation.index);
        let reject = |status: u16, kind: &str, reason: String| {
            json!({
                "_index": operation.index, "_id": operation.id, "status": status,
                "error": { "type": kind, "reason": reason },
            })
        };
        if operation.kind == "delete" {
            let version = target.documents.remove(&id).map(|d| d.version + 1);
            let (result, status) =
                if version.is_some() { ("deleted", 200) } else { ("not_found", 404) };
            return stored(
                &operation.index,
                &id,
                version.unwrap_or(1),
                result,
                status,
                &mut target.next_seq,
            );
        }
        if id.is_empty() {
            return reject(
                400,
                "illegal_argument_exception",
                "if _id is specified it must not be empty".into(),
            );
        }
        if stream && operation.kind != "create" {
            let why = "only write ops with an op_type of create are allowed in data streams";
            return reject(400, "illegal_argument_exception", why.into());
        }
        let Ok(source) = serde_json::from_slice::<Value>(operation.source) else {
            return reject(
                400,
                "document_parsing_exception",
                format!("[1:1] failed to parse: document with id '{id}'"),
            );
        };
        if operation.kind == "update" {
            let Some(document) = target.documents.get_mut(&id) else {
                return reject(
                    404,
                    "document_missing_exception",
                    format!("[{id}]: document missing"),
                );
            };
            document.version += 1;
            let version = document.version;
            return stored(&operation.index, &id, version, "updated", 200, &mut target.next_seq);
        }
        let Value::Object(source) = source else {
            return reject(500, "not_x_content_exception", "Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes".into());
        };
        if stream && !source.contains_key("@timestamp") {
            return json!({
                "_index": operation.index, "_id": id, "status": 400,
                "error": {
                    "type": "document_parsing_exception",
                    "reason": format!("[1:1] failed to parse: data stream timestamp field [@timestamp] is missing, document with id '{id}'"),
                    "caused_by": { "type": "illegal_argument_exception", "reason": "data stream timestamp field [@timestamp] is missing" },
                },
            });
        }
        let existing = target.documents.get(&id).map(|d| d.version);
        if let (Some(version), "create") = (existing, operation.kind.as_str()) {
            return json!({
                "_index": operation.index, "_id": id, "status": 409,
                "error": {
                    "type": "version_conflict_engine_exception",
                    "reason": format!("[{id}]: version conflict, document already exists (current version [{version}])"),
                    "index_uuid": "twinTWINtwinTWINtwinTW", "shard": "0", "index": operation.index,
                },
            });
        }
        let version = existing.unwrap_or_default() + 1;
        let source = Bytes::copy_from_slice(operation.source);
        target.documents.insert(id.clone(), Document { source, version });
        let (result, status) = if version == 1 { ("created", 201) } else { ("updated", 200) };
        stored(&operation.index, &id, version, result, status, &mut target.next_seq)
    }
}

fn stored(index: &str, id: &str, version: u64, result: &str, status: u16, seq: &mut u64) -> Value {
    let this = *seq;
    *seq += 1;
    json!({
        "_index": index, "_id": id, "_version": version, "result": result,
        "_shards": { "total": 1, "successful": 1, "failed": 0 },
        "_seq_no": this, "_primary_term": 1, "status": status,
    })
}

fn put_off(operation: &Operation<'_>, status: u16) -> Value {
    let kind = match status {
        429 => "es_rejected_execution_exception",
        503 => "unavailable_shards_exception",
        _ => "document_parsing_exception",
    };
    json!({
        "_index": operation.index, "_id": operation.id, "status": status,
        "error": { "type": kind, "reason": "rejected execution of coordinating operation" },
    })
}

fn forbidden(operation: &Operation<'_>) -> Value {
    json!({
        "_index": operation.index, "_id": operation.id, "status": 403,
        "error": {
            "type": "security_exception",
            "reason": format!("action [indices:data/write/bulk[s]] is unauthorized for API key id [x] on indices [{}]", operation.index),
        },
    })
}

/// Splits the body into operations; any of the framing errors fails the whole request.
fn read<'b>(body: &'b [u8], default: Option<&str>) -> Result<Vec<Operation<'b>>, Box<Answer>> {
    if body.is_empty() {
        return Err(refused("parse_exception", "request body is required"));
    }
    if !body.ends_with(b"\n") {
        return Err(refused(
            "illegal_argument_exception",
            "The bulk request must be terminated by a newline [\\n]",
        ));
    }
    let mut lines =
        body[..body.len() - 1].split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let mut operations = Vec::new();
    let mut number = 0;
    while let Some(line) = lines.next() {
        number += 1;
        if line.is_empty() {
            if number == 1 {
                continue;
            }
            return Err(refused(
                "illegal_argument_exception",
                &format!(
                    "Malformed action/metadata line [{number}], expected START_OBJECT but found [null]"
                ),
            ));
        }
        let action: Map<String, Value> = serde_json::from_slice(line).map_err(|_| {
            refused(
                "illegal_argument_exception",
                &format!("Malformed action/metadata line [{number}]"),
            )
        })?;
        let mut action = action.into_iter();
        let (Some((kind, metadata)), None) = (action.next(), action.next()) else {
            return Err(refused(
                "illegal_argument_exception",
                &format!(
                    "Malformed action/metadata line [{number}], expected FIELD_NAME but found [END_OBJECT]"
                ),
            ));
        };
        if !matches!(kind.as_str(), "create" | "index" | "update" | "delete") {
            return Err(refused(
                "illegal_argument_exception",
                &format!(
                    "Malformed action/metadata line [{number}], expected field [create], [delete], [index] or [update] but found [{kind}]"
                ),
            ));
        }
        let unknown = metadata.as_object().and_then(|m| {
            m.keys()
                .find(|k| {
                    !matches!(
                        k.as_str(),
                        "_index" | "_id" | "require_data_stream" | "pipeline" | "routing"
                    )
                })
                .cloned()
        });
        if let Some(unknown) = unknown {
            return Err(refused(
                "illegal_argument_exception",
                &format!(
                    "Action/metadata line [{number}] contains an unknown parameter [{unknown}]"
                ),
            ));
        }
        let metadata: Metadata = serde_json::from_value(metadata).unwrap_or_default();
        let Some(index) = metadata.index.or_else(|| default.map(str::to_owned)) else {
            return Err(refused(
                "action_request_validation_exception",
                "Validation Failed: 1: index is missing;",
            ));
        };
        if metadata.id.as_ref().is_some_and(|id| id.len() > 512) {
            return Err(refused(
                "action_request_validation_exception",
                "Validation Failed: 1: id is too long, must be no longer than 512 bytes",
            ));
        }
        let source = if kind == "delete" {
            &[][..]
        } else {
            // An action without its source line is dropped silently.
            let Some(source) = lines.next() else { break };
            number += 1;
            source
        };
        operations.push(Operation { kind, index, id: metadata.id, source });
    }
    Ok(operations)
}

fn refused(kind: &str, reason: &str) -> Box<Answer> {
    Box::new(bad_request(kind, reason))
}

fn bad_request(kind: &str, reason: &str) -> Answer {
    let error = json!({ "type": kind, "reason": reason });
    let body = json!({
        "error": { "root_cause": [error], "type": kind, "reason": reason },
        "status": 400,
    });
    product(Answer::json(400, &body))
}

/// `filter_path`, as far as bulk clients use it: a list of paths with `*` for one level.
fn filtered(request: &Request, body: Value) -> Value {
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

fn product(answer: Answer) -> Answer {
    answer.header("x-elastic-product", "Elasticsearch")
}

fn is_data_stream(name: &str) -> bool {
    let parts: Vec<_> = name.split('-').collect();
    parts.len() == 3 && matches!(parts[0], "logs" | "metrics" | "traces")
}

impl Twin for Elasticsearch {
    fn operation(&self, request: &Request) -> &'static str {
        match request.path.as_str() {
            "/" => "info",
            "/_security/_authenticate" => "authenticate",
            "/_security/user/_has_privileges" => "privileges",
            path if path.ends_with("/_bulk") => "bulk",
            _ => "unknown",
        }
    }

    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if matches!(fault, Some(Fault::ExpireCredential)) {
            self.lock().revoked = true;
        }
        if let Some(refused) = self.refuse(request) {
            return refused;
        }
        match self.operation(request) {
            "bulk" => self.bulk(request, fault),
            "info" => product(Answer::json(
                200,
                &json!({
                    "name": "twin", "cluster_name": "twin", "cluster_uuid": "twinTWINtwinTWINtwinTW",
                    "version": { "number": "9.1.0", "build_flavor": "default" },
                    "tagline": "You Know, for Search",
                }),
            )),
            "authenticate" => product(Answer::json(
                200,
                &json!({ "username": "twin", "roles": [], "authentication_type": "api_key" }),
            )),
            "privileges" => product(Answer::json(
                200,
                &json!({ "username": "twin", "has_all_requested": self.may_write }),
            )),
            _ => {
                let reason = format!(
                    "no handler found for uri [{}] and method [{}]",
                    request.path, request.method
                );
                bad_request("illegal_argument_exception", &reason)
            }
        }
    }
}
