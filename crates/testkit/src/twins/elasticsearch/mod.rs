//! Elasticsearch 9: `_bulk`, and what a check asks.

mod filter;
mod framing;
mod index;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{Answer, Fault, Request, Twin};

use filter::filtered;
use framing::read;
use index::Target;

const ANONYMOUS: &str = "unable to authenticate with provided credentials and anonymous access is not \
                         allowed for this request";

/// What a query of `_bulk` may hold; anything else is refused.
const PARAMETERS: &[&str] = &[
    "_source",
    "_source_excludes",
    "_source_includes",
    "error_trace",
    "filter_path",
    "human",
    "include_source_on_error",
    "list_executed_pipelines",
    "pipeline",
    "pretty",
    "refresh",
    "require_alias",
    "require_data_stream",
    "routing",
    "timeout",
    "wait_for_active_shards",
];

/// A cluster of one node. A name such as `logs-api-default` is a data stream, any other an index.
/// Of faults it carries out itself [`Fault::ResetAmid`], [`Fault::ExpireCredential`] and
/// [`Fault::Items`].
#[derive(Debug)]
pub struct Elasticsearch {
    /// The `Authorization` headers that it accepts; without one it has no security.
    authorization: Vec<String>,
    max_body: usize,
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

impl Elasticsearch {
    /// A cluster without security.
    pub fn open() -> Self {
        Self {
            authorization: Vec::new(),
            max_body: 100 << 20,
            may_write: true,
            mappings: Vec::new(),
            state: Mutex::default(),
        }
    }

    /// A cluster that accepts this API key (in its encoded form) alone.
    pub fn with_api_key(key: &str) -> Self {
        Self::open().accept(&format!("ApiKey {key}"))
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
        if self.authorization.is_empty() {
            return None;
        }
        let given = request.header("authorization").unwrap_or_default();
        if self.authorization.iter().any(|a| a == given) && !self.lock().revoked {
            return None;
        }
        let scheme = given.split(' ').next().unwrap_or_default().to_ascii_lowercase();
        let (reason, more) = match scheme.as_str() {
            "apikey" => (ANONYMOUS.to_owned(), Some("API key: unable to find apikey with id x")),
            "bearer" => (ANONYMOUS.to_owned(), Some("oauth2 token: invalid token")),
            "basic" => (
                format!("unable to authenticate user [x] for REST request [{}]", request.path),
                None,
            ),
            _ => {
                let why = "missing authentication credentials for REST request";
                (format!("{why} [{}]", request.path), None)
            }
        };
        let schemes =
            ["Basic realm=\"security\", charset=\"UTF-8\"", "Bearer realm=\"security\"", "ApiKey"];
        let mut error = json!({
            "type": "security_exception",
            "reason": reason,
            "header": { "WWW-Authenticate": schemes },
        });
        if let Some(more) = more {
            error["additional_unsuccessful_credentials"] = json!(more);
        }
        let mut whole = error.clone();
        whole["root_cause"] = json!([error]);
        let body = json!({ "error": whole, "status": 401 });
        Some(schemes.iter().fold(Answer::json(401, &body), |a, s| a.header("www-authenticate", s)))
    }

