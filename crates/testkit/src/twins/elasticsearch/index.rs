//! Indices and data streams, and what operations do to them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use super::framing::{Broken, Operation, source};
use super::{Elasticsearch, Flavor};

/// An index, or a data stream with its backing indices.
#[derive(Debug, Default)]
pub(super) struct Target {
    /// Of the index that is written to.
    pub(super) documents: BTreeMap<String, Document>,
    /// Of those before it.
    pub(super) older: Vec<BTreeMap<String, Document>>,
    numbers: BTreeSet<String>,
    next_seq: u64,
}

#[derive(Debug)]
pub(super) struct Document {
    pub(super) source: Bytes,
    pub(super) version: u64,
}

/// What keeps an index from taking documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Block {
    /// Writing is blocked by its settings.
    Write,
    /// Any change is blocked by its settings.
    ReadOnly,
    /// The disk is full: the flood stage.
    DiskFull,
    /// It is closed.
    Closed,
    /// Its primary shard is on no node.
    NoShard,
}

impl Block {
    fn item(self, operation: &Operation<'_>) -> Value {
        let name = &operation.index;
        let blocked = |what: &str| format!("index [{name}] blocked by: [{what}];");
        let (status, kind, why) = match self {
            Self::Write => {
                (403, "cluster_block_exception", blocked("FORBIDDEN/8/index write (api)"))
            }
            Self::ReadOnly => {
                (403, "cluster_block_exception", blocked("FORBIDDEN/5/index read-only (api)"))
            }
            Self::DiskFull => {
                let what = "TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index \
                            has read-only-allow-delete block";
                (429, "cluster_block_exception", blocked(what))
            }
            Self::Closed => (400, "index_closed_exception", "closed".to_owned()),
            Self::NoShard => return operation.no_shard("primary shard is not active"),
        };
        operation.refused(status, kind, why)
    }
}

impl Elasticsearch {
    /// Carries an operation out; answers its item.
    pub(super) fn apply(&self, operation: &Operation<'_>) -> Value {
        let flavor = self.flavor;
        let named = operation.index.as_str();
        if named.chars().any(char::is_uppercase) {
            let why = format!("Invalid index name [{named}], must be lowercase");
            return operation.refused(400, "invalid_index_name_exception", why);
        }
        let mut state = self.lock();
        if let Some((_, block)) = state.blocks.iter().find(|(index, _)| index == named) {
            return block.item(operation);
        }
        let stream = is_data_stream(named);
        if stream && operation.kind != "create" {
            let why = "only write ops with an op_type of create are allowed in data streams";
            return operation.refused(400, "illegal_argument_exception", why);
        }
        state.next_id += 1;
        let fresh = format!("auto-{}", state.next_id);
        let missing = !state.targets.contains_key(named) && !self.declares(named);
        if let Some(why) = self.may_not_be_made(operation, missing, stream) {
            return operation.refused(404, "index_not_found_exception", why);
        }
        let target = state.targets.entry(named.to_owned()).or_default();
        // From here on the answer names the index that really holds the document.
        let index =
            if stream { flavor.backing(named, target.older.len() + 1) } else { named.to_owned() };
        let id = operation.id.clone().unwrap_or(fresh);
        let place = Place { flavor, index: &index, id: &id };
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
        let source = match source(flavor, operation.source) {
            Ok(source) => source,
            Err(Broken::Text(cause)) => {
                let mut item = place.unparsed("failed to parse", Some((cause, "cannot be read")));
                if flavor.is_elasticsearch() {
                    // It has a parser under its own.
                    let kind = cause.replace("x_content", "json");
                    item["error"]["caused_by"]["caused_by"] =
                        json!({ "type": kind, "reason": "cannot be read" });
                }
                return item;
            }
            Err(Broken::Extra) => {
                let why = "Malformed content, found extra data after parsing: START_OBJECT";
                if flavor.is_elasticsearch() {
                    return place.refused(400, "illegal_argument_exception", why);
                }
                return place
                    .unparsed("failed to parse", Some(("illegal_argument_exception", why)));
            }
        };
        if operation.kind == "update" {
            return target.update(place, &source);
        }
        if !source.is_object() {
            let why = "Compressor detection can only be called on some xcontent bytes or \
                       compressed xcontent bytes";
            if flavor.is_elasticsearch() {
                return place.refused(500, "not_x_content_exception", why);
            }
            return place.unparsed("failed to parse", Some(("not_x_content_exception", why)));
        }
        if stream && !source["@timestamp"].is_string() && !source["@timestamp"].is_number() {
            let why = "data stream timestamp field [@timestamp] is missing";
            return place.unparsed("failed to parse", Some(("illegal_argument_exception", why)));
        }
        let existing = target.documents.get(&id).map(|d| d.version);
        if let (Some(version), "create") = (existing, operation.kind.as_str()) {
            let why = format!(
                "[{id}]: version conflict, document already exists (current version [{version}])"
            );
            return place.refused(409, "version_conflict_engine_exception", &why);
        }
        if let Some(refused) = self.misfit(target, named, &source, place) {
            return refused;
        }
        target.learn(&source);
        target.put(place, Bytes::copy_from_slice(operation.source))
    }

    /// Whether the index is there from the start.
    fn declares(&self, index: &str) -> bool {
        self.mappings.iter().any(|m| m.index == index)
    }

