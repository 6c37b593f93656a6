//! The workflow that every issue of the site follows.

use serde_json::{Value, json};

use super::ask::Ask;
use super::issue::Issue;
use super::text;
use crate::Answer;

/// Statuses and the steps between them.
#[derive(Clone, Debug)]
pub struct Workflow {
    statuses: Vec<Status>,
    steps: Vec<Step>,
    /// Ids and names of the resolutions.
    resolutions: Vec<(String, String)>,
    /// The resolution that stands in the form before anybody chooses.
    preset: Option<String>,
}

#[derive(Clone, Debug)]
struct Status {
    id: String,
    name: String,
    /// `new`, `indeterminate` or `done`.
    category: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    id: String,
    name: String,
    /// The status that it leaves; any without one.
    from: Option<String>,
    pub(super) to: String,
    fields: Vec<String>,
}

impl Default for Workflow {
    /// To Do, In Progress and Done; the step to Done demands a resolution.
    fn default() -> Self {
        Self::empty()
            .status("1", "To Do", "new")
            .status("3", "In Progress", "indeterminate")
            .status("10002", "Done", "done")
            .step("11", "Start", Some("1"), "3")
            .step("21", "Finish", Some("3"), "10002")
            .demands_in("resolution")
            .step("31", "Stop", Some("3"), "1")
            .step("41", "Reopen", Some("10002"), "1")
            .resolution("10000", "Done")
            .resolution("10001", "Won't Do")
            .resolution("10002", "Duplicate")
    }
}

impl Workflow {
    /// A workflow without a status.
    pub fn empty() -> Self {
        Self { statuses: Vec::new(), steps: Vec::new(), resolutions: Vec::new(), preset: None }
    }

    /// The usual one with its names in Japanese. No resolution is called `Done`; one is set before
    /// anybody chooses.
    pub fn japanese() -> Self {
        let mut workflow = Self::default();
        for (status, name) in workflow.statuses.iter_mut().zip(["作業前", "作業中", "完了済み"])
        {
            name.clone_into(&mut status.name);
        }
        for (step, name) in workflow.steps.iter_mut().zip(["開始", "終了", "中止", "再開"])
        {
            name.clone_into(&mut step.name);
        }
        for (own, name) in workflow.resolutions.iter_mut().zip(["完了", "対応しない", "重複"])
        {
            name.clone_into(&mut own.1);
        }
        workflow.preset = Some("10000".to_owned());
        workflow
    }

    /// One in which no step leads anywhere.
    pub fn stuck() -> Self {
        Self { steps: Vec::new(), ..Self::default() }
    }

    /// With a status; the first is that of new issues. Its category is `new`, `indeterminate` or
    /// `done`.
    pub fn status(mut self, id: &str, name: &str, category: &'static str) -> Self {
        self.statuses.push(Status { id: id.to_owned(), name: name.to_owned(), category });
        self
    }

    /// With a step, from a status or from any.
    pub fn step(mut self, id: &str, name: &str, from: Option<&str>, to: &str) -> Self {
        self.steps.push(Step {
            id: id.to_owned(),
            name: name.to_owned(),
            from: from.map(str::to_owned),
            to: to.to_owned(),
            fields: Vec::new(),
        });
        self
    }

