//! Users and what they may do.

use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::{Jira, errors};
use crate::Answer;

#[derive(Clone, Debug)]
pub(super) struct User {
    /// `accountId` on Cloud, name on Data Center.
    pub(super) id: String,
    name: String,
    address: String,
}

impl User {
    pub(super) fn new(id: &str, name: &str, address: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), address: address.to_owned() }
    }

    pub(super) fn json(&self, cloud: bool) -> Value {
        let mut user = json!({
            "self": "https://twin.example/rest/api/2/user", "displayName": self.name,
            "emailAddress": self.address, "active": true,
        });
        if cloud {
            user["accountId"] = json!(self.id);
            user["accountType"] = json!("atlassian");
        } else {
            user["name"] = json!(self.id);
            user["key"] = json!(format!("JIRAUSER-{}", self.id));
        }
        user
    }
}

impl Jira {
    /// The user that a field names in this site's way.
    pub(super) fn user_of(&self, field: &Value) -> Option<&User> {
        let on_cloud = || field["accountId"].as_str().or(field["id"].as_str());
        let id = if self.cloud { on_cloud() } else { field["name"].as_str() }?;
        self.users.iter().find(|u| u.id == id)
    }

    pub(super) fn found_users(&self, ask: &Ask<'_>) -> Answer {
        let key = if self.cloud { "query" } else { "username" };
        let Some(wanted) = ask.request.param(key).or(ask.request.param("accountId")) else {
            return errors(400, &format!("The {key} query parameter was not provided"), &[]);
        };
        let wanted = wanted.to_lowercase();
        let hit = |u: &&User| {
            let words = [&u.id, &u.name, &u.address];
            words.iter().any(|w| w.to_lowercase().starts_with(&wanted))
        };
        let found: Vec<_> = self.users.iter().filter(hit).map(|u| u.json(self.cloud)).collect();
        Answer::json(200, &found.into())
    }

    pub(super) fn permissions(&self, ask: &Ask<'_>) -> Answer {
        let project = ask.request.param("projectKey").unwrap_or_default();
        if !self.projects.iter().any(|p| p.key == project) {
            let why = format!("No project could be found with key '{project}'.");
            return errors(404, &why, &[]);
        }
        let names = ask.request.param("permissions").unwrap_or_default();
        let one = |name: &str| {
            let have = self.may(&project, name);
            (name.to_owned(), json!({ "key": name, "havePermission": have }))
        };
        let permissions: Map<_, _> = names.split(',').map(one).collect();
        Answer::json(200, &json!({ "permissions": permissions }))
    }
}
