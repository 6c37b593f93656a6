//! New issues, and what they may be made of.

use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::issue::{HeldIssue, Issue};
use super::{Jira, State, document, errors, names, text};
use crate::Answer;

/// What an issue may be created with.
const FIELDS: &[&str] = &[
    "assignee",
    "components",
    "description",
    "issuetype",
    "labels",
    "priority",
    "project",
    "summary",
];

impl Jira {
    pub(super) fn create(&self, ask: &Ask<'_>) -> Answer {
        if ask.request.json().is_none() {
            return errors(400, "There was an error parsing JSON.", &[]);
        }
        let fields = &ask.body["fields"];
        if let Some(refused) = self.refuse_new(ask, fields) {
            return refused;
        }
        let mut state = self.lock();
        let id = self.make(&mut state, fields, &ask.body["properties"]);
        let key = state.issues.last().map(|i| i.held.key.clone()).unwrap_or_default();
        let link = ask.link(&format!("issue/{id}"));
        Answer::json(201, &json!({ "id": id, "key": key, "self": link }))
    }

    pub(super) fn bulk(&self, ask: &Ask<'_>) -> Answer {
        let (mut issues, mut failed) = (Vec::new(), Vec::new());
        for (at, new) in ask.body["issueUpdates"].as_array().into_iter().flatten().enumerate() {
            if let Some(refused) = self.refuse_new(ask, &new["fields"]) {
                let why: Value = serde_json::from_slice(refused.bytes()).unwrap_or_default();
                let status = refused.status();
                failed.push(json!({
                    "status": status, "elementErrors": why, "failedElementNumber": at,
                }));
                continue;
            }
            let mut state = self.lock();
            let id = self.make(&mut state, &new["fields"], &new["properties"]);
            let key = state.issues.last().map(|i| i.held.key.clone()).unwrap_or_default();
            issues.push(json!({ "id": id, "key": key, "self": ask.link(&format!("issue/{id}")) }));
        }
        let status = if issues.is_empty() { 400 } else { 201 };
        Answer::json(status, &json!({ "issues": issues, "errors": failed }))
    }

    /// Its id.
    pub(super) fn make(&self, state: &mut State, fields: &Value, properties: &Value) -> String {
        let project = text(&fields["project"]["key"]);
        let number = state.issues.iter().filter(|i| i.held.project == project).count() + 1;
        let id = (10_000 + state.issues.len()).to_string();
        let mut held = HeldIssue::new(&id, &format!("{project}-{number}"), &project);
        held.issue_type = text(&fields["issuetype"]["name"]);
        held.components = names(&fields["components"], Some("name"));
        held.labels = names(&fields["labels"], None);
        held.priority = fields["priority"]["name"].as_str().map(str::to_owned);
        held.summary = text(&fields["summary"]);
        held.assignee = self.user_of(&fields["assignee"]).map(|u| u.id.clone());
        let own = properties.as_array().into_iter().flatten();
        let custom = fields.as_object().into_iter().flatten();
        let custom = custom.filter(|(name, _)| name.starts_with("customfield_"));
        state.issues.push(Issue {
            held,
            created: self.clock.now(),
            description: fields["description"].clone(),
            custom: custom.map(|(k, v)| (k.clone(), v.clone())).collect(),
            properties: own.map(|p| (text(&p["key"]), p["value"].clone())).collect(),
            comments: Vec::new(),
            remote_links: Vec::new(),
            old_keys: Vec::new(),
            writes: Vec::new(),
            status: state.workflow.first(),
            visible_from: state.searches + state.lag,
        });
        id
    }

    /// What is wrong with the fields of a new issue.
    fn refuse_new(&self, ask: &Ask<'_>, fields: &Value) -> Option<Answer> {
        let refuse = |field: &str, why: &str| Some(errors(400, "", &[(field, why)]));
        let project = text(&fields["project"]["key"]);
        let Some(own) = self.projects.iter().find(|p| p.key == project) else {
            return refuse("project", "valid project is required");
        };
        if !self.may(&project, "CREATE_ISSUES") {
            let why = "You do not have permission to create issues in this project.";
            return Some(errors(403, why, &[]));
        }
        if let Some(refused) = self.refuse_fields(ask, fields) {
            return Some(refused);
        }
        let wanted = names(&fields["components"], Some("name"));
        if let Some(missing) = wanted.iter().find(|c| !own.components.contains(c)) {
            return refuse("components", &format!("Component name '{missing}' is not valid"));
        }
        if text(&fields["summary"]).is_empty() {
            return refuse("summary", "You must specify a summary of the issue.");
        }
        if text(&fields["issuetype"]["name"]).is_empty() {
            return refuse("issuetype", "Specify an issue type");
        }
        let lacks = self.demanded.iter().find(|d| fields[d.as_str()].is_null());
        lacks.and_then(|field| refuse(field, "This field is required."))
    }

