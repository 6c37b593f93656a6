//! Elasticsearch and OpenSearch: `_bulk`, and what a check asks.

mod bulk;
mod filter;
mod flavor;
mod framing;
mod index;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{Answer, Fault, Request, Twin};

pub use flavor::Flavor;
pub use index::Block;
use index::Target;

/// A cluster of one node. A name such as `logs-api-default` is a data stream, any other an index.
/// Of faults it carries out itself [`Fault::ResetAmid`], [`Fault::ExpireCredential`] and
/// [`Fault::Items`].
#[derive(Debug)]
pub struct Elasticsearch {
    flavor: Flavor,
    /// The `Authorization` headers that it accepts; without one it has no security.
    authorization: Vec<String>,
    max_body: usize,
    max_pressure: usize,
    may_write: bool,
    auto_create: bool,
    mappings: Vec<Mapping>,
    state: Mutex<State>,
}

/// What an index says of its documents.
#[derive(Debug, Default)]
struct Mapping {
    index: String,
    /// Fields that take only values of a type: path, type.
    fields: Vec<(String, String)>,
    /// No other fields.
    strict: bool,
    /// So many fields.
    limit: Option<usize>,
}

#[derive(Debug, Default)]
struct State {
    targets: BTreeMap<String, Target>,
    next_id: u64,
    revoked: bool,
    read_only: bool,
    breaker: bool,
    blocks: Vec<(String, Block)>,
}

impl Elasticsearch {
    /// A cluster without security.
    pub fn open() -> Self {
        Self {
            flavor: Flavor::default(),
            authorization: Vec::new(),
            max_body: 100 << 20,
            max_pressure: usize::MAX,
            may_write: true,
            auto_create: true,
            mappings: Vec::new(),
            state: Mutex::default(),
        }
    }

    /// A cluster that accepts this API key (in its encoded form) alone.
    pub fn with_api_key(key: &str) -> Self {
        Self::open().accept(&format!("ApiKey {key}"))
    }

    /// The same as another product or version; it is Elasticsearch 9 else.
    pub fn flavor(mut self, flavor: Flavor) -> Self {
        self.flavor = flavor;
        self
    }

    /// It accepts this `Authorization` header too: `ApiKey …`, `Basic …` or `Bearer …`.
    pub fn accept(mut self, authorization: &str) -> Self {
        self.authorization.push(authorization.to_owned());
        self
    }

    /// The same with another limit of a body without its compression, in bytes.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// The same with room for so many bytes at once: a larger body is refused with 429.
    pub fn max_pressure(mut self, bytes: usize) -> Self {
        self.max_pressure = bytes;
        self
    }

    /// The same, with a key that may not write.
    pub fn read_only(mut self) -> Self {
        self.may_write = false;
        self
    }

    /// The same where no index and no data stream is made by itself.
    pub fn without_auto_create(mut self) -> Self {
        self.auto_create = false;
        self
    }

    /// With an index, or a data stream, that is there from the start.
    pub fn index(mut self, index: &str) -> Self {
        self.mapping_of(index);
        self
    }

    /// With a field that takes only values of a type: `ip`, `long` or `object`.
    pub fn mapping(mut self, index: &str, path: &str, kind: &str) -> Self {
        self.mapping_of(index).fields.push((path.to_owned(), kind.to_owned()));
        self
    }

    /// With an index that takes no field but those of its mapping.
    pub fn strict(mut self, index: &str) -> Self {
        self.mapping_of(index).strict = true;
        self
    }

    /// With an index that takes documents of so many fields.
    pub fn max_fields(mut self, index: &str, limit: usize) -> Self {
        self.mapping_of(index).limit = Some(limit);
        self
    }

    fn mapping_of(&mut self, index: &str) -> &mut Mapping {
        let at = self.mappings.iter().position(|m| m.index == index).unwrap_or_else(|| {
            self.mappings.push(Mapping { index: index.to_owned(), ..Mapping::default() });
            self.mappings.len() - 1
        });
        &mut self.mappings[at]
    }

    /// From now on something keeps an index from taking documents.
    pub fn block(&self, index: &str, block: Block) {
        self.unblock(index);
        self.lock().blocks.push((index.to_owned(), block));
    }

