//! OpenAPI documents: which operation a request is, and on which object.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use matchit::Router;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The operations of one or more OpenAPI 3 documents, the current one first.
#[derive(Clone, Default)]
pub struct Spec {
    router: Router<usize>,
    routes: Vec<Route>,
    sensitive: Vec<String>,
}

#[derive(Clone, Debug)]
struct Route {
    template: Arc<str>,
    /// Operation ids by method, in upper case.
    operations: BTreeMap<String, Arc<str>>,
}

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The template of its path: `/api/orders/{orderId}`.
    pub(crate) group: Arc<str>,
    /// The operation's id, where a document has it.
    pub(crate) operation: Option<Arc<str>>,
    /// The parameters of its path; none for a path without one.
    pub(crate) object: Option<Box<str>>,
    /// Whether a document has the path.
    pub(crate) documented: bool,
}

/// A document that is no OpenAPI 3 in JSON; says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSpec(String);

impl fmt::Display for BadSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSpec {}

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

impl Spec {
    /// No documents.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a document. What an earlier one says of a path stands.
    pub fn add(&mut self, document: &[u8]) -> Result<(), BadSpec> {
        let doc: Value = serde_json::from_slice(document).map_err(|e| {
            BadSpec(format!("is no JSON (line {}, column {})", e.line(), e.column()))
        })?;
        if !doc["openapi"].as_str().is_some_and(|v| v.starts_with("3.")) {
            return Err(BadSpec("has no member \"openapi\" of version 3".to_owned()));
        }
        let paths = doc["paths"].as_object();
        let paths = paths.ok_or_else(|| BadSpec("has no object \"paths\"".to_owned()))?;
        for base in bases(&doc) {
            for (path, item) in paths {
                self.path(&format!("{base}{path}"), item)?;
            }
        }
        mark_sensitive(&doc, &mut self.sensitive, 0);
        Ok(())
    }

    fn path(&mut self, template: &str, item: &Value) -> Result<(), BadSpec> {
        let operations: BTreeMap<String, Arc<str>> = METHODS
            .iter()
            .filter_map(|method| {
                let operation = item.get(*method)?;
                let method = method.to_ascii_uppercase();
                let id = operation["operationId"].as_str();
                let id = id.map_or_else(|| format!("{method} {template}"), str::to_owned);
                Some((method, id.into()))
            })
            .collect();
        let pattern = pattern(template);
        if let Ok(at) = self.router.at(&pattern).map(|m| *m.value)
            && pattern == self::pattern(&self.routes[at].template)
        {
            let known = &mut self.routes[at].operations;
            for (method, id) in operations {
                known.entry(method).or_insert(id);
            }
            return Ok(());
        }
        self.router
            .insert(&pattern, self.routes.len())
            .map_err(|_| BadSpec(format!("has a path that collides with another: {template}")))?;
        self.routes.push(Route { template: template.into(), operations });
        Ok(())
    }

    /// The names that the documents mark as sensitive: `format: password`, `x-sensitive: true`, and
    /// those of API keys.
    pub fn sensitive(&self) -> impl Iterator<Item = &str> {
        self.sensitive.iter().map(String::as_str)
    }

    /// What a request is about, however its path is written. A path that no document has is grouped
    /// by its shape: segments that are numbers, UUIDs or long hex are ids.
    pub(crate) fn place(&self, method: &str, path: &str) -> Place {
        let path = normal(path);
        if let Ok(found) = self.router.at(&path) {
            let route = &self.routes[*found.value];
            let ids: Vec<_> = found.params.iter().map(|(_, value)| value).collect();
            return Place {
                group: route.template.clone(),
                operation: route.operations.get(method).cloned(),
                object: (!ids.is_empty()).then(|| ids.join("/").into()),
                documented: true,
            };
        }
        let mut ids = Vec::new();
        let shape = |segment| {
            if is_id(segment) {
                ids.push(segment);
                "{id}"
            } else {
                segment
            }
        };
        let group: Vec<_> = path.split('/').map(shape).collect();
        Place {
            group: group.join("/").into(),
            operation: None,
            object: (!ids.is_empty()).then(|| ids.join("/").into()),
            documented: false,
        }
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spec({} paths)", self.routes.len())
    }
}

