//! The whole of what a product cuts, as files.

use super::add::Added;
use super::{Desk, DeskBackend, Part};
use crate::{
    Attachment, Call, Comment, FieldHash, Opened, Result, RichText, TicketDraft, TicketId,
    TicketPatch,
};

/// The text of a ticket whose desk had to cut it.
const WHOLE: &str = "watchfloor-full-text.txt";

impl<B: DeskBackend> Desk<B> {
    /// Attaches the whole text of a draft that the product cuts. The ticket stands without it, so
    /// failing to attach is no failure to open.
    pub(super) async fn attach_whole(&self, call: &Call, draft: &TicketDraft, opened: &Opened) {
        let whole = self.backend.fits(Part::Summary(&draft.summary))
            && self.backend.fits(Part::Body(&draft.body));
        if whole || !self.backend.capabilities().attach {
            return;
        }
        let id = &opened.ticket().id;
        let file = text_file(WHOLE.to_owned(), &draft.summary, &draft.body);
        let attached = match opened {
            Opened::Created(_) => self.attach_in_turn(call, id, &file).await,
            // Its text may be another by now; one is enough.
            Opened::Existing(_) => match self.backend.attached(call, id).await {
                Ok(Some(files)) if files.iter().all(|(name, _)| name != WHOLE) => {
                    self.attach_in_turn(call, id, &file).await
                }
                told => told.map(drop),
            },
        };
        if let Err(e) = attached {
            tracing::warn!(error = %e, "the text was cut and its whole is not attached");
        }
    }

    /// The same for a comment, before it is added: once it stands, nobody looks again.
    pub(super) async fn attach_whole_comment(
        &self,
        call: &Call,
        id: &TicketId,
        comment: &Comment,
    ) -> Result<()> {
        if self.backend.fits(Part::Comment(&comment.text)) || !self.backend.capabilities().attach {
            return Ok(());
        }
        let name = format!("comment-{}.txt", comment.marker.as_str().replace(':', "-"));
        self.attach_in_turn(call, id, &text_file(name, "", &comment.text)).await
    }

    /// The same for what an update sets.
    pub(super) async fn attach_whole_patch(
        &self,
        call: &Call,
        id: &TicketId,
        patch: &TicketPatch,
    ) -> Result<()> {
        let (summary, body) = (patch.summary.as_deref(), patch.body.as_ref());
        let fits = summary.is_none_or(|s| self.backend.fits(Part::Summary(s)))
            && body.is_none_or(|b| self.backend.fits(Part::Body(b)));
        if fits || !self.backend.capabilities().attach {
            return Ok(());
        }
        let (summary, body) = (summary.unwrap_or_default(), body.cloned().unwrap_or_default());
        let hash = FieldHash::new("watchfloor text").field("summary", summary);
        let hash = hash.field("body", &body.to_string()).hex(4);
        let file = text_file(format!("watchfloor-full-text-{hash}.txt"), summary, &body);
        self.attach_in_turn(call, id, &file).await
    }

    pub(super) async fn attach_in_turn(
        &self,
        call: &Call,
        id: &TicketId,
        file: &Attachment,
    ) -> Result<()> {
        let _turn = self.flights.turn(format!("{id} file {}", file.name)).await;
        self.add_once(call, id, Added::File(file)).await
    }
}

fn text_file(name: String, summary: &str, body: &RichText) -> Attachment {
    let text = if summary.is_empty() { body.to_string() } else { format!("{summary}\n\n{body}") };
    Attachment::new(name, "text/plain; charset=utf-8", text + "\n")
}
