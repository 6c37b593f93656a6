use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use watchfloor_core::desk::{Claim, DeskBackend, Move, Part};
use watchfloor_core::{
    Attachment, Call, Comment, Connector, ConnectorName, DeskCaps, Error, Health, Kind, Outcome,
    Result, RichText, Ticket, TicketDraft, TicketId, TicketKey, TicketPatch, async_trait,
};

use crate::check;
use crate::client::{Found, Site, duplicate, not_sent};
use crate::config::{Options, is_field};
use crate::dialect::Flavor;
use crate::map::{self, FIND_FIELDS};
use crate::people::People;
use crate::screen::{Screen, Screens};
use crate::steps::Steps;
use crate::text;
use crate::wire::{Issue, KeyValue, Marked, NewComment, NewIssue, PROPERTY, Property};

/// The issues of a site, as a [`DeskBackend`].
#[derive(Debug)]
pub struct Issues {
    name: ConnectorName,
    pub(crate) site: Site,
    pub(crate) options: Options,
    pub(crate) screens: Screens,
    people: People,
    steps: Steps,
    /// Keys that another claimed at the same moment as we did.
    lost: Mutex<Vec<TicketKey>>,
}

impl Issues {
    pub(crate) fn new(name: ConnectorName, site: Site, options: Options) -> Self {
        Self {
            name,
            site,
            options,
            screens: Screens::default(),
            people: People::default(),
            steps: Steps::default(),
            lost: Mutex::default(),
        }
    }

    fn ticket(&self, issue: &Issue, found: &Found, asked: &[&str]) -> Ticket {
        let browse = found.browse.as_ref();
        let priorities = &self.options.priorities;
        let mut ticket = map::ticket(issue, found.flavor, priorities, browse, asked);
        ticket.assignee = ticket.assignee.map(|id| self.people.word(id));
        ticket
    }

    /// The fields of a new issue: those that are asked for, without those that cannot be set.
    fn fields(
        &self,
        draft: &TicketDraft,
        flavor: Flavor,
        project: &str,
        screen: &Screen,
    ) -> Result<Map<String, Value>> {
        let options = &self.options;
        let place = draft.route.as_ref().map(|route| &route.place);
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        set("project", json!({ "key": project }));
        set("issuetype", json!({ "name": options.issue_type }));
        set("summary", json!(text::summary(&draft.summary)));
        let may = |field: &str| screen.as_ref().is_none_or(|s| s.contains_key(field));
        if !draft.body.is_empty() && self.settable(may("description"), "description", project) {
            set("description", text::render(flavor, &draft.body, None, options.limit));
        }
        if may("labels") {
            set("labels", json!(map::labels(draft)));
        } else if options.has_store || options.claim {
            tracing::warn!(
                connector = self.name.as_str(),
                project,
                "labels are not on the screen: no other process can find this ticket by its key"
            );
        } else {
            let what = "the field labels is not on this project's screen, and without it and \
                        without a store nobody finds the ticket again: put it there, or give the \
                        program a store ([state] path)";
            return Err(Error::new(Kind::Config, what)
                .with_outcome(Outcome::NotSent)
                .with_operation("jira.create")
                .with("project", project));
        }
        let priority = options.priorities.name(draft.priority);
        let known = screen.as_ref().and_then(|s| s.get("priority")).is_none_or(|meta| {
            meta.allowed.is_empty() || meta.allowed.iter().any(|a| a["name"] == priority)
        });
        if self.settable(may("priority") && known, "priority", project) {
            set("priority", json!({ "name": priority }));
        }
        if let Some(component) = place.and_then(|place| place.get("component"))
            && self.settable(may("components"), "components", project)
        {
            set("components", json!([{ "name": component }]));
        }
        for (name, value) in &options.fields {
            let meta = screen.as_ref().and_then(|s| s.get(name));
            if self.settable(may(name), name, project) {
                set(name, map::typed(flavor, meta, options.limit, value));
            }
        }
        Ok(fields)
    }

    fn lost(&self) -> MutexGuard<'_, Vec<TicketKey>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_lost(&self, key: &TicketKey) {
        let mut keys = self.lost();
        if keys.len() >= 10_000 {
            keys.clear();
        }
        keys.push(key.clone());
    }

    /// Says so where a field is left out. A ticket without it is better than none.
    fn settable(&self, may: bool, field: &str, project: &str) -> bool {
        if !may {
            tracing::warn!(
                connector = self.name.as_str(),
                project,
                field,
                "this field cannot be set here and is left out"
            );
        }
        may
    }
}