    /// Nothing keeps it any more.
    pub fn unblock(&self, index: &str) {
        self.lock().blocks.retain(|(i, _)| i != index);
    }

    /// Whether the whole cluster takes no change.
    pub fn set_read_only(&self, read_only: bool) {
        self.lock().read_only = read_only;
    }

    /// Whether a circuit breaker refuses every bulk request.
    pub fn trip_breaker(&self, tripped: bool) {
        self.lock().breaker = tripped;
    }

    /// Gives a data stream its next backing index. Ids are known in the newest alone.
    pub fn roll_over(&self, stream: &str) {
        if let Some(target) = self.lock().targets.get_mut(stream) {
            let documents = std::mem::take(&mut target.documents);
            target.older.push(documents);
        }
    }

    /// The documents of an index or data stream: the source, byte for byte, by id.
    pub fn held(&self, target: &str) -> BTreeMap<String, Bytes> {
        let state = self.lock();
        let all = state.targets.get(target).into_iter();
        let all = all.flat_map(|t| t.older.iter().chain([&t.documents])).flatten();
        all.map(|(id, d)| (id.clone(), d.source.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_refused(&self, request: &Request) -> bool {
        let given = request.header("authorization").unwrap_or_default();
        let known = self.authorization.iter().any(|a| a == given) && !self.lock().revoked;
        !self.authorization.is_empty() && !known
    }

    /// Who is asking, as it is told of an API key.
    fn authenticate(&self) -> Answer {
        let realm = json!({ "name": "_es_api_key", "type": "_es_api_key" });
        let body = json!({
            "username": "twin", "roles": [], "full_name": null, "email": null,
            "metadata": { "_reserved": true }, "enabled": true, "authentication_realm": realm,
            "lookup_realm": realm, "authentication_type": "api_key",
            "api_key": { "managed_by": "elasticsearch", "name": "twin", "id": "twin" },
        });
        self.flavor.json(200, &body)
    }

    /// Who may write may do all that it is asked for, who may not may read.
    fn privileges(&self, request: &Request) -> Answer {
        let asked = request.json().unwrap_or_default();
        let texts = |value: &Value| -> Vec<String> {
            let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        };
        let has = |name: &String| self.may_write || matches!(name.as_str(), "monitor" | "read");
        let table = |names: &Value| -> Map<String, Value> {
            texts(names).iter().map(|name| (name.clone(), json!(has(name)))).collect()
        };
        let mut index = Map::new();
        for entry in asked["index"].as_array().into_iter().flatten() {
            for name in texts(&entry["names"]) {
                index.insert(name, Value::Object(table(&entry["privileges"])));
            }
        }
        let cluster = table(&asked["cluster"]);
        let all = index.values().filter_map(Value::as_object).chain([&cluster]);
        let all = all.flat_map(Map::values).all(|has| has == true);
        let body = json!({
            "username": "twin", "has_all_requested": all, "cluster": cluster, "index": index,
            "application": {},
        });
        self.flavor.json(200, &body)
    }

    fn document(&self, request: &Request) -> Answer {
        let segments = request.segments();
        let [index, _, id] = &segments[..] else {
            return self.no_handler(request);
        };
        let state = self.lock();
        let found = state.targets.get(index).and_then(|t| t.documents.get(id));
        let mut body = json!({ "_index": index, "_id": id, "found": found.is_some() });
        if let Some(document) = found {
            body["_version"] = json!(document.version);
            body["_source"] = serde_json::from_slice(&document.source).unwrap_or_default();
        }
        self.flavor.json(if found.is_some() { 200 } else { 404 }, &body)
    }

    /// Of this error the text is the whole.
    fn no_handler(&self, request: &Request) -> Answer {
        let (path, method) = (&request.path, &request.method);
        let why = format!("no handler found for uri [{path}] and method [{method}]");
        self.flavor.json(400, &json!({ "error": why }))
    }
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
        if self.is_refused(request) {
            return self.flavor.unauthorized(request);
        }
        match self.operation(request) {
            "bulk" => self.bulk(request, fault),
            "info" => self.flavor.info(),
            "document" => self.document(request),
            "authenticate" if self.flavor.is_elasticsearch() => self.authenticate(),
            "privileges" if self.flavor.is_elasticsearch() => self.privileges(request),
            _ => self.no_handler(request),
        }
    }
}
