//! Desks with a flaw, in place of the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use watchfloor_core::desk::{Desk, DeskBackend as _};
use watchfloor_core::{
    Attachment, Call, Comment, Connector, ConnectorName, DeskCaps, Error, Health, Kind, Marker,
    Opened, Outcome, Result, Root, StatusCategory, TenantId, Ticket, TicketDesk, TicketDraft,
    TicketId, TicketKey, TicketPatch, async_trait,
};

use crate::conformance::{MemoryDesk, MemoryTickets};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Above {
    AttachesAgain,
    CallsItCreated,
    ClaimsTheMove,
    ClaimsTheUpdate,
    CommentsAgain,
    CreatesAnew,
    FailsQuietly,
    IgnoresTenants,
    IgnoresTheDeadline,
    KeepsItsPlace,
    LooksAgainAndAgain,
    LooksThenComments,
    MarksByWords,
    MovesAgain,
    SaysApplied,
    SaysRejected,
    SearchesThenCreates,
    TriesAgain,
    UpdatesAgain,
}

/// A desk with a flaw beside an honest one.
#[derive(Debug)]
struct Broken {
    flaw: Above,
    honest: Desk<MemoryDesk>,
    /// A place that only one opener may have.
    taken: AtomicBool,
}

pub(super) fn desk(flaw: Above, tickets: Arc<MemoryTickets>) -> Arc<dyn TicketDesk> {
    let clock = Arc::new(tickets.clock().clone());
    let honest = Desk::new(MemoryDesk::new(tickets), clock);
    Arc::new(Broken { flaw, honest, taken: AtomicBool::new(false) })
}

impl Broken {
    fn backend(&self) -> &MemoryDesk {
        self.honest.backend()
    }

    /// Looks, and creates if nothing is there.
    async fn crude(&self, call: &Call, draft: &TicketDraft) -> Result<Opened> {
        match self.honest.find(call, draft.key()).await? {
            Some(ticket) => Ok(Opened::Existing(ticket)),
            None => self.backend().create(call, draft).await.map(Opened::Created),
        }
    }

    /// A call like none that was asked for.
    fn another_call(&self, tenant: &TenantId) -> Call {
        let clock = Arc::new(self.backend().tickets.clock().clone());
        Root::new(clock).scope(tenant.clone()).call()
    }
}

fn lost(e: &Error) -> bool {
    e.outcome() == Outcome::Unknown
}

#[async_trait]
impl Connector for Broken {
    fn name(&self) -> &ConnectorName {
        self.backend().name()
    }

    async fn check(&self, call: &Call) -> Health {
        self.honest.check(call).await
    }
}

#[async_trait]
impl TicketDesk for Broken {
    fn capabilities(&self) -> DeskCaps {
        self.honest.capabilities()
    }

    async fn open(&self, call: &Call, draft: &TicketDraft) -> Result<Opened> {
        match self.flaw {
            Above::SearchesThenCreates => self.crude(call, draft).await,
            Above::CreatesAnew => self.backend().create(call, draft).await.map(Opened::Created),
            Above::CallsItCreated => {
                let opened = self.honest.open(call, draft).await?;
                Ok(Opened::Created(opened.ticket().clone()))
            }
            Above::TriesAgain => match self.crude(call, draft).await {
                Err(e) if lost(&e) => self.backend().create(call, draft).await.map(Opened::Created),
                said => said,
            },
            Above::LooksAgainAndAgain => {
                let said = self.crude(call, draft).await;
                for _ in 0..8 {
                    match &said {
                        Err(e) if lost(e) => drop(self.honest.find(call, draft.key()).await),
                        _ => break,
                    }
                }
                said
            }
            Above::SaysApplied => match self.crude(call, draft).await {
                Err(e) if lost(&e) => Ok(Opened::Created(draft.opened_as(TicketId::new("?")))),
                said => said,
            },
            Above::SaysRejected => {
                let said = self.crude(call, draft).await;
                said.map_err(|e| e.with_outcome(Outcome::Rejected))
            }
            Above::FailsQuietly => match self.honest.open(call, draft).await {
                Err(_) => Ok(Opened::Created(draft.opened_as(TicketId::new("?")))),
                said => said,
            },
            Above::IgnoresTenants => {
                self.honest.open(&self.another_call(draft.tenant()), draft).await
            }
            Above::IgnoresTheDeadline => {
                self.honest.open(&self.another_call(call.tenant()), draft).await
            }
            Above::KeepsItsPlace => {
                if self.taken.swap(true, Ordering::SeqCst) {
                    return Err(Error::new(Kind::Unavailable, "no place"));
                }
                let said = self.honest.open(call, draft).await;
                self.taken.store(false, Ordering::SeqCst);
                said
            }
            _ => self.honest.open(call, draft).await,
        }
    }