#[async_trait]
impl Connector for Issues {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, call: &Call) -> Health {
        self.site.health(check::look(self, call).await)
    }
}

#[async_trait]
impl DeskBackend for Issues {
    fn capabilities(&self) -> DeskCaps {
        let mut caps = DeskCaps::default();
        caps.attach = true;
        caps
    }

    async fn create(&self, call: &Call, draft: &TicketDraft) -> Result<Ticket> {
        let found = self.site.found(call).await?;
        let place = draft.route.as_ref().map(|route| &route.place);
        let project = place.and_then(|place| place.get("project"));
        let project = project.map_or(&*self.options.project, String::as_str);
        let kind = &self.options.issue_type;
        let screen = self.screens.of(&self.site, call, project, kind).await?;
        let value = KeyValue { key: draft.key().as_str(), v: 1 };
        let issue = NewIssue {
            fields: self.fields(draft, found.flavor, project, &screen)?,
            properties: [Property { key: PROPERTY, value }],
        };
        let created = self.site.create(call, &issue).await?;
        let mut ticket = draft.opened_as(TicketId::new(created.id));
        ticket.place.entry("project".to_owned()).or_insert_with(|| project.to_owned());
        map::name(&mut ticket, &created.key, found.browse.as_ref());
        Ok(ticket)
    }

    async fn lookup(&self, call: &Call, key: &TicketKey) -> Result<Vec<Ticket>> {
        let found = self.site.found(call).await?;
        let issues = self.site.find(call, key).await?;
        let of_key = |issue| {
            let mut ticket = self.ticket(issue, &found, &[]);
            ticket.key = Some(key.clone());
            ticket
        };
        Ok(issues.iter().map(of_key).collect())
    }

    async fn read(&self, call: &Call, id: &TicketId) -> Result<Ticket> {
        self.read_with(call, id, &[]).await
    }

    async fn read_with(&self, call: &Call, id: &TicketId, fields: &[&str]) -> Result<Ticket> {
        let id = issue_id(id)?;
        if let Some(bad) = fields.iter().find(|f| !is_field(f)) {
            return Err(invalid(format!("{bad:?} is no id of a field")));
        }
        let found = self.site.found(call).await?;
        let all: Vec<&str> = FIND_FIELDS
            .iter()
            .copied()
            .chain(["description"])
            .chain(fields.iter().copied())
            .collect();
        let issue = self.site.read(call, id, &all).await?;
        Ok(self.ticket(&issue, &found, fields))
    }

    async fn comments(&self, call: &Call, id: &TicketId) -> Result<Vec<String>> {
        let flavor = self.site.found(call).await?.flavor;
        let bodies = self.site.comments(call, issue_id(id)?).await?;
        Ok(bodies.iter().map(|body| text::plain(flavor, body)).collect())
    }

