//! A request as the site understands it.

use serde_json::Value;

use super::{Jira, operation_of};
use crate::Request;

pub(super) struct Ask<'a> {
    pub(super) request: &'a Request,
    /// What stands after `/rest/api/N`, decoded.
    path: Vec<String>,
    /// Whether texts are documents: REST v3.
    pub(super) documents: bool,
    pub(super) cloud: bool,
    pub(super) operation: &'static str,
    pub(super) body: Value,
}

impl<'a> Ask<'a> {
    /// `None` if it is no path of the API.
    pub(super) fn of(site: &Jira, request: &'a Request) -> Option<Self> {
        let below = request.path.strip_prefix(site.context.as_str())?;
        if !below.starts_with('/') {
            return None;
        }
        let context = site.context.split('/').filter(|s| !s.is_empty()).count();
        let mut segments = request.segments();
        segments.drain(..context);
        let [rest, api, version] = segments.get(..3)? else { return None };
        let known = match version.as_str() {
            "2" | "latest" => true,
            "3" => site.cloud,
            _ => false,
        };
        if rest != "rest" || api != "api" || !known {
            return None;
        }
        let documents = version == "3";
        let path = segments.split_off(3);
        let words: Vec<_> = path.iter().map(String::as_str).collect();
        let operation = operation_of(&words, request.method.as_str(), site.cloud);
        let body = request.json().unwrap_or_default();
        Some(Self { request, path, documents, cloud: site.cloud, operation, body })
    }

    pub(super) fn segment(&self, at: usize) -> &str {
        self.path.get(at).map_or("", String::as_str)
    }

    /// A number of the query.
    pub(super) fn number(&self, key: &str, default: usize) -> usize {
        self.request.param(key).and_then(|v| v.parse().ok()).unwrap_or(default)
    }

    pub(super) fn link(&self, rest: &str) -> String {
        format!("https://twin.example/rest/api/{}/{rest}", if self.documents { 3 } else { 2 })
    }

    /// Words of the query that stand in one list or in several parameters.
    pub(super) fn words(&self, key: &str) -> Option<Vec<String>> {
        let all = self.request.params();
        let mut given = all.iter().filter(|(k, _)| k == key).peekable();
        given.peek()?;
        Some(given.flat_map(|(_, v)| v.split(',').map(str::to_owned)).collect())
    }
}
