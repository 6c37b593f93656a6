//! Duplicates: tickets with one key that several openers made at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Desk, DeskBackend, backoff, is_shut_out, oldest};
use crate::{
    Call, Clock, Comment, Error, Kind, Marker, Outcome, Result, Retry, RichText, StatusCategory,
    TenantId, Ticket, TicketDesk as _, TicketId, TicketKey, TicketPatch, Timestamp,
};

/// Keys that wait for a search to catch up, at most.
const MOST: usize = 10_000;

/// Keys of which a duplicate may yet come to light.
#[derive(Debug, Default)]
pub(super) struct Unsettled(Mutex<VecDeque<Pending>>);

#[derive(Clone, Debug)]
struct Pending {
    tenant: TenantId,
    key: TicketKey,
    /// What this process created, where the answer told.
    id: Option<TicketId>,
    since: Timestamp,
    /// Look-ups in which it was seen.
    seen: u32,
}

impl Unsettled {
    pub(super) fn push(
        &self,
        tenant: &TenantId,
        key: &TicketKey,
        id: Option<&TicketId>,
        clock: &Arc<dyn Clock>,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.pop_front();
            tracing::warn!("more keys than can be remembered wait for a look at duplicates");
        }
        let (tenant, key, id) = (tenant.clone(), key.clone(), id.cloned());
        all.push_back(Pending { tenant, key, id, since: clock.now(), seen: 0 });
    }

    fn take(&self, of: &TenantId) -> Vec<Pending> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (ours, others): (Vec<_>, Vec<_>) = all.drain(..).partition(|p| p.tenant == *of);
        all.extend(others);
        ours
    }

    fn put_back(&self, pending: Vec<Pending>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(pending);
    }
}

/// Puts back what is not settled, also when its caller gives up.
struct Taken<'a>(&'a Unsettled, Vec<Pending>);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.put_back(std::mem::take(&mut self.1));
    }
}

impl<B: DeskBackend> Desk<B> {
    pub(super) async fn settle_all(&self, call: &Call) -> Result<()> {
        let until = self.reconcile_until(call);
        let mut open = Taken(&self.unsettled, self.unsettled.take(call.tenant()));
        for attempt in 0.. {
            let mut at = 0;
            while let Some(pending) = open.1.get(at).cloned() {
                match self.look(call, pending).await? {
                    None => drop(open.1.remove(at)),
                    Some(still) => {
                        open.1[at] = still;
                        at += 1;
                    }
                }
            }
            if open.1.is_empty() {
                return Ok(());
            }
            let wait = backoff(attempt);
            if self.clock.now().saturating_add(wait) > until {
                break;
            }
            self.clock.pause(wait).await;
        }
        let what = format!("{} new tickets are not found by a search yet", open.1.len());
        Err(Error::new(Kind::Timeout, what)
            .with_outcome(Outcome::Unknown)
            .with_retry(Retry::AfterLookup)
            .with_operation("desk.settle")
            .with_connector(self.backend.name()))
    }

    /// `None` once there is no more to wait for; an error where there is no use in the next.
    async fn look(&self, call: &Call, mut pending: Pending) -> Result<Option<Pending>> {
        let found = match self.backend.lookup(call, &pending.key).await {
            Ok(found) => found,
            Err(e) if is_shut_out(&e) => return Err(e.with_outcome(Outcome::Unknown)),
            Err(e) => {
                tracing::warn!(error = %e, "a look for duplicates failed");
                return Ok(Some(pending));
            }
        };
        let seen = match &pending.id {
            Some(id) => found.iter().any(|t| t.id == *id),
            None => !found.is_empty(),
        };
        pending.seen += u32::from(seen);
        let several = found.len() > 1;
        self.repair(call, found, pending.id.as_ref()).await;
        // An index shows tickets about in their order, so one more look than it takes to see our
        // own. Where its id is lost, ours may be any of them until the time is up.
        let (once, waited) = (pending.seen >= 2, self.clock.now().since(pending.since));
        let settled = match &pending.id {
            Some(_) => once,
            None => once && (several || waited >= self.reconcile_timeout / 2),
        };
        Ok((!settled).then_some(pending))
    }

    /// Closes all but the oldest of the tickets with one key, and says so on both. With `own`, only
    /// if the younger is that one: its other creators see to theirs. What cannot be done is logged;
    /// the next look at the key tries again.
    pub(super) async fn repair(
        &self,
        call: &Call,
        found: Vec<Ticket>,
        own: Option<&TicketId>,
    ) -> Option<Ticket> {
        let kept = oldest(found.clone())?;
        let live = |t: &&Ticket| t.id != kept.id && t.status != StatusCategory::Done;
        for younger in found.iter().filter(live) {
            if own.is_none_or(|own| younger.id == *own)
                && let Err(e) = self.close_duplicate(call, younger, &kept).await
            {
                tracing::warn!(error = %e, ticket = %younger.display, kept = %kept.display,
                    "a duplicate ticket stays open");
            }
        }
        Some(kept)
    }

    async fn close_duplicate(&self, call: &Call, younger: &Ticket, kept: &Ticket) -> Result<()> {
        tracing::warn!(ticket = %younger.display, kept = %kept.display, "closing a duplicate");
        self.backend.retire(call, younger, kept).await?;
        let say = |on: &Ticket, other: &Ticket, text: String| {
            let marker = Marker::derive(other.id.as_str(), &format!("duplicate of {}", on.id));
            (on.id.clone(), Comment::new(marker, RichText::new().text(text)))
        };
        let (on, comment) = say(
            younger,
            kept,
            format!(
                "Opened twice at the same moment. {} has the same key and is older: this ticket is \
                 closed as its duplicate.",
                kept.display
            ),
        );
        self.comment(call, &on, &comment).await?;
        let mut with = TicketPatch::new();
        with.resolution = Some("Duplicate".to_owned());
        match self.transition(call, &younger.id, StatusCategory::Done, &with).await {
            // This product calls it otherwise: its own default, then.
            Err(e) if e.kind() == Kind::Invalid => {
                let plain = TicketPatch::new();
                self.transition(call, &younger.id, StatusCategory::Done, &plain).await?;
            }
            moved => drop(moved?),
        }
        let text = format!("{} was opened twice: {} is closed.", kept.display, younger.display);
        let (on, comment) = say(kept, younger, text);
        self.comment(call, &on, &comment).await
    }
}
