//! Backends with a flaw, under the honest driver.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use watchfloor_core::desk::{Desk, DeskBackend, Move, Part};
use watchfloor_core::{
    Attachment, Call, Clock as _, Comment, Connector, ConnectorName, DeskCaps, Health, Result,
    RichText, StatusCategory, Ticket, TicketDesk, TicketDraft, TicketId, TicketKey, TicketPatch,
    Timestamp, async_trait,
};

use crate::conformance::desk::memory::{Change, New};
use crate::conformance::wire::Refusal;
use crate::conformance::{MemoryDesk, MemoryDeskWorld, MemoryTickets};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Below {
    BelievesStrangers,
    ChangesFiles,
    CutsBytes,
    CutsKeys,
    CutsTheMark,
    DoneByResolution,
    FindsNothingInAnError,
    ForgetsTheKey,
    ForgetsTheWhole,
    IgnoresRetryAfter,
    KnowsAscii,
    KnowsFilesByName,
    KnowsNoDemand,
    MintsKeys,
    MovesByName,
    ObeysForEver,
    OverwritesAll,
    QuotesTheText,
    ReadsHalfComments,
    SeesOneTicket,
    SendsLines,
    ShowsTheSecret,
    TakesMarkup,
    TriesTheCredentialAgain,
    TurnsTime,
    WritesToCheck,
}

struct Backend {
    flaw: Below,
    honest: MemoryDesk,
    /// A create was tried.
    tried: AtomicBool,
}

pub(super) fn desk(flaw: Below, tickets: Arc<MemoryTickets>) -> Arc<dyn TicketDesk> {
    let clock = Arc::new(tickets.clock().clone());
    let honest = MemoryDesk::new(tickets);
    Arc::new(Desk::new(Backend { flaw, honest, tried: AtomicBool::new(false) }, clock))
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.flaw == Below::ShowsTheSecret { MemoryDeskWorld::SECRET } else { "" };
        write!(f, "Backend({shown})")
    }
}

impl Backend {
    fn tickets(&self) -> &MemoryTickets {
        &self.honest.tickets
    }

    /// A new ticket as a careless backend writes it.
    fn new_ticket(draft: &TicketDraft) -> New {
        New {
            key: draft.key().to_string(),
            summary: draft.summary.clone(),
            body: draft.body.to_string(),
            labels: draft.labels.clone(),
            priority: draft.priority,
        }
    }

    /// A look-up that knows what each refusal is, and does the wrong thing about one.
    async fn crude(&self, call: &Call, key: &TicketKey) -> Result<Vec<Ticket>> {
        for _ in 0..20 {
            match (self.tickets().look(key).await, self.flaw) {
                (Ok(rows), _) => return Ok(rows.into_iter().map(MemoryDesk::ticket).collect()),
                (Err(Refusal::Later(Some(wait))), Below::IgnoresRetryAfter)
                    if wait < Duration::from_secs(60) => {}
                (Err(Refusal::Later(Some(wait))), Below::ObeysForEver) => {
                    self.tickets().clock().pause(wait).await;
                }
                (Err(Refusal::Credential), Below::TriesTheCredentialAgain) => {}
                _ => break,
            }
        }
        self.honest.lookup(call, key).await
    }
}

/// Cut where the bytes end, and read as far as it can be.
fn bytes(text: &str, most: usize) -> String {
    String::from_utf8_lossy(&text.as_bytes()[..text.len().min(most)]).into_owned()
}

#[async_trait]
impl Connector for Backend {
    fn name(&self) -> &ConnectorName {
        self.honest.name()
    }

    async fn check(&self, call: &Call) -> Health {
        if self.flaw == Below::WritesToCheck {
            let _ = self.tickets().create(call, &New::default()).await;
        }
        self.honest.check(call).await
    }
}

#[async_trait]
impl DeskBackend for Backend {
    fn capabilities(&self) -> DeskCaps {
        self.honest.capabilities()
    }

    async fn create(&self, call: &Call, draft: &TicketDraft) -> Result<Ticket> {
        let mut new = Self::new_ticket(draft);
        match self.flaw {
            Below::CutsBytes => {
                // So few that they are within every limit.
                (new.summary, new.body) = (bytes(&new.summary, 100), bytes(&new.body, 2000));
            }
            Below::CutsKeys => new.key.truncate(20),
            Below::KnowsAscii => {
                new.summary = new.summary.replace(|c: char| !c.is_ascii(), "?");
            }
            Below::MintsKeys if self.tried.swap(true, Ordering::SeqCst) => {
                new.key.push_str("-again");
            }
            Below::SendsLines => {}
            Below::TakesMarkup => new.body = new.body.replace("<b>", "").replace("[~admin]", ""),
            Below::QuotesTheText => {
                let created = self.honest.create(call, draft).await;
                return created.map_err(|e| e.with("text", &draft.body));
            }
            Below::ForgetsTheKey => {
                let mut created = self.honest.create(call, draft).await?;
                created.key = None;
                return Ok(created);
            }
            _ => return self.honest.create(call, draft).await,
        }
        self.tickets().create(call, &new).await.map(MemoryDesk::ticket)
    }

