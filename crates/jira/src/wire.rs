//! Jira Cloud's shapes, REST v3.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of the issue property and comment property that are ours.
pub(crate) const PROPERTY: &str = "watchfloor";

#[derive(Debug, Serialize)]
pub(crate) struct NewIssue<'a> {
    pub(crate) fields: NewFields<'a>,
    pub(crate) properties: [Property<KeyValue<'a>>; 1],
}

#[derive(Debug, Serialize)]
pub(crate) struct NewFields<'a> {
    pub(crate) project: ByKey<'a>,
    pub(crate) issuetype: ByName<'a>,
    pub(crate) summary: String,
    pub(crate) description: Value,
    pub(crate) labels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<ByName<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) components: Vec<ByName<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ByKey<'a> {
    pub(crate) key: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct ByName<'a> {
    pub(crate) name: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Property<T> {
    pub(crate) key: &'static str,
    pub(crate) value: T,
}

#[derive(Debug, Serialize)]
pub(crate) struct KeyValue<'a> {
    pub(crate) key: &'a str,
    pub(crate) v: u8,
}

/// A created issue: its ids only.
#[derive(Debug, Deserialize)]
pub(crate) struct Created {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) key: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct SearchRequest<'a> {
    pub(crate) jql: &'a str,
    pub(crate) fields: &'a [&'a str],
    pub(crate) properties: [&'static str; 1],
    #[serde(rename = "maxResults")]
    pub(crate) max_results: u32,
    #[serde(rename = "nextPageToken", skip_serializing_if = "Option::is_none")]
    pub(crate) next_page_token: Option<&'a str>,
}

/// A page of a search. The server may return fewer than asked without being the last.
#[derive(Debug, Deserialize)]
pub(crate) struct SearchPage {
    #[serde(default)]
    pub(crate) issues: Vec<Issue>,
    #[serde(default, rename = "nextPageToken")]
    pub(crate) next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Issue {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) fields: IssueFields,
    #[serde(default)]
    pub(crate) properties: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IssueFields {
    pub(crate) summary: Option<String>,
    pub(crate) status: Option<Status>,
    pub(crate) labels: Option<Vec<String>>,
    pub(crate) created: Option<String>,
    pub(crate) project: Option<Named>,
    pub(crate) components: Option<Vec<Named>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub(crate) key: Option<String>,
    pub(crate) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    #[serde(default, rename = "statusCategory")]
    pub(crate) category: Option<Named>,
}

#[derive(Debug, Serialize)]
pub(crate) struct NewComment<'a> {
    pub(crate) body: Value,
    pub(crate) properties: [Property<Marked<'a>>; 1],
}

#[derive(Debug, Serialize)]
pub(crate) struct Marked<'a> {
    pub(crate) marker: &'a str,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CommentPage {
    #[serde(default)]
    pub(crate) comments: Vec<Comment>,
    #[serde(default, rename = "startAt")]
    pub(crate) start_at: u64,
    #[serde(default)]
    pub(crate) total: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Comment {
    #[serde(default)]
    pub(crate) body: Value,
}

/// What an error says. `errors` names fields; its texts may be in the user's language.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Errors {
    pub(crate) errors: std::collections::BTreeMap<String, Value>,
}
