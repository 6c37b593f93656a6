//! The double of Shelf, written from its manual: `POST /items` takes documents, one a line, and
//! answers which lines it refuses. It knows a document by its `metadata.uid`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use watchfloor_testkit::conformance::Held;
use watchfloor_testkit::{Answer, Fault, Request, Twin};

/// What it takes for a token.
pub(crate) const TOKEN: &str = "shelf-token-2f6d81";

#[derive(Debug, Default)]
pub(crate) struct ShelfTwin(Mutex<BTreeMap<String, Bytes>>);

impl ShelfTwin {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Everything on the shelf, for the suite.
    pub(crate) fn held(&self) -> Vec<Held> {
        let items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held =
            |(key, doc): (&String, &Bytes)| Held { key: key.clone(), bytes: Some(doc.clone()) };
        items.iter().map(held).collect()
    }

    fn put(&self, request: &Request) -> Answer {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut refused = Vec::new();
        let lines = request.body.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        for (number, line) in lines.enumerate() {
            let doc: Value = serde_json::from_slice(line).unwrap_or_default();
            let Some(uid) = doc["metadata"]["uid"].as_str() else {
                refused.push(number);
                continue;
            };
            items.entry(uid.to_owned()).or_insert_with(|| Bytes::copy_from_slice(line));
        }
        Answer::json(200, &json!({ "refused": refused }))
    }
}

impl Twin for ShelfTwin {
    fn operation(&self, request: &Request) -> &'static str {
        if request.path == "/items" { "put" } else { "unknown" }
    }

    fn handle(&self, request: &Request, _: Option<&Fault>) -> Answer {
        if request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Answer::new(401);
        }
        match (request.method.as_str(), self.operation(request)) {
            ("POST", "put") => self.put(request),
            ("GET", "put") => Answer::json(200, &json!({ "items": self.held().len() })),
            _ => Answer::new(404),
        }
    }
}
