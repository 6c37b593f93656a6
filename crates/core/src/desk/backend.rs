use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Claim, Move, Part};
use crate::{
    Attachment, Call, Comment, Connector, DeskCaps, Error, Kind, Outcome, Result, Ticket,
    TicketDraft, TicketId, TicketKey, TicketPatch,
};

/// What a ticket product can do. No promise beyond a single request: [`Desk`](super::Desk) makes
/// those.
///
/// The first five methods are a desk; the others have defaults for products that offer less.
#[async_trait]
pub trait DeskBackend: Connector {
    /// What the desk can do.
    fn capabilities(&self) -> DeskCaps;

    /// Creates a ticket that carries the draft's key where [`lookup`](Self::lookup) finds it, and
    /// answers it from the create's own answer; what that does not tell comes from the draft:
    /// [`TicketDraft::opened_as`].
    ///
    /// One request. An error says in its outcome whether the ticket may exist;
    /// [`Kind::Conflict`] says that the product itself holds one with this key.
    async fn create(&self, call: &Call, draft: &TicketDraft) -> Result<Ticket>;

    /// Every ticket with this key. Verifies that what the product returns has the key: some ignore
    /// a condition they do not know.
    async fn lookup(&self, call: &Call, key: &TicketKey) -> Result<Vec<Ticket>>;

    /// The ticket.
    async fn read(&self, call: &Call, id: &TicketId) -> Result<Ticket>;

    /// The plain texts of all comments on the ticket.
    async fn comments(&self, call: &Call, id: &TicketId) -> Result<Vec<String>>;

    /// Adds [`comment.marked()`](Comment::marked). One request.
    async fn add_comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()>;

    /// The ticket with the fields of these names, in the desk's words, in [`Ticket::fields`].
    async fn read_with(&self, call: &Call, id: &TicketId, _fields: &[&str]) -> Result<Ticket> {
        self.read(call, id).await
    }

    /// Claims the key for `owner` in the product itself, so that of all processes of all hosts one
    /// creates its ticket. One that claims it again keeps it.
    async fn claim(&self, _: &Call, _: &TicketKey, _owner: &str) -> Result<Claim> {
        Ok(Claim::NotOffered)
    }

    /// Whether the product takes this text whole. Of what it cuts the driver attaches the whole.
    ///
    /// By default it takes every comment, and of a ticket what [`as_held`](Self::as_held) leaves as
    /// it is.
    fn fits(&self, part: Part<'_>) -> bool {
        let mut patch = TicketPatch::new();
        match part {
            Part::Summary(summary) => patch.summary = Some(summary.to_owned()),
            Part::Body(body) => patch.body = Some(body.clone()),
            Part::Comment(_) => return true,
        }
        self.as_held(&patch) == patch
    }

    /// The patch with its names resolved to what the product holds in their place, such as a user's
    /// id; what the product could not take is an error before anything is sent.
    async fn resolved(&self, _: &Call, patch: &TicketPatch) -> Result<TicketPatch> {
        Ok(patch.clone())
    }

    /// The patch as the product would hold it: cut to its limits, without what it cannot hold. It
    /// is compared with what the ticket has.
    fn as_held(&self, patch: &TicketPatch) -> TicketPatch {
        patch.clone()
    }

    /// Sets what the patch names. One request, which does no harm if it arrives twice: a field that
    /// appends, such as a journal, is refused.
    async fn write(&self, _: &Call, _: &TicketId, _: &TicketPatch) -> Result<()> {
        Err(unsupported("changes no tickets"))
    }

    /// The steps that are allowed: all of the workflow, each with the status that it leaves, or,
    /// without one, those that leave the ticket's present status. Of ways that are equally short
    /// the one that stands first here is taken.
    async fn moves(&self, _: &Call, _: &Ticket) -> Result<Vec<Move>> {
        Err(unsupported("moves no tickets"))
    }

    /// Takes one step, with values for its fields. One request.
    async fn take(
        &self,
        _: &Call,
        _: &TicketId,
        _step: &Move,
        _fields: &BTreeMap<String, String>,
    ) -> Result<()> {
        Err(unsupported("moves no tickets"))
    }

    /// Ties a ticket to the one with the same key that is kept, as its duplicate: a link, a parent.
    /// One request, which does no harm if it arrives twice. The driver closes it and says so.
    async fn retire(&self, _: &Call, _younger: &Ticket, _kept: &Ticket) -> Result<()> {
        Ok(())
    }

    /// Names and sizes in bytes of the files on the ticket; `None` where the product does not tell.
    async fn attached(&self, _: &Call, _: &TicketId) -> Result<Option<Vec<(String, u64)>>> {
        Ok(None)
    }

    /// Attaches a file. One request.
    async fn attach(&self, _: &Call, _: &TicketId, _: &Attachment) -> Result<()> {
        Err(unsupported("takes no files"))
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(Kind::Unsupported, format!("this desk {what}")).with_outcome(Outcome::NotSent)
}
