//! Indices and data streams, and what operations do to them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use super::Elasticsearch;
use super::framing::Operation;

/// An index, or a data stream with its one backing index.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub(super) documents: BTreeMap<String, Document>,
    numbers: BTreeSet<String>,
    next_seq: u64,
}

#[derive(Debug)]
pub(super) struct Document {
    pub(super) source: Bytes,
    pub(super) version: u64,
}

impl Elasticsearch {
    /// Carries an operation out; answers its item.
    pub(super) fn apply(&self, operation: &Operation<'_>) -> Value {
        let named = operation.index.as_str();
        if named.chars().any(char::is_uppercase) {
            let why = format!("Invalid index name [{named}], must be lowercase");
            return operation.refused(400, "invalid_index_name_exception", why);
        }
        let stream = is_data_stream(named);
        if stream && operation.kind != "create" {
            let why = "only write ops with an op_type of create are allowed in data streams";
            return operation.refused(400, "illegal_argument_exception", why);
        }
        let mut state = self.lock();
        state.next_id += 1;
        let fresh = format!("auto-{}", state.next_id);
        let missing = !state.targets.contains_key(named);
        if operation.require_alias || (missing && operation.kind == "delete") {
            let why = format!("no such index [{named}]");
            return operation.refused(404, "index_not_found_exception", why);
        }
        let target = state.targets.entry(named.to_owned()).or_default();
        // From here on the answer names the index that really holds the document.
        let index = if stream { backing(named) } else { named.to_owned() };
        let id = operation.id.clone().unwrap_or(fresh);
        let place = Place { index: &index, id: &id };
        if operation.kind == "delete" {
            let version = target.documents.remove(&id).map(|d| d.version + 1);
            let (result, status) =
                if version.is_some() { ("deleted", 200) } else { ("not_found", 404) };
            return target.stored(place, version.unwrap_or(1), result, status);
        }
        if id.is_empty() {
            let why = "if _id is specified it must not be empty";
            return operation.refused(400, "illegal_argument_exception", why);
        }
        let source = match serde_json::from_slice::<Value>(operation.source) {
            Ok(source) => source,
            Err(error) => return place.unparsed("failed to parse", &error.to_string()),
        };
        if operation.kind == "update" {
            return target.update(place, &source);
        }
        if !source.is_object() {
            let why = "Compressor detection can only be called on some xcontent bytes or \
                       compressed xcontent bytes";
            return place.refused(500, "not_x_content_exception", why);
        }
        if stream && source.get("@timestamp").is_none() {
            let cause = "data stream timestamp field [@timestamp] is missing";
            return place.unparsed("failed to parse", cause);
        }
        let existing = target.documents.get(&id).map(|d| d.version);
        if let (Some(version), "create") = (existing, operation.kind.as_str()) {
            let why = format!(
                "[{id}]: version conflict, document already exists (current version [{version}])"
            );
            return place.refused(409, "version_conflict_engine_exception", &why);
        }
        if let Some((path, kind)) = self.misfit(target, named, &source) {
            let value = at(&source, &path).and_then(Value::as_str).unwrap_or_default();
            let why = format!(
                "failed to parse field [{path}] of type [{kind}] in document with id '{id}'. \
                 Preview of field's value: '{value}'"
            );
            let cause = match kind.as_str() {
                "ip" => format!("'{value}' is not an IP string literal."),
                _ => format!("For input string: \"{value}\""),
            };
            return place.unparsed(&why, &cause);
        }
        target.learn(&source);
        target.put(place, Bytes::copy_from_slice(operation.source))
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

    fn put(&mut self, place: Place<'_>, source: Bytes) -> Value {
        let version = self.documents.get(place.id).map_or(1, |d| d.version + 1);
        self.documents.insert(place.id.to_owned(), Document { source, version });
        let (result, status) = if version == 1 { ("created", 201) } else { ("updated", 200) };
        self.stored(place, version, result, status)
    }

    fn update(&mut self, place: Place<'_>, source: &Value) -> Value {
        let Some(document) = self.documents.get(place.id) else {
            if source["doc_as_upsert"] == true {
                return self.put(place, source["doc"].to_string().into());
            }
            let why = format!("[{}]: document missing", place.id);
            return place.refused(404, "document_missing_exception", &why);
        };
        let version = document.version;
        let before: Value = serde_json::from_slice(&document.source).unwrap_or_default();
        let mut after = before.clone();
        for (name, value) in source["doc"].as_object().into_iter().flatten() {
            after[name] = value.clone();
        }
        if after == before {
            return self.stored(place, version, "noop", 200);
        }
        self.put(place, after.to_string().into())
    }

    fn stored(&mut self, place: Place<'_>, version: u64, result: &str, status: u16) -> Value {
        let this = self.next_seq;
        self.next_seq += 1;
        json!({
            "_index": place.index, "_id": place.id, "_version": version, "result": result,
            "_shards": { "total": 1, "successful": 1, "failed": 0 },
            "_seq_no": this, "_primary_term": 1, "status": status,
        })
    }
}

/// Where a document stands, or should.
#[derive(Clone, Copy)]
struct Place<'a> {
    index: &'a str,
    id: &'a str,
}

impl Place<'_> {
    fn refused(self, status: u16, kind: &str, reason: &str) -> Value {
        let mut error = json!({ "type": kind, "reason": reason });
        if matches!(status, 404 | 409) {
            error["index_uuid"] = json!("twinTWINtwinTWINtwinTW");
            error["shard"] = json!("0");
            error["index"] = json!(self.index);
        }
        json!({ "_index": self.index, "_id": self.id, "status": status, "error": error })
    }

    /// The cause quotes the document like the reason does.
    fn unparsed(self, reason: &str, cause: &str) -> Value {
        let reason = format!("[1:1] {reason}");
        let mut item = self.refused(400, "document_parsing_exception", &reason);
        item["error"]["caused_by"] =
            json!({ "type": "illegal_argument_exception", "reason": cause });
        item
    }
}

impl Operation<'_> {
    /// Refused before anything was looked at but the name that it was sent with.
    fn refused(&self, status: u16, kind: &str, reason: impl Into<String>) -> Value {
        json!({
            "_index": self.index, "_id": self.id, "status": status,
            "error": { "type": kind, "reason": reason.into() },
        })
    }

    /// Put off by the cluster.
    pub(super) fn put_off(&self, status: u16) -> Value {
        let kind = match status {
            429 => "es_rejected_execution_exception",
            503 => "unavailable_shards_exception",
            _ => "document_parsing_exception",
        };
        self.refused(status, kind, "rejected execution of coordinating operation")
    }

    /// Refused for want of a privilege.
    pub(super) fn forbidden(&self) -> Value {
        let why = format!(
            "action [indices:data/write/bulk[s]] is unauthorized for API key id [x] on indices [{}]",
            self.index
        );
        self.refused(403, "security_exception", why)
    }
}

/// The value at a dotted path.
fn at<'v>(source: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(source, |node, name| node.get(name))
}

fn is_data_stream(name: &str) -> bool {
    let parts: Vec<_> = name.split('-').collect();
    parts.len() == 3 && matches!(parts[0], "logs" | "metrics" | "traces")
}

/// The index behind a data stream.
fn backing(stream: &str) -> String {
    format!(".ds-{stream}-2026.11.24-000001")
}