/// The base paths of the document's servers: `https://shop.example/api` → `/api`.
fn bases(doc: &Value) -> Vec<String> {
    let path = |url: &str| {
        let rest = url
            .split_once("://")
            .map_or(url, |(_, rest)| rest.split_once('/').map_or("", |(_, p)| p));
        let path = rest.trim_matches('/');
        if path.is_empty() { String::new() } else { format!("/{path}") }
    };
    let servers = doc["servers"].as_array().into_iter().flatten();
    let mut bases: Vec<_> = servers.filter_map(|s| s["url"].as_str()).map(path).collect();
    bases.sort();
    bases.dedup();
    if bases.is_empty() { vec![String::new()] } else { bases }
}

/// The template with its parameters by position: documents may name them differently.
fn pattern(template: &str) -> String {
    let mut n = 0;
    let literal = |text: &str| text.replace('{', "{{").replace('}', "}}");
    let segments = template.split('/').filter(|segment| !segment.is_empty()).map(|segment| {
        // One parameter a segment, with what stands before and after it: `{id}.json`; of several,
        // such as `{from}-{to}`, one for them all.
        match (segment.find('{'), segment.rfind('}')) {
            (Some(open), Some(close)) if open < close => {
                n += 1;
                format!("{}{{p{n}}}{}", literal(&segment[..open]), literal(&segment[close + 1..]))
            }
            _ => literal(segment),
        }
    });
    format!("/{}", segments.collect::<Vec<_>>().join("/"))
}

/// A path as servers understand it: percent-decoded once, without empty segments, `.` and `..`. A
/// slash inside a segment stays `%2F`, a control character becomes U+FFFD.
fn normal(path: &str) -> String {
    // The absolute form of a request to a proxy.
    let path = match path.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => rest.find('/').map_or("", |n| &rest[n..]),
        _ => path,
    };
    let mut segments: Vec<String> = Vec::new();
    for segment in path.split('/') {
        let segment = percent_decode_str(segment).decode_utf8_lossy();
        match &*segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            text => {
                let text = text.replace('/', "%2F");
                segments.push(text.replace(char::is_control, "\u{fffd}"));
            }
        }
    }
    format!("/{}", segments.join("/"))
}

fn is_id(segment: &str) -> bool {
    let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    !segment.is_empty()
        && (segment.bytes().all(|b| b.is_ascii_digit())
            || (segment.len() >= 16 && segment.chars().all(hex)))
}