    /// What is wrong with fields that are set, new or not.
    pub(super) fn refuse_fields(&self, ask: &Ask<'_>, fields: &Value) -> Option<Answer> {
        let refuse = |field: &str, why: &str| Some(errors(400, "", &[(field, why)]));
        let known = |f: &&String| {
            let on_screen = FIELDS.contains(&f.as_str()) || self.demanded.contains(f);
            on_screen && !self.absent.contains(f)
        };
        let mut given = fields.as_object().into_iter().flat_map(Map::keys);
        if let Some(field) = given.find(|f| !known(f)) {
            let why = format!(
                "Field '{field}' cannot be set. It is not on the appropriate screen, or unknown."
            );
            return refuse(field, &why);
        }
        let summary = text(&fields["summary"]);
        if summary.contains('\n') {
            return refuse(
                "summary",
                "The summary is invalid because it contains newline characters.",
            );
        }
        if summary.chars().count() > 255 {
            return refuse("summary", "Summary must be less than 255 characters.");
        }
        let description = &fields["description"];
        if let Some((whole, why)) = document::refuse(ask, description, self.text_limit) {
            return if whole { Some(errors(400, why, &[])) } else { refuse("description", why) };
        }
        let labels = names(&fields["labels"], None);
        if labels.iter().any(|l| l.contains(char::is_whitespace) || l.chars().count() > 255) {
            return refuse("labels", "The label contains spaces which is invalid.");
        }
        let assignee = &fields["assignee"];
        if !assignee.is_null() && self.user_of(assignee).is_none() {
            return refuse("assignee", "Specify a valid value for assignee");
        }
        None
    }

    pub(super) fn types(&self, ask: &Ask<'_>) -> Answer {
        if !self.may(ask.segment(2), "CREATE_ISSUES") {
            return errors(400, "The project is not there or you cannot create issues in it.", &[]);
        }
        let types = [("10002", "Task"), ("10004", "Bug"), ("10005", "Incident")];
        let one = |(id, name): (&str, &str)| json!({ "self": ask.link(&format!("issuetype/{id}")), "id": id, "name": name, "subtask": false });
        Self::paged(ask, "issueTypes", types.map(one).to_vec())
    }

    pub(super) fn fields(&self, ask: &Ask<'_>) -> Answer {
        if !self.may(ask.segment(2), "CREATE_ISSUES") {
            return errors(400, "The project is not there or you cannot create issues in it.", &[]);
        }
        let priorities = ["Highest", "High", "Medium", "Low", "Lowest"];
        let on_screen = FIELDS.iter().map(|f| (*f).to_owned()).chain(self.demanded.iter().cloned());
        let all = on_screen.filter(|f| !self.absent.contains(f)).map(|field| {
            let basic = matches!(field.as_str(), "summary" | "issuetype" | "project");
            let kind = if field.starts_with("customfield_") { "string" } else { field.as_str() };
            let mut meta = json!({
                "fieldId": field, "key": field, "name": field,
                "required": basic || self.demanded.contains(&field),
                "hasDefaultValue": field == "priority", "schema": { "type": kind },
            });
            if field == "priority" {
                let one = |(at, name): (usize, &&str)| {
                    json!({ "id": (at + 1).to_string(), "name": name })
                };
                let all: Vec<_> = priorities.iter().enumerate().map(one).collect();
                meta["allowedValues"] = all.into();
            }
            meta
        });
        Self::paged(ask, "fields", all.collect())
    }

    /// A page: Cloud names its list, Data Center does not.
    fn paged(ask: &Ask<'_>, name: &str, all: Vec<Value>) -> Answer {
        let (start, most) = (ask.number("startAt", 0), ask.number("maxResults", 50));
        if most > 200 {
            return errors(400, "maxResults must be 200 at most", &[]);
        }
        // Few a page, so that a client that reads one page is found out.
        let most = most.min(5);
        let total = all.len();
        let page: Vec<_> = all.into_iter().skip(start).take(most).collect();
        let last = start + page.len() >= total;
        let mut body = json!({ "startAt": start, "maxResults": most, "total": total });
        if ask.cloud {
            body[name] = page.into();
        } else {
            body["values"] = page.into();
            body["isLast"] = last.into();
        }
        Answer::json(200, &body)
    }

    pub(super) fn field_names() -> Answer {
        let one = |name: &&str| {
            json!({
                "id": name, "key": name, "name": name, "custom": false, "orderable": true,
                "navigable": true, "searchable": true, "clauseNames": [name],
                "schema": { "type": "string", "system": name },
            })
        };
        Answer::json(200, &FIELDS.iter().map(one).collect::<Vec<_>>().into())
    }
}
