//! `_bulk`.

use serde_json::{Value, json};

use crate::{Answer, Fault, Request};

use super::Elasticsearch;
use super::filter::filtered;
use super::flavor::failure;
use super::framing::{Operation, read};

impl Elasticsearch {
    pub(super) fn bulk(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if let Some(refused) = self.refuse_bulk(request) {
            return refused;
        }
        let segments = request.segments();
        let default = (segments.len() == 2).then(|| segments[0].clone());
        let mut operations = match read(self.flavor, &request.body, default.as_deref()) {
            Ok(operations) => operations,
            Err(error) => return *error,
        };
        let flag = |name| request.param(name).is_some_and(|v| v != "false");
        for operation in &mut operations {
            operation.require_alias |= flag("require_alias");
            operation.require_data_stream |= flag("require_data_stream");
        }
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
                Some((_, status)) => operation.put_off(self.flavor, *status),
                None => self.item(request, operation),
            };
            errors |= item.get("error").is_some();
            items.push(json!({ operation.kind.as_str(): item }));
        }
        let body = json!({ "errors": errors, "took": 1, "items": items });
        self.flavor.json(200, &filtered(request, body))
    }

    fn item(&self, request: &Request, operation: &Operation<'_>) -> Value {
        if !self.may_write {
            return operation.forbidden(self.flavor);
        }
        if let Some(pipeline) = request.param("pipeline").filter(|p| p != "_none") {
            let why = format!("pipeline with id [{pipeline}] does not exist");
            return operation.refused(400, "illegal_argument_exception", why);
        }
        let copies = request.param("wait_for_active_shards").and_then(|n| n.parse::<u32>().ok());
        if copies.is_some_and(|n| n > 1) {
            return operation.no_shard("Not enough active copies to meet shard count");
        }
        let mut item = self.apply(operation);
        let stored = item.get("error").is_none();
        if stored && request.param("refresh").is_some_and(|r| matches!(r.as_str(), "" | "true")) {
            item["forced_refresh"] = json!(true);
        }
        if stored && request.param("list_executed_pipelines").is_some_and(|l| l != "false") {
            item["executed_pipelines"] = json!([]);
        }
        item
    }

    /// What fails before the body is read.
    fn refuse_bulk(&self, request: &Request) -> Option<Answer> {
        let flavor = self.flavor;
        if request.body.len() > self.max_body {
            return Some(Answer::new(413));
        }
        let (path, method) = (&request.path, &request.method);
        if !matches!(method.as_str(), "POST" | "PUT") {
            let why = format!(
                "Incorrect HTTP method for uri [{path}] and method [{method}], allowed: [POST, PUT]"
            );
            let answer = flavor.json(405, &json!({ "error": why, "status": 405 }));
            return Some(answer.header("allow", "POST,PUT"));
        }
        let kind = request.header("content-type").unwrap_or_default();
        if !is_json(kind) {
            let why = format!("Content-Type header [{kind}] is not supported");
            return Some(flavor.json(406, &json!({ "error": why, "status": 406 })));
        }
        let illegal = |why: &str| Some(flavor.refused(400, "illegal_argument_exception", why));
        let params = request.params();
        if let Some((name, _)) = params.iter().find(|(k, _)| !flavor.knows(k)) {
            return illegal(&format!("request [{path}] contains unrecognized parameter: [{name}]"));
        }
        let param = |name| params.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
        let known = |refresh: &&str| matches!(*refresh, "" | "true" | "false" | "wait_for");
        if let Some(refresh) = param("refresh").filter(|r| !known(r)) {
            return illegal(&format!("Unknown value for refresh: [{refresh}]."));
        }
        if let Some(time) = param("timeout").filter(|t| !is_time(t)) {
            return illegal(&format!(
                "failed to parse setting [timeout] with value [{time}] as a time value: unit is \
                 missing or unrecognized"
            ));
        }
        self.refuse_for_the_cluster(request)
    }

    /// What the state of the cluster refuses.
    fn refuse_for_the_cluster(&self, request: &Request) -> Option<Answer> {
        let (flavor, size) = (self.flavor, request.body.len());
        let state = self.lock();
        if state.read_only {
            let why = "blocked by: [FORBIDDEN/6/cluster read-only (api)];";
            let error = json!({ "type": "cluster_block_exception", "reason": why });
            return Some(flavor.plain(403, &failure(403, &error)));
        }
        if state.breaker {
            let why = format!(
                "[parent] Data too large, data for [<http_request>] would be [{size}], which is \
                 larger than the limit of [1048576/1mb]"
            );
            let error = json!({
                "type": "circuit_breaking_exception", "reason": why,
                "bytes_wanted": size, "bytes_limit": 1_048_576, "durability": "PERMANENT",
            });
            return Some(flavor.json(429, &failure(429, &error)));
        }
        (size > self.max_pressure).then(|| {
            let why = format!(
                "rejected execution of coordinating operation [coordinating_and_primary_bytes=0, \
                 replica_bytes=0, all_bytes=0, coordinating_operation_bytes={size}, \
                 max_coordinating_bytes={}]",
                self.max_pressure
            );
            flavor.refused(429, flavor.rejected(), &why)
        })
    }
}

/// Such as `1m` or `500ms`.
fn is_time(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && matches!(&text[digits..], "nanos" | "micros" | "ms" | "s" | "m" | "h" | "d")
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let vendor = kind.strip_prefix("application/vnd.elasticsearch+");
    matches!(vendor.or(kind.strip_prefix("application/")), Some("json" | "x-ndjson"))
}