    /// Why an operation finds no index and may not make one.
    fn may_not_be_made(
        &self,
        operation: &Operation<'_>,
        missing: bool,
        stream: bool,
    ) -> Option<String> {
        let why = format!("no such index [{}]", operation.index);
        if operation.require_alias {
            return Some(format!("{why} and [require_alias] request flag is [true]"));
        }
        if operation.require_data_stream && !stream {
            return Some(format!("{why} and the index creation request requires a data stream"));
        }
        if missing && !self.auto_create {
            return Some(format!("{why} and [action.auto_create_index] is [false]"));
        }
        (missing && operation.kind == "delete").then_some(why)
    }

    /// The item of a document that does not fit the mapping of its index.
    fn misfit(
        &self,
        target: &Target,
        index: &str,
        source: &Value,
        place: Place<'_>,
    ) -> Option<Value> {
        const ILLEGAL: &str = "illegal_argument_exception";
        let mapping = self.mappings.iter().find(|m| m.index == index);
        let fields = mapping.into_iter().flat_map(|m| &m.fields);
        let names = source.as_object().into_iter().flatten().map(|(name, _)| name);
        if mapping.is_some_and(|m| m.strict) {
            let known = |name: &&String| {
                mapping.is_some_and(|m| {
                    m.fields.iter().any(|(path, _)| path.split('.').next() == Some(name))
                })
            };
            if let Some(name) = names.clone().find(|n| !known(n)) {
                let why = format!(
                    "mapping set to strict, dynamic introduction of [{name}] within [_doc] is not \
                     allowed"
                );
                return Some(place.refused(400, "strict_dynamic_mapping_exception", &why));
            }
        }
        if let Some(limit) = mapping.and_then(|m| m.limit).filter(|limit| names.count() > *limit) {
            let why = format!("Limit of total fields [{limit}] has been exceeded");
            return Some(if self.flavor.is_elasticsearch() {
                place.unparsed("failed to parse", Some((ILLEGAL, &why)))
            } else {
                place.refused(400, ILLEGAL, &why)
            });
        }
        let own = target.numbers.iter().map(|path| (path.as_str(), "long"));
        let declared = fields.map(|(path, kind)| (path.as_str(), kind.as_str()));
        own.chain(declared).find_map(|(path, kind)| {
            let value = at(source, path)?;
            if kind == "object" {
                let why = format!(
                    "object mapping for [{path}] tried to parse field [{path}] as object, but \
                     found a concrete value"
                );
                return (!value.is_object()).then(|| place.unparsed(&why, None));
            }
            let value = value.as_str()?;
            let (fits, cause) = match kind {
                "ip" => (
                    value.parse::<std::net::IpAddr>().is_ok(),
                    format!("'{value}' is not an IP string literal."),
                ),
                _ => (value.parse::<f64>().is_ok(), format!("For input string: \"{value}\"")),
            };
            let why = format!(
                "failed to parse field [{path}] of type [{kind}] in document with id '{}'. Preview \
                 of field's value: '{value}'",
                place.id
            );
            (!fits).then(|| place.unparsed(&why, Some((ILLEGAL, &cause))))
        })
    }
}

impl Target {
    /// The first number in a field makes it one of numbers.
    fn learn(&mut self, source: &Value) {
        for (name, value) in source.as_object().into_iter().flatten() {
            if value.is_number() && name != "@timestamp" {
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
    flavor: Flavor,
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

    /// The cause, a type and its words, quotes the document like the reason does.
    fn unparsed(self, reason: &str, cause: Option<(&str, &str)>) -> Value {
        let place = if self.flavor.is_elasticsearch() { "[1:1] " } else { "" };
        let mut item = self.refused(400, self.flavor.unparsed(), &format!("{place}{reason}"));
        if let Some((kind, reason)) = cause {
            item["error"]["caused_by"] = json!({ "type": kind, "reason": reason });
        }
        item
    }
}

impl Operation<'_> {
    /// Refused before anything was looked at but the name that it was sent with.
    pub(super) fn refused(&self, status: u16, kind: &str, reason: impl Into<String>) -> Value {
        json!({
            "_index": self.index, "_id": self.id, "status": status,
            "error": { "type": kind, "reason": reason.into() },
        })
    }

    /// Put off by the cluster.
    pub(super) fn put_off(&self, flavor: Flavor, status: u16) -> Value {
        let kind = match status {
            429 => flavor.rejected(),
            503 => "unavailable_shards_exception",
            _ => flavor.unparsed(),
        };
        self.refused(status, kind, "rejected execution of coordinating operation")
    }

    pub(super) fn no_shard(&self, why: &str) -> Value {
        let why = format!("[{}][0] {why} Timeout: [1m]", self.index);
        self.refused(503, "unavailable_shards_exception", why)
    }

    /// Refused for want of a privilege.
    pub(super) fn forbidden(&self, flavor: Flavor) -> Value {
        let action = "indices:data/write/bulk[s]";
        let why = if flavor.is_elasticsearch() {
            format!(
                "action [{action}] is unauthorized for API key id [x] on indices [{}]",
                self.index
            )
        } else {
            format!("no permissions for [{action}] and User [name=x]")
        };
        self.refused(403, "security_exception", why)
    }
}

/// The value at a dotted path.
fn at<'v>(source: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(source, |node, name| node.get(name))
}

pub(super) fn is_data_stream(name: &str) -> bool {
    let parts: Vec<_> = name.split('-').collect();
    parts.len() == 3 && matches!(parts[0], "logs" | "metrics" | "traces")
}
