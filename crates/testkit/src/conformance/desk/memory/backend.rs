use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use watchfloor_core::desk::{Claim, Desk, DeskBackend, Move, Part, Required, Status};
use watchfloor_core::{
    Attachment, Call, Comment, Connector, ConnectorName, Count, DeskCaps, Health, Result, RichText,
    Ticket, TicketDesk, TicketDraft, TicketId, TicketKey, TicketPatch, async_trait, cut,
};

use super::{CAUSE, Change, Keys, MemoryTickets, New, Row, SUMMARY, TEXT, category};

/// An honest backend of [`MemoryTickets`]: with [`Desk`] over it, it keeps every promise that the
/// suite looks at.
pub struct MemoryDesk {
    pub(crate) tickets: Arc<MemoryTickets>,
    name: ConnectorName,
}

impl MemoryDesk {
    /// A backend of this product.
    pub fn new(tickets: Arc<MemoryTickets>) -> Self {
        Self { tickets, name: ConnectorName::new("memory") }
    }

    /// A desk of this product.
    pub fn desk(tickets: Arc<MemoryTickets>) -> Arc<dyn TicketDesk> {
        let clock = Arc::new(tickets.wire.clock.clone());
        Arc::new(Desk::new(Self::new(tickets), clock))
    }

    pub(crate) fn ticket(row: Row) -> Ticket {
        let mut ticket = Ticket::new(row.id.into(), category(row.state));
        ticket.key = Some(TicketKey::given(&row.new.key));
        ticket.state = row.state.to_owned();
        ticket.summary = row.new.summary;
        ticket.body = Some(row.new.body);
        ticket.priority = Some(row.new.priority);
        ticket.created = Some(row.created);
        ticket
    }
}

/// One line within the limit.
fn line(summary: &str) -> String {
    let line = summary.replace(['\n', '\r'], " ");
    cut(&line, SUMMARY, Count::Chars).into_owned()
}

fn text(text: &RichText) -> String {
    cut(&text.to_string(), TEXT, Count::Chars).into_owned()
}

#[async_trait]
impl Connector for MemoryDesk {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, call: &Call) -> Health {
        Health::of(self.tickets.greet(call).await, "it is in memory", "allow it to read")
    }
}

#[async_trait]
impl DeskBackend for MemoryDesk {
    fn capabilities(&self) -> DeskCaps {
        let mut caps = DeskCaps::default();
        caps.attach = true;
        caps.claim = self.tickets.keys == Keys::Unique;
        caps.find_is_consistent = self.tickets.keys != Keys::Lagging;
        caps
    }

    async fn create(&self, call: &Call, draft: &TicketDraft) -> Result<Ticket> {
        let new = New {
            key: draft.key().to_string(),
            summary: line(&draft.summary),
            body: text(&draft.body),
            labels: draft.labels.clone(),
            priority: draft.priority,
        };
        self.tickets.create(call, &new).await.map(Self::ticket)
    }

    async fn lookup(&self, call: &Call, key: &TicketKey) -> Result<Vec<Ticket>> {
        let found = self.tickets.lookup(call, key).await?;
        let ours = found.into_iter().filter(|row| row.new.key == key.as_str());
        Ok(ours.map(Self::ticket).collect())
    }

    async fn claim(&self, call: &Call, key: &TicketKey, owner: &str) -> Result<Claim> {
        if self.tickets.keys != Keys::Claimed {
            return Ok(Claim::NotOffered);
        }
        let holder = self.tickets.claim(call, key, owner).await?;
        Ok(if holder == owner { Claim::Ours } else { Claim::Theirs { owner: holder } })
    }

    async fn read(&self, call: &Call, id: &TicketId) -> Result<Ticket> {
        self.tickets.read(call, id).await.map(Self::ticket)
    }

    async fn read_with(&self, call: &Call, id: &TicketId, fields: &[&str]) -> Result<Ticket> {
        let row = self.tickets.read(call, id).await?;
        let cause = row.cause.clone().filter(|_| fields.contains(&CAUSE.0));
        let mut ticket = Self::ticket(row);
        ticket.fields = cause.into_iter().map(|cause| (CAUSE.0.to_owned(), cause)).collect();
        Ok(ticket)
    }

    async fn comments(&self, call: &Call, id: &TicketId) -> Result<Vec<String>> {
        self.tickets.comments(call, id).await
    }

    async fn add_comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        let mark = format!("\n\n{}", comment.mark());
        let whole = comment.text.to_string();
        let text = cut(&whole, TEXT - mark.len(), Count::Chars);
        self.tickets.add_comment(call, id, &format!("{text}{mark}")).await
    }

    fn fits(&self, part: Part<'_>) -> bool {
        match part {
            Part::Summary(summary) => line(summary).len() == summary.len(),
            Part::Body(body) => text(body) == body.to_string(),
            Part::Comment(comment) => comment.to_string().chars().count() <= TEXT - 40,
            _ => false,
        }
    }

    fn as_held(&self, patch: &TicketPatch) -> TicketPatch {
        let mut held = patch.clone();
        held.summary = patch.summary.as_deref().map(line);
        held.body = patch.body.as_ref().map(|body| RichText::new().text(text(body)));
        held
    }

    async fn write(&self, call: &Call, id: &TicketId, patch: &TicketPatch) -> Result<()> {
        let change = Change {
            summary: patch.summary.clone(),
            body: patch.body.as_ref().map(ToString::to_string),
            priority: patch.priority,
        };
        self.tickets.write(call, id, &change).await
    }

    async fn moves(&self, call: &Call, ticket: &Ticket) -> Result<Vec<Move>> {
        let steps = self.tickets.steps(call, &ticket.id).await?;
        let moves = steps.into_iter().map(|step| {
            let mut way = Move::new(step.id, Status::new(step.to, category(step.to)));
            if step.ends {
                let resolution = Required::new("resolution").is_resolution().or("fixed");
                let resolution = resolution.allows("fixed", "Fixed").allows("dup", "Duplicate");
                way = way.requires(resolution);
            }
            if step.cause { way.requires(Required::new(CAUSE.0)) } else { way }
        });
        Ok(moves.collect())
    }

    async fn take(
        &self,
        call: &Call,
        id: &TicketId,
        step: &Move,
        fields: &BTreeMap<String, String>,
    ) -> Result<()> {
        let value = |name: &str| fields.get(name).cloned();
        self.tickets.take(call, id, &step.id, value).await
    }

    async fn retire(&self, call: &Call, younger: &Ticket, kept: &Ticket) -> Result<()> {
        self.tickets.tie(call, &younger.id, &kept.id).await
    }

    async fn attached(&self, call: &Call, id: &TicketId) -> Result<Option<Vec<(String, u64)>>> {
        self.tickets.files(call, id).await.map(Some)
    }

    async fn attach(&self, call: &Call, id: &TicketId, file: &Attachment) -> Result<()> {
        self.tickets.attach(call, id, &file.name, &file.bytes).await
    }
}

impl fmt::Debug for MemoryDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryDesk")
    }
}
