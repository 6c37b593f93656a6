//! Issues and their comments.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use watchfloor_core::{StatusCategory, Timestamp};

use crate::Answer;

use super::ask::Ask;
use super::document;
use super::errors;
use super::jql::{Clause, Jql};
use super::workflow::Workflow;

#[derive(Clone, Debug)]
pub(super) struct Issue {
    pub(super) held: HeldIssue,
    pub(super) created: Timestamp,
    pub(super) description: Value,
    pub(super) custom: Map<String, Value>,
    /// The id of its status.
    pub(super) status: String,
    pub(super) remote_links: Vec<Value>,
    pub(super) old_keys: Vec<String>,
    pub(super) writes: Vec<Timestamp>,
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
    /// Where in its life it is.
    pub status: StatusCategory,
    /// The id or name of its resolution.
    pub resolution: Option<String>,
    /// The `accountId` or name of its assignee.
    pub assignee: Option<String>,
    /// Its files: name and content.
    pub files: Vec<(String, Bytes)>,
    /// The issues that it is linked to: the type's name and the other's id.
    pub links: Vec<(String, String)>,
}

impl HeldIssue {
    pub(super) fn new(id: &str, key: &str, project: &str) -> Self {
        Self {
            id: id.to_owned(),
            key: key.to_owned(),
            project: project.to_owned(),
            issue_type: String::new(),
            components: Vec::new(),
            labels: Vec::new(),
            priority: None,
            summary: String::new(),
            description: String::new(),
            comments: Vec::new(),
            status: StatusCategory::New,
            resolution: None,
            assignee: None,
            files: Vec::new(),
            links: Vec::new(),
        }
    }
}

impl Issue {
    pub(super) fn is(&self, id: &str) -> bool {
        self.held.id == id || self.held.key == id || self.old_keys.iter().any(|k| k == id)
    }

    /// As it is held, with what its status says.
    pub(super) fn shown(&self, workflow: &Workflow) -> HeldIssue {
        let mut held = self.held.clone();
        held.description = document::shown(&self.description);
        held.status = match workflow.category(&self.status) {
            "done" => StatusCategory::Done,
            "indeterminate" => StatusCategory::InProgress,
            _ => StatusCategory::New,
        };
        held
    }

    /// Counts a write, and says whether there are too many: more than 20 in two seconds.
    pub(super) fn is_busy(&mut self, now: Timestamp) -> bool {
        self.writes.retain(|at| now.since(*at) < Duration::from_secs(2));
        if self.writes.len() >= 20 {
            return true;
        }
        self.writes.push(now);
        false
    }

    pub(super) fn matches(&self, jql: &Jql, workflow: &Workflow) -> bool {
        jql.clauses.iter().all(|clause| self.holds(clause, workflow))
    }

    fn holds(&self, clause: &Clause, workflow: &Workflow) -> bool {
        let held = &self.held;
        let own = match clause.field.as_str() {
            "project" => vec![held.project.clone()],
            "labels" => held.labels.clone(),
            "component" => held.components.clone(),
            "issuetype" => vec![held.issue_type.clone()],
            "priority" => held.priority.iter().cloned().collect(),
            "resolution" => held.resolution.iter().cloned().collect(),
            "id" | "key" | "issuekey" => vec![held.id.clone(), held.key.clone()],
            "created" | "updated" => vec![self.created.as_millis().to_string()],
            "statuscategory" => vec![workflow.category(&self.status).to_owned()],
            _ => Vec::new(),
        };
        clause.holds(&own)
    }

    pub(super) fn read(&self, ask: &Ask<'_>, workflow: &Workflow) -> Answer {
        let fields = ask.words("fields").unwrap_or_else(|| vec!["*all".to_owned()]);
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        let properties = ask.words("properties").unwrap_or_default();
        Answer::json(200, &self.json(ask, &fields, &properties.into(), workflow))
    }

