//! Elasticsearch 9: `_bulk`, and what a check asks.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Fields that take only values of a type: index, path, type.
    mappings: Vec<(String, String, String)>,
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
    numbers: BTreeSet<String>,
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
    require_alias: bool,
}

struct Operation<'b> {
    kind: String,
    index: String,
    id: Option<String>,
    require_alias: bool,
    source: &'b [u8],
}

impl Elasticsearch {
    /// A cluster without security.
    pub fn open() -> Self {
        Self { authorization: None, may_write: true, mappings: Vec::new(), state: Mutex::default() }
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

    /// With a field that takes only values of a type: `ip` or `long`.
    pub fn mapping(mut self, index: &str, path: &str, kind: &str) -> Self {
        self.mappings.push((index.to_owned(), path.to_owned(), kind.to_owned()));
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

    fn document(&self, request: &Request) -> Answer {
        let segments = request.segments();
        let [index, _, id] = &segments[..] else {
            return bad_request("illegal_argument_exception", "no handler found");
        };
        let state = self.lock();
        let found = state.targets.get(index).and_then(|t| t.documents.get(id));
        let mut body = json!({ "_index": index, "_id": id, "found": found.is_some() });
        if let Some(document) = found {
            body["_version"] = json!(document.version);
            body["_source"] = serde_json::from_slice(&document.source).unwrap_or_default();
        }
        product(Answer::json(if found.is_some() { 200 } else { 404 }, &body))
    }

    fn apply(&self, operation: &Operation<'_>) -> Value {
        let index = operation.index.as_str();
        if index.chars().any(char::is_uppercase) {
            let why = format!("Invalid index name [{index}], must be lowercase");
            return operation.refused(400, "invalid_index_name_exception", why);
        }
        let mut state = self.lock();
        state.next_id += 1;
        let fresh = format!("auto-{}", state.next_id);
        let missing = !state.targets.contains_key(index);
        if operation.require_alias || (missing && operation.kind == "delete") {
            let why = format!("no such index [{index}]");
            return operation.refused(404, "index_not_found_exception", why);
        }
        let target = state.targets.entry(index.to_owned()).or_default();
        let id = operation.id.clone().unwrap_or(fresh);
        let stream = is_data_stream(index);
        if operation.kind == "delete" {
            let version = target.documents.remove(&id).map(|d| d.version + 1);
            let (result, status) =
                if version.is_some() { ("deleted", 200) } else { ("not_found", 404) };
            return target.stored(index, &id, version.unwrap_or(1), result, status);
        }
        if id.is_empty() {
            let why = "if _id is specified it must not be empty";
            return operation.refused(400, "illegal_argument_exception", why);
        }
        if stream && operation.kind != "create" {
            let why = "only write ops with an op_type of create are allowed in data streams";
            return operation.refused(400, "illegal_argument_exception", why);
        }
        let Ok(source) = serde_json::from_slice::<Value>(operation.source) else {
            let why = format!("[1:1] failed to parse: document with id '{id}'");
            return operation.refused(400, "document_parsing_exception", why);
        };
        if operation.kind == "update" {
            return target.update(operation, &id, &source);
        }
        if !source.is_object() {
            let why = "Compressor detection can only be called on some xcontent bytes or \
                       compressed xcontent bytes";
            return operation.refused(500, "not_x_content_exception", why);
        }
        if stream && source.get("@timestamp").is_none() {
            let why = format!(
                "[1:1] failed to parse: data stream timestamp field [@timestamp] is missing, \
                 document with id '{id}'"
            );
            return operation.refused(400, "document_parsing_exception", why);
        }
        let existing = target.documents.get(&id).map(|d| d.version);
        if let (Some(version), "create") = (existing, operation.kind.as_str()) {
            let why = format!(
                "[{id}]: version conflict, document already exists (current version [{version}])"
            );
            return operation.refused(409, "version_conflict_engine_exception", why);
        }
        if let Some((path, kind)) = self.misfit(target, index, &source) {
            let why = format!(
                "[1:1] failed to parse field [{path}] of type [{kind}] in document with id \
                 '{id}'. Preview of field's value: '{}'",
                at(&source, &path).and_then(Value::as_str).unwrap_or_default()
            );
            return operation.refused(400, "document_parsing_exception", why);
        }
        target.learn(&source);
        target.put(index, &id, Bytes::copy_from_slice(operation.source))
    }

    /// A field whose value is not of the type that the index has for it.
    fn misfit(&self, target: &Target, index: &str, source: &Value) -> Option<(String, String)> {
        let own = target.numbers.iter().map(|path| (path.as_str(), "long"));
        let declared = self.mappings.iter().filter(|(i, ..)| i == index);
        let declared = declared.map(|(_, path, kind)| (path.as_str(), kind.as_str()));
        own.chain(declared).find_map(|(path, kind)| {
            let text = at(source, path)?.as_str()?;
            let fits = match kind {
                "ip" => text.parse::<std::net::IpAddr>().is_ok(),
                _ => text.parse::<f64>().is_ok(),
            };
            (!fits).then(|| (path.to_owned(), kind.to_owned()))
        })
    }
}

impl Target {
    /// The first number in a field makes it one of numbers.
    fn learn(&mut self, source: &Value) {
        for (name, value) in source.as_object().into_iter().flatten() {
            if value.is_number() {
                self.numbers.insert(name.clone());
            }
        }
    }

    fn put(&mut self, index: &str, id: &str, source: Bytes) -> Value {
        let version = self.documents.get(id).map_or(1, |d| d.version + 1);
        self.documents.insert(id.to_owned(), Document { source, version });
        let (result, status) = if version == 1 { ("created", 201) } else { ("updated", 200) };
        self.stored(index, id, version, result, status)
    }

    fn update(&mut self, operation: &Operation<'_>, id: &str, source: &Value) -> Value {
        let index = operation.index.as_str();
        let Some(document) = self.documents.get(id) else {
            if source["doc_as_upsert"] == true {
                return self.put(index, id, source["doc"].to_string().into());
            }
            let why = format!("[{id}]: document missing");
            return operation.refused(404, "document_missing_exception", why);
        };
        let version = document.version;
        let before: Value = serde_json::from_slice(&document.source).unwrap_or_default();
        let mut after = before.clone();
        for (name, value) in source["doc"].as_object().into_iter().flatten() {
            after[name] = value.clone();
        }
        if after == before {
            return self.stored(index, id, version, "noop", 200);
        }
        self.put(index, id, after.to_string().into())
    }

    fn stored(&mut self, index: &str, id: &str, version: u64, result: &str, status: u16) -> Value {
        let this = self.next_seq;
        self.next_seq += 1;
        json!({
            "_index": index, "_id": id, "_version": version, "result": result,
            "_shards": { "total": 1, "successful": 1, "failed": 0 },
            "_seq_no": this, "_primary_term": 1, "status": status,
        })
    }
}

impl Operation<'_> {
    fn refused(&self, status: u16, kind: &str, reason: impl Into<String>) -> Value {
        let mut error = json!({ "type": kind, "reason": reason.into() });
        if status == 409 {
            error["index_uuid"] = json!("twinTWINtwinTWINtwinTW");
            error["shard"] = json!("0");
            error["index"] = json!(self.index);
        }
        json!({ "_index": self.index, "_id": self.id, "status": status, "error": error })
    }
}

/// The value at a dotted path.
fn at<'v>(source: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(source, |node, name| node.get(name))
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
        let action: Map<String, Value> = serde_json::from_slice(line).map_err(|e| {
            if e.is_eof() && line.len() > 1 {
                return refused("x_content_e_o_f_exception", "[1:38] Unexpected end of file");
            }
            let why = format!("Malformed action/metadata line [{number}]");
            refused("illegal_argument_exception", &why)
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
                        "_index"
                            | "_id"
                            | "require_alias"
                            | "require_data_stream"
                            | "pipeline"
                            | "routing"
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
        let (id, require_alias) = (metadata.id, metadata.require_alias);
        operations.push(Operation { kind, index, id, require_alias, source });
    }
    if operations.is_empty() {
        let why = "Validation Failed: 1: no requests added;";
        return Err(refused("action_request_validation_exception", why));
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
            path if path.contains("/_doc/") && request.method == "GET" => "document",
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
            "document" => self.document(request),
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