    fn bulk(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if let Some(refused) = self.refuse_bulk(request) {
            return refused;
        }
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
                Some((_, status)) => operation.put_off(*status),
                None if !self.may_write => operation.forbidden(),
                None => self.apply(operation),
            };
            errors |= item.get("error").is_some();
            items.push(json!({ operation.kind.as_str(): item }));
        }
        let body = json!({ "errors": errors, "took": 1, "items": items });
        product(Answer::json(200, &filtered(request, body)))
    }

    /// What fails before the body is read.
    fn refuse_bulk(&self, request: &Request) -> Option<Answer> {
        if request.body.len() > self.max_body {
            return Some(Answer::new(413));
        }
        let (path, method) = (&request.path, &request.method);
        if !matches!(method.as_str(), "POST" | "PUT") {
            let why = format!(
                "Incorrect HTTP method for uri [{path}] and method [{method}], allowed: [POST, PUT]"
            );
            let answer = Answer::json(405, &json!({ "error": why, "status": 405 }));
            return Some(product(answer.header("allow", "POST,PUT")));
        }
        let kind = request.header("content-type").unwrap_or_default();
        if !is_json(kind) {
            let why = format!("Content-Type header [{kind}] is not supported");
            return Some(product(Answer::json(406, &json!({ "error": why, "status": 406 }))));
        }
        let unknown = request.params().into_iter().find(|(k, _)| !PARAMETERS.contains(&k.as_str()));
        unknown.map(|(name, _)| {
            let why = format!("request [{path}] contains unrecognized parameter: [{name}]");
            bad_request("illegal_argument_exception", &why)
        })
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
        product(Answer::json(200, &body))
    }

    fn document(&self, request: &Request) -> Answer {
        let segments = request.segments();
        let [index, _, id] = &segments[..] else {
            return no_handler(request);
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
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let vendor = kind.strip_prefix("application/vnd.elasticsearch+");
    matches!(vendor.or(kind.strip_prefix("application/")), Some("json" | "x-ndjson"))
}

/// Of this error the text is the whole.
fn no_handler(request: &Request) -> Answer {
    let (path, method) = (&request.path, &request.method);
    let why = format!("no handler found for uri [{path}] and method [{method}]");
    product(Answer::json(400, &json!({ "error": why })))
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

fn product(answer: Answer) -> Answer {
    answer.header("x-elastic-product", "Elasticsearch")
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
            "privileges" => self.privileges(request),
            _ => no_handler(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NDJSON: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];

    fn ask(
        twin: &Elasticsearch,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
        fault: Option<&Fault>,
    ) -> (u16, Value) {
        let request = Request::of("POST", target, headers, body.to_owned().into());
        let answer = twin.handle(&request, fault);
        (answer.status(), serde_json::from_slice(answer.bytes()).unwrap_or_default())
    }

    fn items(body: &Value) -> Vec<(u64, String)> {
        let items = body["items"].as_array().unwrap().iter();
        let item = |i: &Value| i.as_object().unwrap().values().next().unwrap().clone();
        items
            .map(item)
            .map(|i| (i["status"].as_u64().unwrap(), i["_index"].as_str().unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn one_answer_holds_what_was_created_what_was_there_and_what_was_put_off() {
        let twin = Elasticsearch::open();
        let stream = "logs-api-default";
        let doc = |id: &str| {
            format!("{{\"create\":{{\"_id\":\"{id}\"}}}}\n{{\"@timestamp\":1, \"n\":1.10}}\n")
        };
        let send = |body: &str, fault| ask(&twin, "/logs-api-default/_bulk", NDJSON, body, fault).1;
        assert_eq!(send(&doc("a"), None)["errors"], false);
        let body =
            [doc("a"), doc("b"), doc("c"), "{\"index\":{}}\n{}\n{\"create\":{}}\n{}\n".to_owned()];
        let answer = send(&body.concat(), Some(&Fault::Items(vec![(2, 429)])));
        let backing = ".ds-logs-api-default-2026.11.24-000001".to_owned();
        let expected = [
            (409, backing.clone()),
            (201, backing.clone()),
            (429, stream.to_owned()),
            (400, stream.to_owned()),
            (400, backing),
        ];
        assert_eq!(items(&answer), expected);
        let held = twin.held(stream);
        assert_eq!(held.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(held["b"], "{\"@timestamp\":1, \"n\":1.10}");
    }

    #[test]
    fn a_reset_half_way_leaves_the_first_half() {
        let twin = Elasticsearch::open();
        let body = "{\"create\":{\"_id\":\"a\"}}\n{}\n{\"create\":{\"_id\":\"b\"}}\n{}\n";
        ask(&twin, "/i/_bulk", NDJSON, body, Some(&Fault::ResetAmid(1)));
        assert_eq!(twin.held("i").len(), 1);
    }

    #[test]
    fn what_fails_before_the_body_is_read() {
        let twin = Elasticsearch::open().max_body(30);
        let body = "{\"create\":{}}\n{}\n";
        assert_eq!(ask(&twin, "/i/_bulk", NDJSON, &body.repeat(2), None), (413, Value::Null));
        assert_eq!(ask(&twin, "/i/_bulk", &[], body, None).0, 406);
        let (status, answer) = ask(&twin, "/i/_bulk?nope=1", NDJSON, body, None);
        let why = "request [/i/_bulk] contains unrecognized parameter: [nope]";
        assert_eq!((status, &answer["error"]["reason"]), (400, &json!(why)));
        assert_eq!(ask(&twin, "/i/_bulk?refresh=true", NDJSON, body, None).0, 200);
        let get = Request::of("GET", "/_bulk", NDJSON, "".into());
        assert_eq!(twin.handle(&get, None).header_text("allow"), Some("POST,PUT"));
        let (status, answer) = ask(&twin, "/wf/nope", NDJSON, body, None);
        assert_eq!((status, answer["error"].is_string()), (400, true));
        assert_eq!(twin.held("i").len(), 1);
    }

    #[test]
    fn credentials_of_every_scheme() {
        let twin = Elasticsearch::with_api_key("k").accept("Basic b").accept("Bearer t");
        for (given, status) in
            [("ApiKey k", 200), ("Basic b", 200), ("Bearer t", 200), ("ApiKey b", 401), ("k", 401)]
        {
            let headers = [("authorization", given)];
            assert_eq!(ask(&twin, "/_security/_authenticate", &headers, "", None).0, status);
        }
        let expired = Some(&Fault::ExpireCredential);
        let headers = [("authorization", "ApiKey k")];
        assert_eq!(ask(&twin, "/", &headers, "", expired).0, 401);
    }

    #[test]
    fn privileges_are_told_one_by_one() {
        let twin = Elasticsearch::open().read_only();
        let asked = "{\"cluster\":[\"monitor\"],\"index\":[{\"names\":[\"i\"],\"privileges\":[\"create_doc\",\"read\"]}]}";
        let path = "/_security/user/_has_privileges";
        let (_, answer) = ask(&twin, path, NDJSON, asked, None);
        assert_eq!(answer["index"]["i"], json!({ "create_doc": false, "read": true }));
        assert_eq!(answer["has_all_requested"], false);
        let (_, answer) = ask(&Elasticsearch::open(), path, NDJSON, asked, None);
        assert_eq!(answer["has_all_requested"], true);
        let body = "{\"create\":{\"_id\":\"a\"}}\n{}\n";
        assert_eq!(items(&ask(&twin, "/i/_bulk", NDJSON, body, None).1)[0].0, 403);
    }
}
