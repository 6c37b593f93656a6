use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;
use watchfloor_core::desk::{DeskBackend, Move, Part};
use watchfloor_core::{
    Attachment, Call, Clock, Comment, Connector, ConnectorName, DeskCaps, Error, Health, Kind,
    Outcome, Result, RichText, Ticket, TicketDraft, TicketId, TicketKey, TicketPatch, async_trait,
};
use watchfloor_http::Client;

use crate::client::Instance;
use crate::config::Options;
use crate::known::{Known, Limits};
use crate::people::People;
use crate::states::States;
use crate::wire::{Fields, Record, value};
use crate::{map, moves};

/// The records of one task table, as a [`DeskBackend`].
#[derive(Debug)]
pub struct Incidents {
    name: ConnectorName,
    base: Url,
    pub(crate) instance: Instance,
    pub(crate) options: Options,
    pub(crate) states: States,
    pub(crate) known: Known,
    people: People,
}

impl Incidents {
    /// Over a client whose base is the instance's URL.
    pub fn new(
        name: ConnectorName,
        base: Url,
        options: Options,
        client: Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            name,
            base,
            instance: Instance::new(client, options.table.clone()),
            states: States::of(&options.table, options.states.clone()),
            known: Known::new(clock, options.comment_as),
            people: People::default(),
            options,
        }
    }

    fn ticket(&self, record: &Record) -> Ticket {
        map::ticket(record, &self.base, self.instance.table(), &self.states)
    }

    async fn limits(&self, call: &Call) -> Result<Arc<Limits>> {
        self.known.limits(call, &self.instance).await
    }

    fn error(&self, kind: Kind, what: String) -> Error {
        Error::new(kind, what).with_outcome(Outcome::NotSent).with_connector(&self.name)
    }

    /// The columns that a draft's record begins with.
    async fn columns(&self, call: &Call, draft: &TicketDraft) -> Result<Fields> {
        let limits = self.limits(call).await?;
        let key = draft.key().as_str();
        // A key that is cut is another key: its ticket would not be found again.
        if key.len() > limits.correlation_id {
            let held = limits.correlation_id;
            let what = format!("correlation_id holds {held} characters, and the key is longer");
            return Err(self.error(Kind::Config, what).with_operation("servicenow.create"));
        }
        let mut fields = self.options.fields.clone();
        let mut set = |name: &str, value: String| drop(fields.insert(name.to_owned(), value));
        set("short_description", map::short_description(&draft.summary, &limits));
        set("description", map::description(&draft.body.to_string(), &limits));
        set("correlation_id", key.to_owned());
        set("correlation_display", "watchfloor".to_owned());
        if let Some(group) = draft.route.as_ref().and_then(|r| r.place.get("group")) {
            set("assignment_group", self.people.group(call, &self.instance, group).await?);
        }
        map::set_priority(&mut fields, draft.priority);
        Ok(fields)
    }

    /// Fields by name as the instance holds them; one that may not be written so is an error.
    fn by_name(&self, fields: &BTreeMap<String, String>, limits: &Limits) -> Result<Fields> {
        for name in fields.keys() {
            if let Some(why) = map::not_by_name(name, limits) {
                let what = format!("the field {name:?} {why}");
                return Err(self.error(Kind::Invalid, what));
            }
        }
        let held = |(name, value): (&String, &String)| (name.clone(), held(name, value, limits));
        Ok(fields.iter().map(held).collect())
    }
}

#[async_trait]
impl Connector for Incidents {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, call: &Call) -> Health {
        self.health(call).await
    }
}

#[async_trait]
impl DeskBackend for Incidents {
    fn capabilities(&self) -> DeskCaps {
        let mut caps = DeskCaps::default();
        caps.attach = true;
        // The Table API reads the table itself; a read replica lags by seconds, which the
        // driver's repeated look-ups outlast.
        caps.find_is_consistent = true;
        caps
    }

    async fn create(&self, call: &Call, draft: &TicketDraft) -> Result<Ticket> {
        let record = self.instance.create(call, &self.columns(call, draft).await?).await?;
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
        self.read_with(call, id, &[]).await
    }

    async fn read_with(&self, call: &Call, id: &TicketId, fields: &[&str]) -> Result<Ticket> {
        let record = match sys_id(id) {
            Ok(id) => self.instance.read(call, id, fields).await?,
            // As people read it to each other.
            Err(_) if is_number(id.as_str()) => {
                self.instance.numbered(call, id.as_str(), fields).await?
            }
            Err(e) => return Err(e),
        };
        let mut ticket = self.ticket(&record);
        for name in fields {
            // A write to it would be dropped without a word.
            let Some(cell) = record.get(*name) else {
                let what = format!("the table has no field {name:?}, or hides it from this user");
                return Err(self.error(Kind::Invalid, what).with_operation("servicenow.read"));
            };
            ticket.fields.insert((*name).to_owned(), cell.value().to_owned());
        }
        Ok(ticket)
    }

