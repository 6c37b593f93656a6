//! What is added to a ticket at most once: a comment by its marker, a file by name and size.

use super::{Desk, DeskBackend, backoff, is_shut_out, may_exist};
use crate::{Attachment, Call, Comment, Error, Outcome, Result, Retry, TicketDesk as _, TicketId};

/// Something to be added.
#[derive(Clone, Copy)]
pub(super) enum Added<'a> {
    Comment(&'a Comment),
    File(&'a Attachment),
}

impl<B: DeskBackend> Desk<B> {
    /// Adds it unless it is there. Under its turn.
    pub(super) async fn add_once(&self, call: &Call, id: &TicketId, what: Added<'_>) -> Result<()> {
        let tells = match self.is_there(call, id, what).await? {
            Some(true) => return Ok(()),
            told => told.is_some(),
        };
        if let Added::Comment(comment) = what {
            // A file, so no deeper than this.
            Box::pin(self.attach_whole_comment(call, id, comment)).await?;
        }
        match self.add(call, id, what).await? {
            None => Ok(()),
            Some(lost) if !tells => Err(unknown(lost)),
            Some(lost) => self.look_for(call, id, what, lost).await,
        }
    }

    /// The answer to it was lost: looks until it is there or time is up.
    async fn look_for(
        &self,
        call: &Call,
        id: &TicketId,
        what: Added<'_>,
        mut lost: Error,
    ) -> Result<()> {
        let until = self.reconcile_until(call);
        let mut answered_no = 0;
        let mut again = true;
        for attempt in 0.. {
            match self.is_there(call, id, what).await {
                Ok(Some(true)) => return Ok(()),
                Ok(_) => answered_no += 1,
                Err(e) => {
                    tracing::warn!(error = %e, "look-up after a lost answer failed");
                    if is_shut_out(&e) {
                        break;
                    }
                }
            }
            // Comments and files are read from the record itself, not from a search index, so a
            // steady "no" is believed once.
            if answered_no >= 4 && again {
                again = false;
                match self.add(call, id, what).await? {
                    None => return Ok(()),
                    Some(e) => lost = e,
                }
            }
            let wait = backoff(attempt);
            if self.clock.now().saturating_add(wait) > until {
                break;
            }
            self.clock.pause(wait).await;
        }
        Err(unknown(lost))
    }

    /// `None` where the product does not tell.
    async fn is_there(&self, call: &Call, id: &TicketId, what: Added<'_>) -> Result<Option<bool>> {
        match what {
            Added::Comment(comment) => self.has_comment(call, id, &comment.marker).await.map(Some),
            Added::File(file) => {
                let size = file.bytes.len() as u64;
                let files = self.backend.attached(call, id).await?;
                Ok(files.map(|files| files.iter().any(|(n, s)| *n == file.name && *s == size)))
            }
        }
    }

    /// Adds it; the error of an answer that says nothing.
    async fn add(&self, call: &Call, id: &TicketId, what: Added<'_>) -> Result<Option<Error>> {
        let added = match what {
            Added::Comment(comment) => self.backend.add_comment(call, id, comment).await,
            Added::File(file) => self.backend.attach(call, id, file).await,
        };
        match added {
            Ok(()) => Ok(None),
            Err(e) if may_exist(&e) => Ok(Some(e)),
            Err(e) => Err(e),
        }
    }
}

fn unknown(lost: Error) -> Error {
    lost.with_outcome(Outcome::Unknown).with_retry(Retry::AfterLookup)
}