    async fn find(&self, call: &Call, key: &TicketKey) -> Result<Option<Ticket>> {
        if self.flaw == Above::SearchesThenCreates {
            return Ok(self.backend().lookup(call, key).await?.pop());
        }
        self.honest.find(call, key).await
    }

    async fn get(&self, call: &Call, id: &TicketId) -> Result<Ticket> {
        self.honest.get(call, id).await
    }

    async fn comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        let backend = self.backend();
        match self.flaw {
            Above::CommentsAgain => match backend.add_comment(call, id, comment).await {
                Err(e) if lost(&e) => backend.add_comment(call, id, comment).await,
                said => said,
            },
            Above::LooksThenComments => {
                if self.honest.has_comment(call, id, &comment.marker).await? {
                    return Ok(());
                }
                backend.add_comment(call, id, comment).await
            }
            Above::MarksByWords => {
                let marker = Marker::derive("words", &comment.text.to_string());
                self.honest.comment(call, id, &Comment::new(marker, comment.text.clone())).await
            }
            Above::FailsQuietly => {
                let _ = self.honest.comment(call, id, comment).await;
                Ok(())
            }
            _ => self.honest.comment(call, id, comment).await,
        }
    }

    async fn has_comment(&self, call: &Call, id: &TicketId, marker: &Marker) -> Result<bool> {
        self.honest.has_comment(call, id, marker).await
    }

    async fn update(&self, call: &Call, id: &TicketId, patch: &TicketPatch) -> Result<Ticket> {
        match self.flaw {
            Above::ClaimsTheUpdate => {
                match self.backend().write(call, id, patch).await {
                    Err(e) if !lost(&e) => return Err(e),
                    _ => {}
                }
                let mut said = Ticket::new(id.clone(), StatusCategory::New);
                said.summary = patch.summary.clone().unwrap_or_default();
                Ok(said)
            }
            Above::UpdatesAgain => {
                self.backend().write(call, id, patch).await?;
                self.honest.update(call, id, patch).await
            }
            _ => self.honest.update(call, id, patch).await,
        }
    }

    async fn transition(
        &self,
        call: &Call,
        id: &TicketId,
        to: StatusCategory,
        with: &TicketPatch,
    ) -> Result<Ticket> {
        match self.flaw {
            Above::ClaimsTheMove => {
                let ticket = self.backend().read(call, id).await?;
                if let Some(step) = self.backend().moves(call, &ticket).await?.first() {
                    match self.backend().take(call, id, step, &with.fields).await {
                        Err(e) if !lost(&e) => return Err(e),
                        _ => {}
                    }
                }
                Ok(Ticket::new(id.clone(), to))
            }
            Above::MovesAgain => {
                let ticket = self.backend().read(call, id).await?;
                self.backend().moves(call, &ticket).await?;
                self.honest.transition(call, id, to, with).await
            }
            _ => self.honest.transition(call, id, to, with).await,
        }
    }

    async fn attach(&self, call: &Call, id: &TicketId, file: &Attachment) -> Result<()> {
        if self.flaw != Above::AttachesAgain {
            return self.honest.attach(call, id, file).await;
        }
        match self.backend().attach(call, id, file).await {
            Err(e) if lost(&e) => self.backend().attach(call, id, file).await,
            said => said,
        }
    }

    async fn reserve(&self, call: &Call, key: &TicketKey) -> Result<Option<Ticket>> {
        self.honest.reserve(call, key).await
    }

    async fn settle(&self, call: &Call) -> Result<()> {
        self.honest.settle(call).await
    }
}