    /// The step that was added last demands this field.
    pub fn demands_in(mut self, field: &str) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.fields.push(field.to_owned());
        }
        self
    }

    /// Every step that ends an issue demands this field too.
    pub fn demands_at_the_end(mut self, field: &str) -> Self {
        let done: Vec<_> = self.steps.iter().map(|s| self.is_done(&s.to)).collect();
        for (step, _) in self.steps.iter_mut().zip(done).filter(|(_, done)| *done) {
            step.fields.push(field.to_owned());
        }
        self
    }

    /// With a resolution.
    pub fn resolution(mut self, id: &str, name: &str) -> Self {
        self.resolutions.push((id.to_owned(), name.to_owned()));
        self
    }

    pub(super) fn first(&self) -> String {
        self.statuses.first().map(|s| s.id.clone()).unwrap_or_default()
    }

    pub(super) fn category(&self, status: &str) -> &'static str {
        self.statuses.iter().find(|s| s.id == status).map_or("new", |s| s.category)
    }

    pub(super) fn is_done(&self, status: &str) -> bool {
        self.category(status) == "done"
    }

    pub(super) fn has_resolution(&self, value: &Value) -> bool {
        let (id, name) = (text(&value["id"]), text(&value["name"]));
        self.resolutions.iter().any(|r| r.0 == id || r.1 == name)
    }

    /// The name of a resolution that is held by id or name.
    pub(super) fn resolution_of(&self, held: &str) -> Value {
        let found = self.resolutions.iter().find(|r| r.0 == held || r.1 == held);
        let (id, name) = found.map_or((held, held), |(id, name)| (id.as_str(), name.as_str()));
        json!({ "id": id, "name": name })
    }

    pub(super) fn status_json(&self, ask: &Ask<'_>, id: &str) -> Value {
        let name = self.statuses.iter().find(|s| s.id == id).map_or("", |s| s.name.as_str());
        let key = self.category(id);
        let (number, word) = match key {
            "done" => (3, "Done"),
            "indeterminate" => (4, "In Progress"),
            _ => (2, "To Do"),
        };
        json!({
            "self": ask.link(&format!("status/{id}")), "name": name, "id": id,
            "statusCategory": {
                "self": ask.link(&format!("statuscategory/{number}")), "id": number, "key": key,
                "name": word,
            },
        })
    }

    pub(super) fn step_of(&self, issue: &Issue, id: &str) -> Option<&Step> {
        self.steps_of(issue).find(|step| step.id == id)
    }

    pub(super) fn demands(&self, step: &Step) -> Vec<String> {
        // What is set before anybody chooses is there.
        let preset = |f: &&String| *f != "resolution" || self.preset.is_none();
        step.fields.iter().filter(preset).cloned().collect()
    }

    fn steps_of(&self, issue: &Issue) -> impl Iterator<Item = &Step> {
        let status = issue.status.clone();
        self.steps.iter().filter(move |s| s.from.as_ref().is_none_or(|from| *from == status))
    }

    pub(super) fn list(&self, issue: &Issue, ask: &Ask<'_>) -> Answer {
        let with_fields =
            ask.request.param("expand").is_some_and(|e| e.contains("transitions.fields"));
        let one = |step: &Step| {
            let mut told = json!({
                "id": step.id, "name": step.name, "hasScreen": !step.fields.is_empty(),
                "isGlobal": step.from.is_none(), "isInitial": false, "isConditional": false,
                "to": self.status_json(ask, &step.to),
            });
            if ask.cloud {
                told["isAvailable"] = json!(true);
            }
            if with_fields {
                told["fields"] = json!({});
                for field in &step.fields {
                    told["fields"][field] = self.field(field);
                }
            }
            told
        };
        let all: Vec<_> = self.steps_of(issue).map(one).collect();
        Answer::json(200, &json!({ "expand": "transitions", "transitions": all }))
    }

    fn field(&self, field: &str) -> Value {
        if field != "resolution" {
            return json!({
                "required": true, "name": field, "key": field, "hasDefaultValue": false,
                "schema": { "type": "string" },
            });
        }
        let one = |(id, name): &(String, String)| json!({ "id": id, "name": name });
        let all: Vec<_> = self.resolutions.iter().map(one).collect();
        let mut meta = json!({
            "required": true, "name": "Resolution", "key": "resolution",
            "schema": { "type": "resolution", "system": "resolution" },
            "hasDefaultValue": self.preset.is_some(), "allowedValues": all,
        });
        if let Some(preset) = &self.preset {
            meta["defaultValue"] = json!({ "id": preset });
        }
        meta
    }
}
