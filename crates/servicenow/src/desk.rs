use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use url::Url;
use watchfloor_core::desk::DeskBackend;
use watchfloor_core::{
    Call, Comment, Connector, ConnectorName, DeskCaps, Error, Health, Kind, Outcome, Result,
    Ticket, TicketDraft, TicketId, TicketKey, async_trait,
};
use watchfloor_http::Client;

use crate::client::Instance;
use crate::map;
use crate::wire::{NewTask, value};

/// The records of one task table, as a [`DeskBackend`].
#[derive(Debug)]
pub struct Incidents {
    name: ConnectorName,
    base: Url,
    instance: Instance,
    /// `sys_id`s of groups by name. Few, and stable for the life of the process.
    groups: Mutex<HashMap<String, String>>,
}

impl Incidents {
    /// Over a client whose base is the instance's URL.
    pub fn new(name: ConnectorName, base: Url, table: String, client: Client) -> Self {
        let instance = Instance::new(client, table);
        Self { name, base, instance, groups: Mutex::default() }
    }

    /// The group's `sys_id`: as it is if it is one, else looked up by name once.
    async fn group(&self, call: &Call, group: &str) -> Result<String> {
        if group.len() == 32 && group.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(group.to_owned());
        }
        let known = self.groups.lock().unwrap_or_else(PoisonError::into_inner).get(group).cloned();
        if let Some(id) = known {
            return Ok(id);
        }
        let id = self.instance.group(call, group).await?;
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.insert(group.to_owned(), id.clone());
        Ok(id)
    }

    fn ticket(&self, record: &crate::wire::Record) -> Ticket {
        map::ticket(record, &self.base, self.instance.table())
    }
}

#[async_trait]
impl Connector for Incidents {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, call: &Call) -> Health {
        let seen = format!("a record of {} was read", self.instance.table());
        let grant = "give the user read and write on the table, such as the role sn_incident_write";
        self.instance.health(Health::of(self.instance.probe(call).await, &seen, grant))
    }
}

#[async_trait]
impl DeskBackend for Incidents {
    fn capabilities(&self) -> DeskCaps {
        let mut caps = DeskCaps::default();
        // The Table API reads the table itself; a read replica lags by seconds, which the
        // driver's repeated look-ups outlast.
        caps.find_is_consistent = true;
        caps
    }

    async fn create(&self, call: &Call, draft: &TicketDraft) -> Result<Ticket> {
        let route = draft.route.as_ref();
        let group = match route.and_then(|r| r.place.get("group")) {
            Some(group) => Some(self.group(call, group).await?),
            None => None,
        };
        let (impact, urgency) = map::impact_urgency(draft.priority);
        let task = NewTask {
            short_description: &map::short_description(&draft.summary),
            description: &map::description(&draft.body.to_string()),
            impact,
            urgency,
            correlation_id: draft.key().as_str(),
            correlation_display: "watchfloor",
            assignment_group: group.as_deref(),
        };
        let record = self.instance.create(call, &task).await?;
        let id = value(&record, "sys_id");
        if id.is_empty() {
            return Err(Error::new(Kind::Protocol, "the created record has no sys_id")
                .with_outcome(Outcome::Unknown)
                .with_operation("servicenow.create"));
        }
        if value(&record, "correlation_id") != draft.key().as_str() {
            tracing::warn!(
                connector = %self.name,
                "the instance did not keep correlation_id: this ticket will not be found again"
            );
        }
        Ok(self.ticket(&record))
    }

    async fn lookup(&self, call: &Call, key: &TicketKey) -> Result<Vec<Ticket>> {
        let records = self.instance.find(call, key.as_str()).await?;
        Ok(records.iter().map(|r| self.ticket(r)).collect())
    }

    async fn read(&self, call: &Call, id: &TicketId) -> Result<Ticket> {
        let record = self.instance.read(call, sys_id(id)?).await?;
        Ok(self.ticket(&record))
    }

    async fn comments(&self, call: &Call, id: &TicketId) -> Result<Vec<String>> {
        self.instance.journal(call, sys_id(id)?).await
    }

    async fn add_comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        // The marker's brackets are ours; only what came in is made inert.
        let text = map::inert(&comment.marked().to_string());
        self.instance.add_work_note(call, sys_id(id)?, &text).await
    }
}

/// An id that may stand in a path and in a query.
fn sys_id(id: &TicketId) -> Result<&str> {
    let text = id.as_str();
    if text.len() == 32 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(text);
    }
    Err(Error::new(Kind::Invalid, "a ServiceNow ticket id is a sys_id of 32 characters"))
}
