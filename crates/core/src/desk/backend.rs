use async_trait::async_trait;

use crate::{Call, Comment, Connector, DeskCaps, Result, Ticket, TicketDraft, TicketId, TicketKey};

/// What a ticket product can do. No promise beyond a single request: [`Desk`](super::Desk) makes
/// those.
#[async_trait]
pub trait DeskBackend: Connector {
    /// What the desk can do.
    fn capabilities(&self) -> DeskCaps;

    /// Creates a ticket that carries the draft's key where [`lookup`](Self::lookup) finds it.
    ///
    /// One request. An error says in its outcome whether the ticket may exist;
    /// [`Kind::Conflict`](crate::Kind::Conflict) says that the product itself holds one with this
    /// key.
    async fn create(&self, call: &Call, draft: &TicketDraft) -> Result<TicketId>;

    /// Every ticket with this key. Verifies that what the product returns has the key: some ignore
    /// a condition they do not know.
    async fn lookup(&self, call: &Call, key: &TicketKey) -> Result<Vec<Ticket>>;

    /// The ticket.
    async fn read(&self, call: &Call, id: &TicketId) -> Result<Ticket>;

    /// The plain texts of all comments on the ticket.
    async fn comments(&self, call: &Call, id: &TicketId) -> Result<Vec<String>>;

    /// Adds [`comment.marked()`](Comment::marked). One request.
    async fn add_comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()>;
}
