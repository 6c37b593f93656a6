//! Jira Cloud, REST v3.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use watchfloor_core::{Clock, Timestamp};

use crate::{Answer, Fault, Request, Twin};

/// A site with two projects of which one user may do everything.
#[derive(Debug)]
pub struct Jira {
    clock: Arc<dyn Clock>,
    authorization: String,
    projects: Vec<(String, Vec<String>)>,
    /// How many look-ups do not see a new issue.
    lag: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    expired: bool,
    forbidden: bool,
    issues: Vec<Issue>,
    searches: u64,
}

#[derive(Clone, Debug)]
struct Issue {
    held: HeldIssue,
    created: Timestamp,
    properties: Map<String, Value>,
    visible_from: u64,
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
    /// Its components' names.
    pub components: Vec<String>,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its summary.
    pub summary: String,
    /// Its description, as plain text.
    pub description: String,
    /// Its comments, as plain text, oldest first.
    pub comments: Vec<String>,
}

impl Jira {
    /// A site that accepts this `Authorization` header: `Basic …` of address and API token.
    pub fn new(clock: Arc<dyn Clock>, authorization: &str) -> Self {
        Self {
            clock,
            authorization: authorization.to_owned(),
            projects: Vec::new(),
            lag: 0,
            state: Mutex::default(),
        }
    }

    /// With a project and its components.
    pub fn project(mut self, key: &str, components: &[&str]) -> Self {
        let components = components.iter().map(|c| (*c).to_owned()).collect();
        self.projects.push((key.to_owned(), components));
        self
    }

    /// With a search that does not see a new issue for so many searches.
    pub fn search_lag(mut self, searches: u64) -> Self {
        self.lag = searches;
        self
    }

    /// Takes the user's permissions away.
    pub fn forbid(&self) {
        self.lock().forbidden = true;
    }