    async fn add_comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        let flavor = self.site.found(call).await?.flavor;
        let mark = comment.mark();
        let value = Marked { marker: comment.marker.as_str() };
        let new = NewComment {
            body: text::render(flavor, &comment.text, Some(&mark), self.options.limit),
            // Data Center's comments have no properties of their own.
            properties: (flavor == Flavor::Cloud).then_some([Property { key: PROPERTY, value }]),
        };
        self.site.add_comment(call, issue_id(id)?, &new).await
    }

    async fn claim(&self, call: &Call, key: &TicketKey, owner: &str) -> Result<Claim> {
        if !self.options.claim {
            return Ok(Claim::NotOffered);
        }
        let theirs = |owner: String| Ok(Claim::Theirs { owner });
        if self.lost().contains(key) {
            return theirs("another process, at the same moment".to_owned());
        }
        let project = &self.options.project;
        match self.site.claimed(call, project, key).await.map_err(not_sent)? {
            Some(held) if held == owner => return Ok(Claim::Ours),
            Some(held) => return theirs(held),
            None => {}
        }
        if self.site.set_claim(call, project, key, owner).await.map_err(not_sent)? {
            return Ok(Claim::Ours);
        }
        // Another was first, and its name is overwritten: ours must not stand there as if we had
        // been, so the claim is nobody's from now on.
        self.note_lost(key);
        self.site.set_claim(call, project, key, "contested").await.map_err(not_sent)?;
        theirs("another process, at the same moment".to_owned())
    }

    fn fits(&self, part: Part<'_>) -> bool {
        match part {
            Part::Summary(line) => text::summary_fits(line),
            Part::Body(text) => self.options.limit.fits(text, ""),
            Part::Comment(text) => self.options.limit.fits(text, "[wf:0123456789abcdef01234567]"),
            _ => true,
        }
    }

    fn as_held(&self, patch: &TicketPatch) -> TicketPatch {
        let mut held = patch.clone();
        held.summary = held.summary.map(|line| text::summary(&line));
        held.assignee = held.assignee.map(|who| self.people.word(who));
        let whole = |body: RichText| self.options.limit.shorten(&body, "").into_owned();
        held.body = held.body.map(whole);
        held
    }

    async fn write(&self, call: &Call, id: &TicketId, patch: &TicketPatch) -> Result<()> {
        let (id, options) = (issue_id(id)?, &self.options);
        let flavor = self.site.found(call).await?.flavor;
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        if let Some(summary) = &patch.summary {
            set("summary", json!(text::summary(summary)));
        }
        if let Some(body) = &patch.body {
            set("description", text::render(flavor, body, None, options.limit));
        }
        if let Some(priority) = patch.priority {
            set("priority", json!({ "name": options.priorities.name(priority) }));
        }
        match patch.assignee.as_deref() {
            Some("") => set("assignee", Value::Null),
            Some(word) => {
                let project = &options.project;
                let id = self.people.id(&self.site, call, flavor, project, word).await?;
                set("assignee", flavor.user(&id));
            }
            None => {}
        }
        for (name, value) in &patch.fields {
            if name == "labels" {
                return Err(invalid("labels are people's too, and are not overwritten".to_owned()));
            }
            let meta = self.screens.field(&options.project, name);
            set(name, map::typed(flavor, meta.as_ref(), options.limit, value));
        }
        self.site.edit(call, id, &json!({ "fields": fields })).await
    }

    async fn moves(&self, call: &Call, ticket: &Ticket) -> Result<Vec<Move>> {
        let all = self.site.transitions(call, issue_id(&ticket.id)?).await?;
        Ok(self.steps.told(all, &self.options))
    }

    async fn take(
        &self,
        call: &Call,
        id: &TicketId,
        step: &Move,
        fields: &BTreeMap<String, String>,
    ) -> Result<()> {
        let id = issue_id(id)?;
        let flavor = self.site.found(call).await?.flavor;
        self.site.take(call, id, &self.steps.body(step, fields, flavor, &self.options)).await
    }

    async fn retire(&self, call: &Call, younger: &Ticket, kept: &Ticket) -> Result<()> {
        let ends = (issue_id(&younger.id)?, issue_id(&kept.id)?);
        self.site.link(call, &duplicate(&self.options.duplicate_link, ends.0, ends.1)).await
    }

    async fn attached(&self, call: &Call, id: &TicketId) -> Result<Option<Vec<(String, u64)>>> {
        let issue = self.site.read(call, issue_id(id)?, &["attachment"]).await?;
        let files = issue.fields.attachment;
        Ok(files.map(|files| files.into_iter().map(|f| (f.filename, f.size)).collect()))
    }

    async fn attach(&self, call: &Call, id: &TicketId, file: &Attachment) -> Result<()> {
        let id = issue_id(id)?;
        let takes = self.site.uploads(call).await?;
        let refused = |kind, what: String| {
            Err(Error::new(kind, what).with_outcome(Outcome::NotSent).with_operation("jira.attach"))
        };
        if !takes.enabled {
            return refused(Kind::Unsupported, "this site takes no files".to_owned());
        }
        if file.bytes.len() as u64 > takes.limit {
            let what =
                format!("the file is larger than this site's limit of {} bytes", takes.limit);
            return refused(Kind::TooLarge, what);
        }
        self.site.attach(call, id, file).await
    }
}

/// An id that may stand in a path: a number, or a key such as `SEC-7`.
fn issue_id(id: &TicketId) -> Result<&str> {
    let text = id.as_str();
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !text.is_empty() && text.bytes().all(word) {
        return Ok(text);
    }
    Err(invalid("a Jira ticket id is a number or a key such as SEC-7".to_owned()))
}

fn invalid(what: String) -> Error {
    Error::new(Kind::Invalid, what).with_outcome(Outcome::NotSent)
}
