//! Links between issues and to elsewhere, and properties.

use serde_json::{Value, json};

use super::ask::Ask;
use super::issue::Issue;
use super::{Jira, errors, not_there, text};
use crate::Answer;

const TYPES: [(&str, &str, &str, &str); 2] = [
    ("10002", "Duplicate", "is duplicated by", "duplicates"),
    ("10003", "Relates", "relates to", "relates to"),
];

impl Jira {
    pub(super) fn link(&self, ask: &Ask<'_>) -> Answer {
        let name = text(&ask.body["type"]["name"]);
        if !TYPES.iter().any(|(_, known, ..)| *known == name) {
            return errors(404, &format!("No issue link type with name '{name}' found."), &[]);
        }
        let mut state = self.lock();
        let end = |end: &Value| {
            let by = end["key"].as_str().or(end["id"].as_str()).unwrap_or_default();
            state.issues.iter().position(|i| i.is(by))
        };
        let ends = (end(&ask.body["inwardIssue"]), end(&ask.body["outwardIssue"]));
        let (Some(inward), Some(outward)) = ends else { return not_there() };
        let (from, to) = (&state.issues[inward].held, &state.issues[outward].held);
        let (project, to) = (from.project.clone(), to.id.clone());
        drop(state);
        if !self.may(&project, "LINK_ISSUES") {
            return errors(401, "No Link Issue Permission for issue", &[]);
        }
        state = self.lock();
        let links = &mut state.issues[inward].held.links;
        // A second one like the first is taken and changes nothing.
        if !links.contains(&(name.clone(), to.clone())) {
            links.push((name, to));
        }
        Answer::new(201)
    }

    pub(super) fn link_types(ask: &Ask<'_>) -> Answer {
        let one = |(id, name, inward, outward): (&str, &str, &str, &str)| {
            let link = ask.link(&format!("issueLinkType/{id}"));
            json!({ "id": id, "name": name, "inward": inward, "outward": outward, "self": link })
        };
        Answer::json(200, &json!({ "issueLinkTypes": TYPES.map(one) }))
    }

    pub(super) fn project_property(&self, ask: &Ask<'_>) -> Answer {
        let (project, name) = (ask.segment(1).to_owned(), ask.segment(3).to_owned());
        if !self.projects.iter().any(|p| p.key == project) {
            return errors(404, &format!("No project could be found with key '{project}'."), &[]);
        }
        let reads = ask.operation == "project-property";
        if !reads && !self.may(&project, "ADMINISTER_PROJECTS") {
            return errors(403, "You cannot edit the configuration of this project.", &[]);
        }
        let mut state = self.lock();
        let held = &mut state.project_properties;
        if reads {
            return property_answer(&name, held.get(&(project, name.clone())));
        }
        let body = json!({});
        match refuse_property(&name, ask) {
            Some(refused) => refused,
            None if held.insert((project, name), ask.body.clone()).is_some() => {
                Answer::json(200, &body)
            }
            None => Answer::json(201, &body),
        }
    }
}

impl Issue {
    pub(super) fn property(&mut self, ask: &Ask<'_>) -> Answer {
        let name = ask.segment(3).to_owned();
        if ask.operation == "property" {
            return property_answer(&name, self.properties.get(&name));
        }
        if let Some(refused) = refuse_property(&name, ask) {
            return refused;
        }
        let replaced = self.properties.insert(name, ask.body.clone()).is_some();
        Answer::json(if replaced { 200 } else { 201 }, &json!({}))
    }

    pub(super) fn remote_link(&mut self, ask: &Ask<'_>) -> Answer {
        if ask.body["object"]["url"].as_str().is_none_or(str::is_empty) {
            return errors(400, "", &[("url", "'url' is required.")]);
        }
        let global = ask.body["globalId"].as_str();
        let same = |link: &Value| global.is_some() && link["globalId"].as_str() == global;
        let old = self.remote_links.iter().position(same);
        let at = old.unwrap_or(self.remote_links.len());
        let id = 10_300 + at;
        let mut link = ask.body.clone();
        link["id"] = json!(id);
        match old {
            Some(at) => self.remote_links[at] = link,
            None => self.remote_links.push(link),
        }
        let rest = format!("issue/{}/remotelink/{id}", self.held.id);
        let body = json!({ "id": id, "self": ask.link(&rest) });
        Answer::json(if old.is_some() { 200 } else { 201 }, &body)
    }

    pub(super) fn remote_links(&self, ask: &Ask<'_>) -> Answer {
        let Some(global) = ask.request.param("globalId") else {
            return Answer::json(200, &self.remote_links.clone().into());
        };
        let found = self.remote_links.iter().find(|l| l["globalId"] == global.as_str());
        found.map_or_else(not_there, |link| Answer::json(200, link))
    }
}

fn property_answer(name: &str, value: Option<&Value>) -> Answer {
    match value {
        Some(value) => Answer::json(200, &json!({ "key": name, "value": value })),
        None => errors(404, &format!("The property with key {name} does not exist."), &[]),
    }
}

fn refuse_property(name: &str, ask: &Ask<'_>) -> Option<Answer> {
    if name.chars().count() > 255 {
        return Some(errors(400, "The property key is longer than 255 characters.", &[]));
    }
    let size = ask.request.body.len();
    (ask.request.json().is_none() || size > 32_768)
        .then(|| errors(400, "The value is no JSON of 32768 characters at most.", &[]))
}