    pub(super) fn json(
        &self,
        ask: &Ask<'_>,
        fields: &[&str],
        properties: &Value,
        workflow: &Workflow,
    ) -> Value {
        let held = &self.held;
        let user = |id: &String| {
            if ask.cloud { json!({ "accountId": id }) } else { json!({ "name": id, "key": id }) }
        };
        let file = |(at, (name, content)): (usize, &(String, Bytes))| json!({ "id": (10_200 + at).to_string(), "filename": name, "size": content.len() });
        let files: Vec<_> = held.files.iter().enumerate().map(file).collect();
        let project = ask.link("project/10000");
        let kind = ask.link("issuetype/10002");
        let mut all = json!({
            "summary": held.summary,
            "description": shown_to(ask, &self.description),
            "issuetype": { "self": kind, "id": "10002", "name": held.issue_type, "subtask": false },
            "priority": held.priority.as_ref().map(|p| json!({ "name": p })),
            "labels": held.labels,
            "status": workflow.status_json(ask, &self.status),
            "resolution": held.resolution.as_ref().map(|r| workflow.resolution_of(r)),
            "assignee": held.assignee.as_ref().map(user),
            "created": jira_time(self.created),
            "project": { "self": project, "id": "10000", "key": held.project, "name": held.project },
            "components": held.components.iter().map(|c| json!({ "name": c })).collect::<Vec<_>>(),
            "attachment": files,
            "comment": {
                "comments": [], "maxResults": 0, "total": self.comments.len(), "startAt": 0,
            },
        });
        for (name, value) in &self.custom {
            all[name] = value.clone();
        }
        let many = |name: &str| {
            fields.contains(&"*all")
                || fields.contains(&"*navigable") && !matches!(name, "comment" | "attachment")
        };
        let wanted: Map<_, _> = all
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| many(name) || fields.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut issue = json!({ "id": held.id });
        if !fields.is_empty() {
            issue["expand"] = json!("renderedFields,names,schema,operations,editmeta,changelog");
            issue["self"] = json!(ask.link(&format!("issue/{}", held.id)));
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

    pub(super) fn comments(&self, ask: &Ask<'_>) -> Answer {
        let (start, most) = (ask.number("startAt", 0), ask.number("maxResults", 50).min(100));
        let mut all: Vec<_> = self.comments.iter().collect();
        if ask.request.param("orderBy").as_deref() == Some("-created") {
            all.reverse();
        }
        let with_properties = ask.request.param("expand").is_some_and(|e| e.contains("properties"));
        let shown = |comment: &&Value| {
            let mut comment = (*comment).clone();
            comment["body"] = shown_to(ask, &comment["body"]);
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

    pub(super) fn comment(&mut self, ask: &Ask<'_>, now: Timestamp, limit: usize) -> Answer {
        let body = &ask.body["body"];
        if body.is_null() {
            return errors(400, "", &[("comment", "Comment body can not be empty!")]);
        }
        if let Some((whole, why)) = document::refuse(ask, body, limit) {
            return if whole {
                errors(400, why, &[])
            } else {
                errors(400, "", &[("comment", why)])
            };
        }
        Answer::json(201, &self.say(ask, body, &ask.body["properties"], now))
    }

    /// Adds a comment.
    pub(super) fn say(
        &mut self,
        ask: &Ask<'_>,
        body: &Value,
        properties: &Value,
        now: Timestamp,
    ) -> Value {
        self.held.comments.push(document::shown(body));
        let id = (20_000 + self.comments.len()).to_string();
        let author = if ask.cloud { "accountId" } else { "name" };
        let comment = json!({
            "self": ask.link(&format!("issue/{}/comment/{id}", self.held.id)),
            "id": id,
            "author": { author: "twin", "displayName": "Twin" },
            "body": body,
            "created": jira_time(now),
            "updated": jira_time(now),
            "properties": properties.as_array().cloned().unwrap_or_default(),
        });
        self.comments.push(comment.clone());
        comment
    }
}

/// A text as this version of the API shows it.
fn shown_to(ask: &Ask<'_>, text: &Value) -> Value {
    match text {
        Value::String(markup) if ask.documents => {
            let words = json!({ "type": "text", "text": markup });
            let paragraph = json!({ "type": "paragraph", "content": [words] });
            json!({ "type": "doc", "version": 1, "content": [paragraph] })
        }
        Value::Object(_) if !ask.documents => document::shown(text).into(),
        same => same.clone(),
    }
}

/// `2026-11-22T01:40:00.000+0000`
pub(super) fn jira_time(time: Timestamp) -> String {
    time.to_string().replace('Z', "+0000")
}
