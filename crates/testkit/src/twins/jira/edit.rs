//! Edits of issues.

use serde_json::{Value, json};
use watchfloor_core::Timestamp;

use super::ask::Ask;
use super::issue::Issue;
use super::workflow::Workflow;
use super::{Jira, document, errors, names, text};
use crate::Answer;

impl Jira {
    pub(super) fn edit(&self, issue: &mut Issue, ask: &Ask<'_>, drops_summary: bool) -> Answer {
        let (fields, update) = (&ask.body["fields"], &ask.body["update"]);
        if let Some(refused) = self.refuse_fields(ask, fields) {
            return refused;
        }
        let both = update.as_object().into_iter().flatten().find(|(f, _)| !fields[f].is_null());
        if let Some((field, _)) = both {
            let why = "Field cannot be set both in fields and in update.";
            return errors(400, "", &[(field, why)]);
        }
        self.set(issue, fields, drops_summary);
        for change in update["labels"].as_array().into_iter().flatten() {
            if let Some(label) = change["add"].as_str() {
                issue.held.labels.push(label.to_owned());
            }
            if let Some(label) = change["remove"].as_str() {
                issue.held.labels.retain(|l| l != label);
            }
        }
        Answer::new(204)
    }

    fn set(&self, issue: &mut Issue, fields: &Value, drops_summary: bool) {
        for (field, value) in fields.as_object().into_iter().flatten() {
            let held = &mut issue.held;
            match field.as_str() {
                "summary" if drops_summary => {}
                "summary" => held.summary = text(value),
                "description" => issue.description = value.clone(),
                "priority" => held.priority = value["name"].as_str().map(str::to_owned),
                "labels" => held.labels = names(value, None),
                "components" => held.components = names(value, Some("name")),
                "assignee" => held.assignee = self.user_of(value).map(|u| u.id.clone()),
                "resolution" => {
                    let by_id = value["id"].as_str().or(value["name"].as_str());
                    held.resolution = by_id.map(str::to_owned);
                }
                _ => drop(issue.custom.insert(field.clone(), value.clone())),
            }
        }
    }

    pub(super) fn assign(&self, issue: &mut Issue, ask: &Ask<'_>) -> Answer {
        let key = if ask.cloud { "accountId" } else { "name" };
        let wanted = json!({ key: ask.body[key] });
        if ask.body[key].is_null() && ask.body.get(key).is_some() {
            issue.held.assignee = None;
            return Answer::new(204);
        }
        match self.user_of(&wanted) {
            Some(user) => issue.held.assignee = Some(user.id.clone()),
            None => return errors(400, "", &[("assignee", "User does not exist.")]),
        }
        Answer::new(204)
    }

    pub(super) fn transition(
        &self,
        issue: &mut Issue,
        workflow: &Workflow,
        ask: &Ask<'_>,
        now: Timestamp,
        drops: bool,
    ) -> Answer {
        // Ids are texts: a number does not fit the schema.
        let Some(id) = ask.body["transition"]["id"].as_str() else {
            return errors(400, "Can not deserialize the transition.", &[]);
        };
        let Some(step) = workflow.step_of(issue, id) else {
            let why = "It seems that you have tried to perform a workflow operation that is not \
                       valid for the current state of this issue.";
            return errors(400, why, &[]);
        };
        let fields = &ask.body["fields"];
        for field in workflow.demands(step) {
            if fields[&field].is_null() {
                let why = format!("{field} is required.");
                return errors(400, "", &[(&field, &why)]);
            }
        }
        if !fields["resolution"].is_null() && !workflow.has_resolution(&fields["resolution"]) {
            return errors(400, "", &[("resolution", "The resolution is not valid.")]);
        }
        for change in ask.body["update"]["comment"].as_array().into_iter().flatten() {
            let body = &change["add"]["body"];
            if let Some((_, why)) = document::refuse(ask, body, self.text_limit) {
                return errors(400, why, &[]);
            }
            issue.say(ask, body, &Value::Null, now);
        }
        if !drops {
            issue.status = step.to.clone();
            self.set(issue, fields, false);
            if !workflow.is_done(&issue.status) {
                issue.held.resolution = None;
            }
        }
        Answer::new(204)
    }
}
