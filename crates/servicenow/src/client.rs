//! The calls, one request each.

use watchfloor_core::{Call, Error, Health, Kind, Outcome, Result};
use watchfloor_http::{Client, Repeat};

use crate::map::TICKET_FIELDS;
use crate::wire::{Answer, NewTask, Record, WorkNote, value};

#[derive(Debug)]
pub(crate) struct Instance {
    http: Client,
    table: String,
}

impl Instance {
    pub(crate) fn new(http: Client, table: String) -> Self {
        Self { http, table }
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    fn path(&self, rest: &str) -> String {
        // v2: an empty list is 200, not the 404 of v1.
        format!("api/now/v2/table/{}{rest}", self.table)
    }

    /// A check's health with what the connection showed.
    pub(crate) fn health(&self, found: Health) -> Health {
        self.http.health(found)
    }

    /// Reads one record: what a check can do without an effect.
    pub(crate) async fn probe(&self, call: &Call) -> Result<()> {
        self.http
            .get(&self.path(""), "servicenow.check")
            .query("sysparm_fields", "sys_id")
            .query("sysparm_limit", "1")
            .read::<Answer<Vec<Record>>>(call)
            .await
            .map(drop)
    }

    pub(crate) async fn create(&self, call: &Call, task: &NewTask<'_>) -> Result<Record> {
        let answer: Answer<Record> = self
            .http
            .post(&self.path(""), "servicenow.create", Repeat::Forbidden)
            .query("sysparm_fields", TICKET_FIELDS)
            .query("sysparm_display_value", "all")
            .query("sysparm_exclude_reference_link", "true")
            .json(task)
            .read(call)
            .await?;
        Ok(answer.result)
    }

    pub(crate) async fn read(&self, call: &Call, id: &str) -> Result<Record> {
        let answer: Answer<Record> = self
            .http
            .get(&self.path(&format!("/{id}")), "servicenow.read")
            .query("sysparm_fields", TICKET_FIELDS)
            .query("sysparm_display_value", "all")
            .query("sysparm_exclude_reference_link", "true")
            .read(call)
            .await?;
        Ok(answer.result)
    }

    /// The records whose `correlation_id` is `key`, oldest first, at most ten.
    pub(crate) async fn find(&self, call: &Call, key: &str) -> Result<Vec<Record>> {
        let query = format!("correlation_id={key}^ORDERBYsys_created_on^ORDERBYsys_id");
        let answer: Answer<Vec<Record>> = self
            .http
            .get(&self.path(""), "servicenow.find")
            .query("sysparm_query", &query)
            .query("sysparm_fields", TICKET_FIELDS)
            .query("sysparm_display_value", "all")
            .query("sysparm_exclude_reference_link", "true")
            .query("sysparm_limit", "10")
            .read(call)
            .await?;
        let all = answer.result.len();
        let with_key: Vec<_> =
            answer.result.into_iter().filter(|r| value(r, "correlation_id") == key).collect();
        if all > 0 && with_key.is_empty() {
            let what = "the instance ignored the condition on correlation_id: it knows no such \
                        column, or hides it from this user";
            return Err(Error::new(Kind::Config, what)
                .with_outcome(Outcome::NotSent)
                .with_operation("servicenow.find"));
        }
        Ok(with_key)
    }

    pub(crate) async fn add_work_note(&self, call: &Call, id: &str, text: &str) -> Result<()> {
        self.http
            .patch(&self.path(&format!("/{id}")), "servicenow.comment", Repeat::Forbidden)
            .query("sysparm_fields", "sys_id")
            .json(&WorkNote { work_notes: text })
            .read::<Answer<Record>>(call)
            .await
            .map(drop)
    }

    /// The texts of all work notes and comments of a record, newest first.
    pub(crate) async fn journal(&self, call: &Call, id: &str) -> Result<Vec<String>> {
        /// More than any incident collects; beyond it the oldest are not read.
        const MOST: &str = "1000";
        let query = format!(
            "element_id={id}^elementINcomments,work_notes^ORDERBYDESCsys_created_on^ORDERBYsys_id"
        );
        let answer: Answer<Vec<Record>> = self
            .http
            .get("api/now/v2/table/sys_journal_field", "servicenow.journal")
            .query("sysparm_query", &query)
            .query("sysparm_fields", "sys_id,element_id,value")
            .query("sysparm_limit", MOST)
            .read(call)
            .await?;
        let ours = answer.result.iter().filter(|r| value(r, "element_id") == id);
        Ok(ours.map(|r| value(r, "value").to_owned()).collect())
    }

    /// The `sys_id` of the one group of this name.
    pub(crate) async fn group(&self, call: &Call, name: &str) -> Result<String> {
        let refuse =
            |what: String| Error::new(Kind::Config, what).with_operation("servicenow.group");
        if name.contains(['^', '\n', '\r']) || name.starts_with("javascript:") {
            return Err(refuse("the group's name cannot stand in a query".to_owned()));
        }
        let answer: Answer<Vec<Record>> = self
            .http
            .get("api/now/v2/table/sys_user_group", "servicenow.group")
            .query("sysparm_query", &format!("name={name}^ORDERBYsys_id"))
            .query("sysparm_fields", "sys_id,name")
            .query("sysparm_limit", "2")
            .read(call)
            .await?;
        let named: Vec<_> = answer.result.iter().filter(|r| value(r, "name") == name).collect();
        match named[..] {
            [group] => Ok(value(group, "sys_id").to_owned()),
            [] => Err(refuse(format!("no group is called {name:?}, or this user may not see it"))),
            _ => Err(refuse(format!("more than one group is called {name:?}; give its sys_id"))),
        }
    }
}