    /// Every issue, in the order in which they were created.
    pub fn held(&self) -> Vec<HeldIssue> {
        self.lock().issues.iter().map(|i| i.held.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the answer is for the user; else it is for an anonymous visitor.
    fn knows(&self, request: &Request) -> bool {
        request.header("authorization") == Some(&self.authorization) && !self.lock().expired
    }

    fn create(&self, request: &Request) -> Answer {
        let Some(body) = request.json() else {
            return errors(400, "There was an error parsing JSON.", &[]);
        };
        let fields = &body["fields"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let project = text(&fields["project"]["key"]);
        let Some((_, components)) = self.projects.iter().find(|(key, _)| *key == project) else {
            return errors(400, "", &[("project", "valid project is required")]);
        };
        let names = |value: &Value, key: &str| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .map(|v| text(if key.is_empty() { v } else { &v[key] }))
                .collect()
        };
        let wanted = names(&fields["components"], "name");
        if let Some(missing) = wanted.iter().find(|c| !components.contains(c)) {
            let why = format!("Component name '{missing}' is not valid");
            return errors(400, "", &[("components", &why)]);
        }
        let summary = text(&fields["summary"]);
        if summary.is_empty() || summary.contains('\n') || summary.chars().count() > 255 {
            return errors(400, "", &[("summary", "You must specify a summary of the issue.")]);
        }
        if !fields["description"].is_null() && fields["description"]["type"] != "doc" {
            return errors(
                400,
                "",
                &[(
                    "description",
                    "Operation value must be an Atlassian Document (see the Atlassian Document Format)",
                )],
            );
        }
        if let Some(why) = bad_document(&fields["description"]) {
            return errors(400, why, &[]);
        }
        if text(&fields["issuetype"]["name"]).is_empty() {
            return errors(400, "", &[("issuetype", "Specify an issue type")]);
        }
        let labels = names(&fields["labels"], "");
        if labels.iter().any(|l| l.contains(' ') || l.len() > 255) {
            return errors(400, "", &[("labels", "The label contains spaces which is invalid.")]);
        }
        let mut state = self.lock();
        let number = state.issues.iter().filter(|i| i.held.project == project).count() + 1;
        let id = (10_000 + state.issues.len()).to_string();
        let key = format!("{project}-{number}");
        let properties = body["properties"].as_array().into_iter().flatten();
        let properties = properties.map(|p| (text(&p["key"]), p["value"].clone())).collect();
        let held = HeldIssue {
            id: id.clone(),
            key: key.clone(),
            project,
            components: wanted,
            labels,
            summary,
            description: plain(&fields["description"]),
            comments: Vec::new(),
        };
        let visible_from = state.searches + self.lag;
        state.issues.push(Issue { held, created: self.clock.now(), properties, visible_from });
        let link = format!("https://twin.example/rest/api/3/issue/{id}");
        Answer::json(201, &json!({ "id": id, "key": key, "self": link }))
    }

    fn search(&self, request: &Request, anonymous: bool) -> Answer {
        let body = request.json().unwrap_or_default();
        let jql = body["jql"].as_str().unwrap_or_default();
        let allowed = [
            "jql",
            "fields",
            "maxResults",
            "nextPageToken",
            "properties",
            "reconcileIssues",
            "expand",
            "fieldsByKeys",
        ];
        if body.as_object().is_none_or(|b| b.keys().any(|k| !allowed.contains(&k.as_str()))) {
            return errors(
                400,
                "Invalid request payload. Refer to the REST API documentation and try again.",
                &[],
            );
        }
        let Some(conditions) = conditions(jql) else {
            return errors(
                400,
                "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.",
                &[],
            );
        };
        let mut state = self.lock();
        state.searches += 1;
        let now = state.searches;
        let found: Vec<_> = state
            .issues
            .iter()
            .filter(|i| !anonymous && i.visible_from < now)
            .filter(|i| {
                conditions.iter().all(|(field, value)| match field.as_str() {
                    "project" => i.held.project == *value,
                    "labels" => i.held.labels.contains(value),
                    _ => false,
                })
            })
            .collect();
        let start: usize = body["nextPageToken"].as_str().and_then(|t| t.parse().ok()).unwrap_or(0);
        let most = body["maxResults"].as_u64().unwrap_or(50) as usize;
        let fields: Vec<&str> =
            body["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let page: Vec<_> = found
            .iter()
            .skip(start)
            .take(most)
            .map(|i| i.json(&fields, &body["properties"]))
            .collect();
        let next = start + page.len();
        let mut answer = json!({ "issues": page, "isLast": next >= found.len() });
        if next < found.len() {
            answer["nextPageToken"] = json!(next.to_string());
        }
        Answer::json(200, &answer)
    }

    fn issue(&self, request: &Request, id: &str, rest: &str) -> Answer {
        let mut state = self.lock();
        let Some(issue) = state.issues.iter_mut().find(|i| i.held.id == id || i.held.key == id)
        else {
            return errors(
                404,
                "Issue does not exist or you do not have permission to see it.",
                &[],
            );
        };
        match (rest, request.method.as_str()) {
            ("", "GET") => {
                let fields = request.param("fields").unwrap_or_else(|| "*all".to_owned());
                let properties =
                    request.param("properties").map(|p| json!(p.split(',').collect::<Vec<_>>()));
                let fields: Vec<_> = fields.split(',').collect();
                Answer::json(200, &issue.json(&fields, &properties.unwrap_or_default()))
            }
            ("comment", "GET") => {
                let number = |key, default| {
                    request.param(key).and_then(|v| v.parse::<usize>().ok()).unwrap_or(default)
                };
                let (start, most) = (number("startAt", 0), number("maxResults", 50).min(100));
                let mut all: Vec<_> = issue.held.comments.iter().enumerate().collect();
                if request.param("orderBy").as_deref() == Some("-created") {
                    all.reverse();
                }
                let page: Vec<_> = all.iter().skip(start).take(most).map(|(i, text)| json!({
                    "id": (20_000 + i).to_string(),
                    "body": { "type": "doc", "version": 1, "content": text.split('\n').map(|l| json!({
                        "type": "paragraph", "content": [{ "type": "text", "text": l }],
                    })).collect::<Vec<_>>() },
                })).collect();
                let body = json!({ "startAt": start, "maxResults": most, "total": all.len(), "comments": page });
                Answer::json(200, &body)
            }
            ("comment", "POST") => {
                let body = request.json().unwrap_or_default();
                if body["body"]["type"] != "doc" {
                    return errors(400, "", &[("comment", "Comment body is not valid!")]);
                }
                if let Some(why) = bad_document(&body["body"]) {
                    return errors(400, why, &[]);
                }
                issue.held.comments.push(plain(&body["body"]));
                let id = (20_000 + issue.held.comments.len() - 1).to_string();
                Answer::json(201, &json!({ "id": id, "body": body["body"] }))
            }
            _ => errors(405, "Method not allowed", &[]),
        }
    }
}

impl Issue {
    fn json(&self, fields: &[&str], properties: &Value) -> Value {
        let held = &self.held;
        let all = json!({
            "summary": held.summary,
            "labels": held.labels,
            "status": { "name": "To Do", "statusCategory": { "key": "new", "name": "To Do" } },
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
}

/// The conditions `field = "value"` joined by AND; `None` without one.
fn conditions(jql: &str) -> Option<Vec<(String, String)>> {
    let jql = jql.split(" ORDER BY ").next().unwrap_or_default();
    let conditions: Option<Vec<_>> = jql
        .split(" AND ")
        .map(|c| {
            let (field, value) = c.split_once('=')?;
            let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
            Some((field.trim().to_owned(), value.replace("\\\"", "\"").replace("\\\\", "\\")))
        })
        .collect();
    conditions.filter(|c| !c.is_empty())
}

/// What Jira refuses in a document: an empty text node, or one with a newline outside of code.
fn bad_document(node: &Value) -> Option<&'static str> {
    let kind = node["type"].as_str().unwrap_or_default();
    let children = node["content"].as_array().into_iter().flatten();
    for child in children {
        if child["type"] == "text" {
            let text = child["text"].as_str().unwrap_or_default();
            if text.is_empty() || (text.contains('\n') && kind != "codeBlock") {
                return Some("INVALID_INPUT");
            }
        }
        if let Some(why) = bad_document(child) {
            return Some(why);
        }
    }
    None
}

fn plain(node: &Value) -> String {
    let mut text = node["text"].as_str().unwrap_or_default().to_owned();
    if node["type"] == "hardBreak" {
        text.push('\n');
    }
    for child in node["content"].as_array().into_iter().flatten() {
        let block = matches!(child["type"].as_str(), Some("paragraph" | "codeBlock" | "heading"));
        if block && !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&plain(child));
    }
    text
}

/// `2026-11-22T01:40:00.000+0000`
fn jira_time(time: Timestamp) -> String {
    time.to_string().replace('Z', "+0000")
}

fn errors(status: u16, message: &str, fields: &[(&str, &str)]) -> Answer {
    let messages: Vec<_> = Some(message).filter(|m| !m.is_empty()).into_iter().collect();
    let fields: Map<_, _> = fields.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    Answer::json(status, &json!({ "errorMessages": messages, "errors": fields }))
}

impl Twin for Jira {
    fn operation(&self, request: &Request) -> &'static str {
        let segments = request.segments();
        let path: Vec<_> = segments.iter().map(String::as_str).collect();
        match (&path[..], request.method.as_str()) {
            (["rest", "api", "3", "issue"], "POST") => "create",
            (["rest", "api", "3", "search", "jql"], "POST") => "search",
            (["rest", "api", "3", "issue", _], "GET") => "read",
            (["rest", "api", "3", "issue", _, "comment"], "GET") => "comments",
            (["rest", "api", "3", "issue", _, "comment"], "POST") => "comment",
            (["rest", "api", "3", "myself"], "GET") => "myself",
            (["rest", "api", "3", "mypermissions"], "GET") => "permissions",
            _ => "unknown",
        }
    }

    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if matches!(fault, Some(Fault::ExpireCredential)) {
            self.lock().expired = true;
        }
        let operation = self.operation(request);
        let known = self.knows(request);
        if !known {
            // Most operations allow anonymous access: the answer is a 200 with nothing in it.
            let answer = match operation {
                "search" => self.search(request, true),
                "myself" | "create" | "comment" => {
                    errors(401, "Client must be authenticated to access this resource.", &[])
                }
                _ => errors(
                    404,
                    "Issue does not exist or you do not have permission to see it.",
                    &[],
                ),
            };
            return answer.header("x-seraph-loginreason", "AUTHENTICATED_FAILED");
        }
        let agent = request.header("user-agent").unwrap_or_default();
        if request.method != "GET" && agent.contains("Mozilla") {
            return Answer::new(403).body("text/plain", "XSRF check failed");
        }
        let segments = request.segments();
        match operation {
            "create" if self.lock().forbidden => {
                errors(403, "You do not have permission to create issues in this project.", &[])
            }
            "create" => self.create(request),
            "search" => self.search(request, false),
            "read" => self.issue(request, &segments[4], ""),
            "comments" | "comment" => self.issue(request, &segments[4], "comment"),
            "myself" => Answer::json(
                200,
                &json!({ "accountId": "twin", "emailAddress": "twin@twin.example" }),
            ),
            "permissions" => {
                let have = !self.lock().forbidden;
                let names = request.param("permissions").unwrap_or_default();
                let project = request.param("projectKey").unwrap_or_default();
                if !self.projects.iter().any(|(key, _)| *key == project) {
                    return errors(
                        404,
                        &format!("No project could be found with key '{project}'."),
                        &[],
                    );
                }
                let permissions: Map<_, _> = names
                    .split(',')
                    .map(|n| (n.to_owned(), json!({ "key": n, "havePermission": have })))
                    .collect();
                Answer::json(200, &json!({ "permissions": permissions }))
            }
            _ => Answer::new(404).body("text/html", "<html>Oops, you've found a dead link.</html>"),
        }
    }
}
