//! Searches: by token on Cloud, by position on Data Center.

use serde_json::{Value, json};

use super::ask::Ask;
use super::issue::Issue;
use super::jql::Jql;
use super::{Jira, errors};
use crate::Answer;

/// What a search of Cloud may say.
const CLOUD: [&str; 8] = [
    "jql",
    "fields",
    "maxResults",
    "nextPageToken",
    "properties",
    "reconcileIssues",
    "expand",
    "fieldsByKeys",
];

/// The same of Data Center.
const DATA_CENTER: [&str; 7] =
    ["jql", "fields", "maxResults", "startAt", "validateQuery", "expand", "properties"];

impl Jira {
    pub(super) fn search(&self, ask: &Ask<'_>, anonymous: bool) -> Answer {
        let body = wanted(ask);
        let allowed: &[&str] = if self.cloud { &CLOUD } else { &DATA_CENTER };
        if body.as_object().is_none_or(|b| b.keys().any(|k| !allowed.contains(&k.as_str()))) {
            let why = "Invalid request payload. Refer to the REST API documentation and try again.";
            return errors(400, why, &[]);
        }
        // A text on Cloud, a list on Data Center.
        let expand = &body["expand"];
        if !expand.is_null() && expand.is_string() != self.cloud {
            return errors(400, "Invalid request payload.", &[]);
        }
        let Some(jql) = Jql::read(body["jql"].as_str().unwrap_or_default()) else {
            return errors(400, "Error in the JQL Query.", &[]);
        };
        if self.cloud && jql.clauses.is_empty() {
            let why = "Unbounded JQL queries are not allowed here. Please add a search restriction \
                       to your query.";
            return errors(400, why, &[]);
        }
        let mut state = self.lock();
        state.searches += 1;
        let now = state.searches;
        // Ids that are named are seen as they are, however far the index lags.
        let named: Vec<String> = body["reconcileIssues"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Value::to_string)
            .collect();
        let seen = |i: &&Issue| !anonymous && (i.visible_from < now || named.contains(&i.held.id));
        let all = state.ignores_conditions;
        let workflow = &state.workflow;
        let hit = |i: &&Issue| all || i.matches(&jql, workflow);
        let mut found: Vec<_> = state.issues.iter().filter(seen).filter(hit).collect();
        if jql.descending {
            found.reverse();
        }
        let number = |key: &str| body[key].as_u64().map(|n| n as usize);
        let token = || body["nextPageToken"].as_str().and_then(|t| t.parse().ok());
        let start = if self.cloud { token() } else { number("startAt") }.unwrap_or(0);
        let most = number("maxResults").unwrap_or(50).min(self.page);
        let fields: Vec<&str> =
            body["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let fields = if fields.is_empty() && !self.cloud { vec!["*navigable"] } else { fields };
        let page: Vec<_> = found
            .iter()
            .skip(start)
            .take(most)
            .map(|i| i.json(ask, &fields, &body["properties"], workflow))
            .collect();
        let next = start + page.len();
        if !self.cloud {
            return Answer::json(
                200,
                &json!({
                    "expand": "schema,names", "startAt": start, "maxResults": most,
                    "total": found.len(), "issues": page,
                }),
            );
        }
        let mut answer = json!({ "issues": page, "isLast": next >= found.len() });
        if next < found.len() {
            answer["nextPageToken"] = json!(next.to_string());
        }
        Answer::json(200, &answer)
    }
}

/// What is searched for: a body, or the same as a query.
fn wanted(ask: &Ask<'_>) -> Value {
    if ask.request.method != "GET" {
        return ask.body.clone();
    }
    let mut body = json!({});
    for (key, value) in ask.request.params() {
        body[&key] = match key.as_str() {
            "fields" | "properties" => ask.words(&key).unwrap_or_default().into(),
            "maxResults" | "startAt" => json!(value.parse::<u64>().ok()),
            _ => json!(value),
        };
    }
    body
}
