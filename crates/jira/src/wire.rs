//! Jira's shapes, REST v3 and v2.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The name of the issue property and comment property that are ours.
pub(crate) const PROPERTY: &str = "watchfloor";

#[derive(Debug, Serialize)]
pub(crate) struct NewIssue<'a> {
    pub(crate) fields: Map<String, Value>,
    pub(crate) properties: [Property<KeyValue<'a>>; 1],
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

/// A search of Cloud.
#[derive(Debug, Serialize)]
pub(crate) struct ByToken<'a> {
    pub(crate) jql: &'a str,
    pub(crate) fields: &'a [&'a str],
    pub(crate) properties: [&'static str; 1],
    #[serde(rename = "maxResults")]
    pub(crate) max_results: u32,
    #[serde(rename = "nextPageToken", skip_serializing_if = "Option::is_none")]
    pub(crate) next_page_token: Option<&'a str>,
}

/// A search of Data Center.
#[derive(Debug, Serialize)]
pub(crate) struct ByPosition<'a> {
    pub(crate) jql: &'a str,
    pub(crate) fields: &'a [&'a str],
    #[serde(rename = "maxResults")]
    pub(crate) max_results: u32,
    #[serde(rename = "startAt")]
    pub(crate) start_at: u64,
}

/// A page of a search. The server may return fewer than asked without being the last.
#[derive(Debug, Deserialize)]
pub(crate) struct SearchPage {
    /// Missing, it is no answer to a search.
    pub(crate) issues: Vec<Issue>,
    #[serde(default, rename = "nextPageToken")]
    pub(crate) next_page_token: Option<String>,
    #[serde(default)]
    pub(crate) total: u64,
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
    pub(crate) description: Option<Value>,
    pub(crate) status: Option<Status>,
    pub(crate) priority: Option<Named>,
    /// `null` where it is nobody's.
    #[serde(deserialize_with = "there")]
    pub(crate) assignee: Option<Value>,
    pub(crate) labels: Option<Vec<String>>,
    pub(crate) created: Option<String>,
    pub(crate) project: Option<Named>,
    pub(crate) components: Option<Vec<Named>>,
    pub(crate) attachment: Option<Vec<File>>,
    #[serde(flatten)]
    pub(crate) others: BTreeMap<String, Value>,
}

/// Tells `null` from missing.
fn there<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub(crate) key: Option<String>,
    pub(crate) name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub(crate) id: String,
    #[serde(rename = "statusCategory")]
    pub(crate) category: Option<Named>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct File {
    #[serde(default)]
    pub(crate) filename: String,
    #[serde(default)]
    pub(crate) size: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct NewComment<'a> {
    pub(crate) body: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) properties: Option<[Property<Marked<'a>>; 1]>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Marked<'a> {
    pub(crate) marker: &'a str,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CommentPage {
    /// Missing, it is no list of comments.
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

#[derive(Debug, Deserialize)]
pub(crate) struct Transitions {
    pub(crate) transitions: Vec<Transition>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Transition {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) to: Status,
    #[serde(default = "yes", rename = "isAvailable")]
    pub(crate) available: bool,
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, FieldMeta>,
}

const fn yes() -> bool {
    true
}

/// What Jira says of a field on a screen.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FieldMeta {
    #[serde(rename = "fieldId")]
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) required: bool,
    #[serde(rename = "hasDefaultValue")]
    pub(crate) has_default: bool,
    #[serde(rename = "defaultValue")]
    pub(crate) default: Value,
    pub(crate) schema: Schema,
    #[serde(rename = "allowedValues")]
    pub(crate) allowed: Vec<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Schema {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) items: String,
    pub(crate) custom: String,
}

/// A page of createmeta: Cloud names its list, Data Center calls it `values`.
#[derive(Debug, Deserialize)]
pub(crate) struct MetaPage<T> {
    #[serde(alias = "issueTypes", alias = "fields")]
    pub(crate) values: Vec<T>,
    #[serde(default)]
    pub(crate) total: Option<u64>,
    #[serde(default, rename = "isLast")]
    pub(crate) last: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct IssueType {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ServerInfo {
    #[serde(rename = "deploymentType")]
    pub(crate) deployment: String,
    #[serde(default, rename = "baseUrl")]
    pub(crate) base: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct AttachmentMeta {
    pub(crate) enabled: bool,
    #[serde(default = "no_limit", rename = "uploadLimit")]
    pub(crate) limit: u64,
}

const fn no_limit() -> u64 {
    u64::MAX
}

/// Who claimed a key.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Claimed {
    pub(crate) owner: String,
    pub(crate) v: u8,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HeldProperty {
    #[serde(default)]
    pub(crate) value: Claimed,
}

/// What an error says. `errors` names fields; its texts may be in the user's language.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Errors {
    pub(crate) errors: BTreeMap<String, Value>,
    /// The gateway's and the servlet's way.
    pub(crate) message: String,
}