fn mark_sensitive(node: &Value, names: &mut Vec<String>, depth: usize) {
    /// Deeper than any document goes; a reference is not followed.
    const DEEPEST: usize = 64;
    if depth > DEEPEST {
        return;
    }
    let marked = |schema: &Value| {
        let own = |s: &Value| s["format"] == "password" || s["x-sensitive"] == true;
        own(schema) || own(&schema["schema"])
    };
    match node {
        Value::Object(map) => {
            for (name, schema) in
                map.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                if marked(schema) {
                    names.push(name.clone());
                }
            }
            for parameter in map.get("parameters").and_then(Value::as_array).into_iter().flatten() {
                if let (true, Some(name)) = (marked(parameter), parameter["name"].as_str()) {
                    names.push(name.to_owned());
                }
            }
            // A key that opens the API, by the name under which it travels.
            if let ("apiKey", Some(name)) = (
                map.get("type").and_then(Value::as_str).unwrap_or_default(),
                map.get("name").and_then(Value::as_str),
            ) {
                names.push(name.to_owned());
            }
            for child in map.values() {
                mark_sensitive(child, names, depth + 1);
            }
        }
        Value::Array(items) => {
            for child in items {
                mark_sensitive(child, names, depth + 1);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        let mut spec = Spec::new();
        let new = r#"{"openapi":"3.1.0","servers":[{"url":"https://x.example/api"}],"paths":{
            "/orders":{"get":{"operationId":"listOrders"}},
            "/orders/{orderId}":{"get":{"operationId":"getOrder"}},
            "/login":{"post":{"operationId":"login","requestBody":{"content":{"application/json":{
                "schema":{"properties":{"pin":{"format":"password"}}}}}}}}}}"#;
        let old = r#"{"openapi":"3.0.3","servers":[{"url":"/api/"}],"paths":{
            "/orders/{id}":{"get":{"operationId":"oldGet"},"delete":{"operationId":"deleteOrder"}},
            "/basket":{"get":{}}}}"#;
        spec.add(new.as_bytes()).unwrap();
        spec.add(old.as_bytes()).unwrap();
        spec
    }

    #[test]
    fn the_newer_document_wins_and_the_older_adds() {
        let spec = spec();
        let place = spec.place("GET", "/api/orders/7");
        assert_eq!(&*place.group, "/api/orders/{orderId}");
        assert_eq!(place.operation.as_deref(), Some("getOrder"));
        assert_eq!(place.object.as_deref(), Some("7"));
        let old = spec.place("DELETE", "/api/orders/7");
        assert_eq!(old.operation.as_deref(), Some("deleteOrder"));
        assert_eq!(spec.place("GET", "/api/basket").operation.as_deref(), Some("GET /api/basket"));
        assert_eq!(spec.sensitive().collect::<Vec<_>>(), ["pin"]);
    }

    #[test]
    fn a_path_is_the_same_however_it_is_written() {
        for path in [
            "/api/orders/7",
            "/api/orders/7/",
            "//api//./orders/7",
            "/api/x/../orders/%37",
            "/%61pi/orders/7",
            "/../api/orders/7",
            "https://x.example/api/orders/7",
        ] {
            let place = spec().place("GET", path);
            assert_eq!(
                (&*place.group, place.object.as_deref()),
                ("/api/orders/{orderId}", Some("7")),
                "{path}"
            );
        }
        let place = |path| spec().place("GET", path).group.to_string();
        assert_eq!(place("/api/orders/..%2f..%2Fetc"), "/api/orders/{orderId}");
        assert_eq!(place("/x%0ay/%ff%2fz"), "/x\u{fffd}y/\u{fffd}%2Fz");
        assert_eq!((place(""), place("*")), ("/".to_owned(), "/*".to_owned()));
    }

    #[test]
    fn a_path_of_no_document_is_grouped_by_its_shape() {
        let place = spec().place("GET", "/v2/things/12/3f2504e0-4f89-11d3-9a0c-0305e82c3301");
        assert_eq!(&*place.group, "/v2/things/{id}/{id}");
        assert!(!place.documented && place.operation.is_none());
    }

    #[test]
    fn parameters_in_a_part_of_a_segment_and_marks_of_parameters() {
        let doc = r#"{"openapi":"3.1.0","paths":{
            "/files/{name}.json":{"get":{"operationId":"file","parameters":[
                {"name":"seal","in":"query","schema":{"format":"password"}},
                {"name":"mark","in":"query","x-sensitive":true},{"name":"page","in":"query"}]}},
            "/users/{id}:block/":{"post":{"operationId":"block"}},
            "/days/{from}-{to}":{"get":{"operationId":"days"}}},
            "components":{"securitySchemes":{"k":{"type":"apiKey","in":"cookie","name":"shopper"}}}}"#;
        let mut spec = Spec::new();
        spec.add(doc.as_bytes()).unwrap();
        let of = |method, path| spec.place(method, path).operation.map(|o| o.to_string());
        assert_eq!(of("GET", "/files/a.json").as_deref(), Some("file"));
        assert_eq!(of("POST", "/users/7:block").as_deref(), Some("block"));
        assert_eq!(of("GET", "/days/1-2").as_deref(), Some("days"));
        assert_eq!(of("GET", "/files/a.xml"), None);
        let mut marked: Vec<_> = spec.sensitive().collect();
        marked.sort_unstable();
        assert_eq!(marked, ["mark", "seal", "shopper"]);
    }

    #[test]
    fn what_is_no_document_says_why() {
        let why = |text: &str| Spec::new().add(text.as_bytes()).unwrap_err().to_string();
        assert!(why("{").contains("line 1"));
        assert!(why(r#"{"swagger":"2.0"}"#).contains("openapi"));
        assert!(why(r#"{"openapi":"3.1.0"}"#).contains("paths"));
    }
}