    async fn lookup(&self, call: &Call, key: &TicketKey) -> Result<Vec<Ticket>> {
        match self.flaw {
            Below::BelievesStrangers => {
                let found = self.tickets().lookup(call, key).await?;
                Ok(found.into_iter().map(MemoryDesk::ticket).collect())
            }
            Below::FindsNothingInAnError => {
                Ok(self.honest.lookup(call, key).await.unwrap_or_default())
            }
            Below::ForgetsTheKey => {
                let mut found = self.honest.lookup(call, key).await?;
                for ticket in &mut found {
                    ticket.key = None;
                }
                Ok(found)
            }
            Below::SeesOneTicket => {
                let mut found = self.honest.lookup(call, key).await?;
                found.truncate(1);
                Ok(found)
            }
            Below::TurnsTime => {
                let mut found = self.honest.lookup(call, key).await?;
                let turned =
                    |at: Timestamp| Timestamp::from_millis(4_000_000_000_000 - at.as_millis());
                for t in &mut found {
                    t.created = t.created.and_then(turned);
                }
                Ok(found)
            }
            Below::IgnoresRetryAfter | Below::ObeysForEver | Below::TriesTheCredentialAgain => {
                self.crude(call, key).await
            }
            _ => self.honest.lookup(call, key).await,
        }
    }

    async fn read(&self, call: &Call, id: &TicketId) -> Result<Ticket> {
        let row = self.tickets().read(call, id).await?;
        let ended = row.resolution.is_some();
        let mut ticket = MemoryDesk::ticket(row);
        if self.flaw == Below::DoneByResolution {
            ticket.status = if ended { StatusCategory::Done } else { StatusCategory::New };
        }
        Ok(ticket)
    }

    async fn read_with(&self, call: &Call, id: &TicketId, fields: &[&str]) -> Result<Ticket> {
        self.honest.read_with(call, id, fields).await
    }

    async fn comments(&self, call: &Call, id: &TicketId) -> Result<Vec<String>> {
        let mut texts = self.honest.comments(call, id).await?;
        if self.flaw == Below::ReadsHalfComments {
            for text in &mut texts {
                *text = text.chars().take(12).collect();
            }
        }
        Ok(texts)
    }

    async fn add_comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        if self.flaw == Below::CutsTheMark {
            let text: String = comment.marked().to_string().chars().take(2000).collect();
            return self.tickets().add_comment(call, id, &text).await;
        }
        self.honest.add_comment(call, id, comment).await
    }

    fn fits(&self, part: Part<'_>) -> bool {
        self.flaw == Below::ForgetsTheWhole || self.honest.fits(part)
    }

    fn as_held(&self, patch: &TicketPatch) -> TicketPatch {
        self.honest.as_held(patch)
    }

    async fn write(&self, call: &Call, id: &TicketId, patch: &TicketPatch) -> Result<()> {
        if self.flaw == Below::OverwritesAll {
            let change = Change {
                summary: Some(patch.summary.clone().unwrap_or_default()),
                body: Some(patch.body.as_ref().map(RichText::to_string).unwrap_or_default()),
                priority: Some(patch.priority.unwrap_or_default()),
            };
            return self.tickets().write(call, id, &change).await;
        }
        self.honest.write(call, id, patch).await
    }

    async fn moves(&self, call: &Call, ticket: &Ticket) -> Result<Vec<Move>> {
        let mut moves = self.honest.moves(call, ticket).await?;
        match self.flaw {
            Below::MovesByName => {
                let named = |step: &str| ["Start", "Done", "Reopen"].contains(&step);
                let steps = self.tickets().steps(call, &ticket.id).await?;
                let known: Vec<_> = steps.iter().filter(|s| named(s.name)).map(|s| s.id).collect();
                moves.retain(|step| known.contains(&step.id.as_str()));
            }
            Below::KnowsNoDemand => {
                for step in &mut moves {
                    step.required.retain(|field| field.resolution);
                }
            }
            _ => {}
        }
        Ok(moves)
    }

    async fn take(
        &self,
        call: &Call,
        id: &TicketId,
        step: &Move,
        fields: &BTreeMap<String, String>,
    ) -> Result<()> {
        self.honest.take(call, id, step, fields).await
    }

    async fn retire(&self, call: &Call, younger: &Ticket, kept: &Ticket) -> Result<()> {
        self.honest.retire(call, younger, kept).await
    }

    async fn attached(&self, call: &Call, id: &TicketId) -> Result<Option<Vec<(String, u64)>>> {
        self.honest.attached(call, id).await
    }

    async fn attach(&self, call: &Call, id: &TicketId, file: &Attachment) -> Result<()> {
        match self.flaw {
            Below::ChangesFiles => {
                let same_size = vec![b'x'; file.bytes.len()].into();
                self.tickets().attach(call, id, &file.name, &same_size).await
            }
            Below::KnowsFilesByName => {
                let files = self.tickets().files(call, id).await?;
                if files.iter().any(|(name, _)| *name == file.name) {
                    return Ok(());
                }
                self.honest.attach(call, id, file).await
            }
            _ => self.honest.attach(call, id, file).await,
        }
    }
}
