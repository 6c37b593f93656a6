//! Issues and their comments.

use serde_json::{Map, Value, json};
use watchfloor_core::Timestamp;

use crate::{Answer, Request};

use super::document::{bad_document, plain};
use super::jql::{Clause, Jql};
use super::{MAX_TEXT, TOO_LONG, errors};

#[derive(Clone, Debug)]
pub(super) struct Issue {
    pub(super) held: HeldIssue,
    pub(super) created: Timestamp,
    pub(super) description: Value,
    pub(super) properties: Map<String, Value>,
    /// As they are shown with their properties, oldest first.
    pub(super) comments: Vec<Value>,
    pub(super) visible_from: u64,
}

/// An issue as the site holds it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeldIssue {
    /// Its id.
    pub id: String,
    /// Its key, such as `SEC-7`.
    pub key: String,
    /// Its project's key.
    pub project: String,
    /// The name of its type.
    pub issue_type: String,
    /// Its components' names.
    pub components: Vec<String>,
    /// Its labels.
    pub labels: Vec<String>,
    /// The name of its priority.
    pub priority: Option<String>,
    /// Its summary.
    pub summary: String,
    /// Its description, as plain text.
    pub description: String,
    /// Its comments, as plain text, oldest first.
    pub comments: Vec<String>,
}

impl Issue {
    pub(super) fn matches(&self, jql: &Jql) -> bool {
        jql.clauses.iter().all(|clause| self.holds(clause))
    }

    fn holds(&self, clause: &Clause) -> bool {
        let held = &self.held;
        let own = match clause.field.as_str() {
            "project" => vec![held.project.clone()],
            "labels" => held.labels.clone(),
            "component" => held.components.clone(),
            "issuetype" => vec![held.issue_type.clone()],
            "priority" => held.priority.iter().cloned().collect(),
            "id" | "key" | "issuekey" => vec![held.id.clone(), held.key.clone()],
            "created" | "updated" => vec![self.created.as_millis().to_string()],
            "statuscategory" => vec!["new".to_owned(), "To Do".to_owned()],
            _ => Vec::new(),
        };
        clause.holds(&own)
    }

    pub(super) fn json(&self, fields: &[&str], properties: &Value) -> Value {
        let held = &self.held;
        let all = json!({
            "summary": held.summary,
            "description": self.description,
            "issuetype": { "name": held.issue_type },
            "priority": held.priority.as_ref().map(|p| json!({ "name": p })),
            "labels": held.labels,
            "status": { "name": "To Do", "statusCategory": { "key": "new", "name": "To Do" } },
            "resolution": null,
            "created": jira_time(self.created),
            "project": { "key": held.project },
            "components": held.components.iter().map(|c| json!({ "name": c })).collect::<Vec<_>>(),
        });
        let wanted: Map<_, _> = all
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| fields.contains(&"*all") || fields.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut issue = json!({ "id": held.id });
        if !fields.is_empty() {
            issue["key"] = json!(held.key);
            issue["fields"] = Value::Object(wanted);
        }
        let names: Vec<_> =
            properties.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !names.is_empty() {
            let kept = self.properties.iter().filter(|(k, _)| names.contains(&k.as_str()));
            issue["properties"] =
                Value::Object(kept.map(|(k, v)| (k.clone(), v.clone())).collect());
        }
        issue
    }

    pub(super) fn comments(&self, request: &Request) -> Answer {
        let number = |key, default| {
            request.param(key).and_then(|v| v.parse::<usize>().ok()).unwrap_or(default)
        };
        let (start, most) = (number("startAt", 0), number("maxResults", 50).min(100));
        let mut all: Vec<_> = self.comments.iter().collect();
        if request.param("orderBy").as_deref() == Some("-created") {
            all.reverse();
        }
        let with_properties = request.param("expand").is_some_and(|e| e.contains("properties"));
        let shown = |comment: &&Value| {
            let mut comment = (*comment).clone();
            if let (false, Some(comment)) = (with_properties, comment.as_object_mut()) {
                comment.remove("properties");
            }
            comment
        };
        let page: Vec<_> = all.iter().skip(start).take(most).map(shown).collect();
        let body =
            json!({ "startAt": start, "maxResults": most, "total": all.len(), "comments": page });
        Answer::json(200, &body)
    }

    pub(super) fn comment(&mut self, request: &Request, now: Timestamp) -> Answer {
        let sent = request.json().unwrap_or_default();
        let body = &sent["body"];
        if body["type"] != "doc" {
            return errors(400, "", &[("comment", "Comment body is not valid!")]);
        }
        if let Some(why) = bad_document(body) {
            return errors(400, why, &[]);
        }
        let text = plain(body);
        if text.chars().count() > MAX_TEXT {
            return errors(400, "", &[("comment", TOO_LONG)]);
        }
        self.held.comments.push(text);
        let comment = json!({
            "id": (20_000 + self.comments.len()).to_string(),
            "author": { "accountId": "twin" },
            "body": body,
            "created": jira_time(now),
            "properties": sent["properties"].as_array().cloned().unwrap_or_default(),
        });
        self.comments.push(comment.clone());
        Answer::json(201, &comment)
    }
}

/// `2026-11-22T01:40:00.000+0000`
fn jira_time(time: Timestamp) -> String {
    time.to_string().replace('Z', "+0000")
}
