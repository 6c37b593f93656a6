use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Connector, Page};
use crate::{
    Attachment, Call, Comment, Cursor, Error, Kind, Marker, Result, StatusCategory, Ticket,
    TicketDraft, TicketId, TicketKey, TicketPatch, Timestamp,
};

/// Holds tickets: at most one per [`TicketKey`], each comment at most once.
///
/// Adapters implement the smaller [`DeskBackend`](crate::desk::DeskBackend);
/// [`Desk`](crate::desk::Desk) makes this promise over it.
#[async_trait]
pub trait TicketDesk: Connector {
    /// What the desk can do.
    fn capabilities(&self) -> DeskCaps;

    /// Opens the draft's ticket, or finds the one that is there. After an unknown outcome it looks
    /// before it creates again.
    async fn open(&self, call: &Call, draft: &TicketDraft) -> Result<Opened>;

    /// The ticket of a key; the oldest, should there be several.
    async fn find(&self, call: &Call, key: &TicketKey) -> Result<Option<Ticket>>;

    /// The ticket.
    async fn get(&self, call: &Call, id: &TicketId) -> Result<Ticket>;

    /// Adds the comment unless one with its marker is there.
    async fn comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()>;

    /// Whether a comment with this marker is on the ticket.
    async fn has_comment(&self, call: &Call, id: &TicketId, marker: &Marker) -> Result<bool>;

    /// Changes what the patch names.
    async fn update(&self, _: &Call, _: &TicketId, _: &TicketPatch) -> Result<Ticket> {
        Err(unsupported("update"))
    }

    /// Moves the ticket to a status of this category.
    async fn transition(
        &self,
        _: &Call,
        _: &TicketId,
        _to: StatusCategory,
        _with: &TicketPatch,
    ) -> Result<Ticket> {
        Err(unsupported("transition"))
    }

    /// Attaches a file unless one of its name and size is there.
    async fn attach(&self, _: &Call, _: &TicketId, _: &Attachment) -> Result<()> {
        Err(unsupported("attach"))
    }

    /// Looks the key up and claims it, so that the [`open`](Self::open) that follows within ten
    /// minutes is a single request. The ticket, if there is one already.
    async fn reserve(&self, _: &Call, _: &TicketKey) -> Result<Option<Ticket>> {
        Err(unsupported("reserve"))
    }

    /// Looks for duplicates of what was opened here, which others may have opened meanwhile, until
    /// a search must show them, and repairs them. Only where no claim tells the openers apart is
    /// there anything to do.
    async fn settle(&self, _: &Call) -> Result<()> {
        Err(unsupported("settle"))
    }
}

fn unsupported(what: &'static str) -> Error {
    Error::new(Kind::Unsupported, format!("this desk offers no {what}"))
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: TicketDesk + ?Sized> TicketDesk for Arc<T> {
    fn capabilities(&self) -> DeskCaps {
        (**self).capabilities()
    }

    async fn open(&self, call: &Call, draft: &TicketDraft) -> Result<Opened> {
        (**self).open(call, draft).await
    }

    async fn find(&self, call: &Call, key: &TicketKey) -> Result<Option<Ticket>> {
        (**self).find(call, key).await
    }

    async fn get(&self, call: &Call, id: &TicketId) -> Result<Ticket> {
        (**self).get(call, id).await
    }

    async fn comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        (**self).comment(call, id, comment).await
    }

    async fn has_comment(&self, call: &Call, id: &TicketId, marker: &Marker) -> Result<bool> {
        (**self).has_comment(call, id, marker).await
    }

    async fn update(&self, call: &Call, id: &TicketId, patch: &TicketPatch) -> Result<Ticket> {
        (**self).update(call, id, patch).await
    }

    async fn transition(
        &self,
        call: &Call,
        id: &TicketId,
        to: StatusCategory,
        with: &TicketPatch,
    ) -> Result<Ticket> {
        (**self).transition(call, id, to, with).await
    }

    async fn attach(&self, call: &Call, id: &TicketId, file: &Attachment) -> Result<()> {
        (**self).attach(call, id, file).await
    }

    async fn reserve(&self, call: &Call, key: &TicketKey) -> Result<Option<Ticket>> {
        (**self).reserve(call, key).await
    }

    async fn settle(&self, call: &Call) -> Result<()> {
        (**self).settle(call).await
    }
}

/// What a desk can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeskCaps {
    /// Takes files.
    pub attach: bool,
    /// Refuses a second ticket with the same key by itself.
    pub claim: bool,
    /// A ticket just created is found at once. Where not, a look-up may lag by minutes.
    pub find_is_consistent: bool,
}

/// How [`TicketDesk::open`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It was not there and is now.
    Created(Ticket),
    /// It was there already.
    Existing(Ticket),
}

impl Opened {
    /// The ticket.
    pub fn ticket(&self) -> &Ticket {
        let (Self::Created(ticket) | Self::Existing(ticket)) = self;
        ticket
    }
}

/// What happens to tickets, as it happens.
#[async_trait]
pub trait TicketFeed: Connector {
    /// The changes after a cursor, at most `limit` of them.
    async fn changes(
        &self,
        call: &Call,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<TicketChange>>;
}

/// A change of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TicketChange {
    /// The ticket.
    pub id: TicketId,
    /// When.
    pub at: Timestamp,
    /// The marker of ours that it carries, if it is an echo.
    pub origin: Option<Marker>,
}

const _: fn(&dyn TicketDesk) = |_| {};
const _: fn(&dyn TicketFeed) = |_| {};