    async fn comments(&self, call: &Call, id: &TicketId) -> Result<Vec<String>> {
        self.instance.journal(call, sys_id(id)?).await
    }

    async fn add_comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        let id = sys_id(id)?;
        let text = map::note(comment, &*self.limits(call).await?);
        self.instance.say(call, id, self.options.comment_as, &text).await
    }

    fn fits(&self, part: Part<'_>) -> bool {
        let limits = self.known.limits_now();
        match part {
            Part::Summary(text) => map::summary_fits(text, &limits),
            Part::Body(text) => map::body_fits(text, &limits),
            Part::Comment(text) => map::comment_fits(text, &limits),
            _ => true,
        }
    }

    async fn resolved(&self, call: &Call, patch: &TicketPatch) -> Result<TicketPatch> {
        let limits = self.limits(call).await?;
        let mut patch = patch.clone();
        patch.fields = self.by_name(&patch.fields, &limits)?;
        if let Some(name) = &patch.assignee {
            patch.assignee = Some(self.people.user(call, &self.instance, name).await?);
        }
        Ok(patch)
    }

    fn as_held(&self, patch: &TicketPatch) -> TicketPatch {
        let limits = self.known.limits_now();
        let mut patch = patch.clone();
        patch.summary = patch.summary.map(|text| map::short_description(&text, &limits));
        patch.body = patch
            .body
            .map(|text| RichText::new().text(map::description(&text.to_string(), &limits)));
        patch
    }

    async fn write(&self, call: &Call, id: &TicketId, patch: &TicketPatch) -> Result<()> {
        let id = sys_id(id)?;
        let limits = self.limits(call).await?;
        let mut fields = self.by_name(&patch.fields, &limits)?;
        if let Some(text) = &patch.summary {
            let text = map::short_description(text, &limits);
            fields.insert("short_description".to_owned(), text);
        }
        if let Some(text) = &patch.body {
            let text = map::description(&text.to_string(), &limits);
            fields.insert("description".to_owned(), text);
        }
        if let Some(priority) = patch.priority {
            map::set_priority(&mut fields, priority);
        }
        if let Some(name) = &patch.assignee {
            let user = self.people.user(call, &self.instance, name).await?;
            fields.insert("assigned_to".to_owned(), user);
        }
        self.instance.patch(call, "servicenow.update", id, &fields).await
    }

    async fn moves(&self, call: &Call, ticket: &Ticket) -> Result<Vec<Move>> {
        let choices = self.known.choices(call, &self.instance, &self.states).await?;
        for state in choices.states.iter().filter(|s| !self.states.is_known(s)) {
            tracing::warn!(
                connector = %self.name, state,
                "a state of which nothing is known counts as in progress; name it under `states`"
            );
        }
        Ok(moves::steps(&ticket.state, &self.states, &choices, &self.options))
    }

    async fn take(
        &self,
        call: &Call,
        id: &TicketId,
        step: &Move,
        fields: &BTreeMap<String, String>,
    ) -> Result<()> {
        let id = sys_id(id)?;
        let mut fields = self.by_name(fields, &*self.limits(call).await?)?;
        fields.insert("state".to_owned(), step.to.id.clone());
        self.instance.patch(call, "servicenow.move", id, &fields).await
    }

    async fn retire(&self, call: &Call, younger: &Ticket, kept: &Ticket) -> Result<()> {
        let parent = match self.instance.table() {
            "incident" => "parent_incident",
            "sn_si_incident" => "parent_security_incident",
            _ => "parent",
        };
        let (id, kept) = (sys_id(&younger.id)?, sys_id(&kept.id)?);
        let fields = Fields::from([(parent.to_owned(), kept.to_owned())]);
        self.instance.patch(call, "servicenow.retire", id, &fields).await
    }

    async fn attached(&self, call: &Call, id: &TicketId) -> Result<Option<Vec<(String, u64)>>> {
        self.instance.files(call, sys_id(id)?).await.map(Some)
    }

    async fn attach(&self, call: &Call, id: &TicketId, file: &Attachment) -> Result<()> {
        self.instance.attach(call, sys_id(id)?, file).await
    }
}

/// A value as its column holds it.
fn held(name: &str, text: &str, limits: &Limits) -> String {
    match name {
        "close_notes" => {
            let text = map::inert(text);
            watchfloor_core::cut(&text, limits.close_notes, watchfloor_core::Count::Utf16)
                .into_owned()
        }
        _ => text.to_owned(),
    }
}

/// Letters and then digits: `INC0010023`.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_uppercase());
    digits.len() < text.len()
        && (4..=40).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
}

/// An id that may stand in a path and in a query.
fn sys_id(id: &TicketId) -> Result<&str> {
    let text = id.as_str();
    if text.len() == 32 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(text);
    }
    Err(Error::new(Kind::Invalid, "a ServiceNow ticket id is a sys_id of 32 characters"))
}
