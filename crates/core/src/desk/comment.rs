//! Each comment at most once, by its marker.

use super::{Desk, DeskBackend, backoff, is_shut_out};
use crate::{Call, Comment, Outcome, Result, Retry, TicketDesk as _, TicketId};

impl<B: DeskBackend> Desk<B> {
    /// Under the comment's turn.
    pub(super) async fn comment_once(
        &self,
        call: &Call,
        id: &TicketId,
        comment: &Comment,
    ) -> Result<()> {
        if self.has_comment(call, id, &comment.marker).await? {
            return Ok(());
        }
        self.attach_whole_comment(call, id, comment).await?;
        let mut lost = match self.backend.add_comment(call, id, comment).await {
            Err(e) if matches!(e.outcome(), Outcome::Unknown | Outcome::Applied) => e,
            verdict => return verdict,
        };
        let until = self.reconcile_until(call);
        let mut answered_no = 0;
        let mut again = true;
        for attempt in 0.. {
            match self.has_comment(call, id, &comment.marker).await {
                Ok(true) => return Ok(()),
                Ok(false) => answered_no += 1,
                Err(e) => {
                    tracing::warn!(error = %e, "look-up after a lost answer failed");
                    if is_shut_out(&e) {
                        break;
                    }
                }
            }
            // The comments of a ticket are read from the record itself, not from a search index,
            // so a steady "no" is believed once.
            if answered_no >= 4 && again {
                again = false;
                match self.backend.add_comment(call, id, comment).await {
                    Err(e) if matches!(e.outcome(), Outcome::Unknown | Outcome::Applied) => {
                        lost = e;
                    }
                    verdict => return verdict,
                }
            }
            let wait = backoff(attempt);
            if self.clock.now().saturating_add(wait) > until {
                break;
            }
            self.clock.pause(wait).await;
        }
        Err(lost.with_retry(Retry::AfterLookup))
    }
}
