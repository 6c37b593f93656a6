//! At most one ticket per key.

use std::time::Duration;

use super::claims::{Known, Seen};
use super::{Claim, Desk, DeskBackend, backoff, is_shut_out, may_exist, oldest};
use crate::{
    Call, Error, Kind, Opened, Outcome, Result, Retry, StatusCategory, Ticket, TicketDraft,
    TicketId, TicketKey, Timestamp,
};

/// How long another process's create may be under way: its own retries and its reconciliation.
const LEASE: Duration = Duration::from_secs(300);

/// How long a search may lag behind: minutes, say the products. What it does not find of a create
/// that is older than this was never made.
const LAG: Duration = Duration::from_secs(900);

/// How long a look-up that found nothing is believed: a create that was refused may be made again
/// without another.
const FRESH: Duration = Duration::from_secs(600);

/// Four answers over seven seconds: a request that was still under way has landed.
const BELIEVED: u32 = 4;

/// How often a record that others keep changing is looked at again.
const TURNS: u32 = 16;

/// What a look at a key's record led to.
enum Step {
    Done(Box<Opened>),
    /// Another process changed the record meanwhile.
    Again,
}

impl Step {
    fn done(opened: Opened) -> Self {
        Self::Done(Box::new(opened))
    }
}

/// The key's record as it stands while a create is under way.
struct Sent<'a> {
    draft: &'a TicketDraft,
    key: &'a [u8],
    seen: Seen,
    /// No other opener could have sent a create.
    exclusive: bool,
}

impl<B: DeskBackend> Desk<B> {
    /// Under the key's turn.
    pub(super) async fn open_once(&self, call: &Call, draft: &TicketDraft) -> Result<Opened> {
        let key = self.claims.key(call.tenant(), draft.key());
        for _ in 0..TURNS {
            let seen = self.claims.get(&key).await?;
            if let Step::Done(opened) = self.step(call, draft, &key, seen).await? {
                let opened = *opened;
                self.attach_whole(call, draft, &opened).await;
                self.claims.sweep().await;
                return Ok(opened);
            }
        }
        Err(Error::new(Kind::Conflict, "others keep changing the claim of this key")
            .with_outcome(Outcome::NotSent)
            .with_operation("desk.claim"))
    }

    /// Under the key's turn.
    pub(super) async fn reserve_once(
        &self,
        call: &Call,
        key: &TicketKey,
    ) -> Result<Option<Ticket>> {
        let record = self.claims.key(call.tenant(), key);
        let seen = self.claims.get(&record).await?;
        let found = self.alone(call, key).await?;
        let at = self.clock.now();
        match (&found, &seen.known) {
            (Some(ticket), _) => {
                let known = Known::Ticket { id: ticket.id.clone(), at };
                self.claims.note(&record, &seen, known).await;
            }
            (None, None | Some(Known::Free { .. })) => {
                self.claims.swap(&record, &seen, Known::Free { at }).await?;
            }
            // Not found yet, or in doubt: `open` knows how to go on.
            (None, _) => {}
        }
        Ok(found)
    }

    async fn step(&self, call: &Call, draft: &TicketDraft, key: &[u8], seen: Seen) -> Result<Step> {
        match seen.known.clone() {
            Some(Known::Ticket { id, .. }) => self.known(call, draft, key, &seen, &id).await,
            Some(Known::Sent { owner, at }) => {
                let ours = owner == self.claims.owner();
                let lost = Error::new(Kind::Timeout, "an earlier attempt has no verdict")
                    .with_outcome(Outcome::Unknown)
                    .with_operation("desk.open");
                let sent = Sent { draft, key, seen, exclusive: false };
                let theirs_until = (!ours).then(|| at.saturating_add(LEASE));
                self.reconcile(call, sent, lost, theirs_until).await
            }
            Some(Known::Free { at }) if self.clock.now().since(at) < FRESH => {
                self.create(call, draft, key, &seen).await
            }
            Some(Known::Free { .. }) | None => match self.alone(call, draft.key()).await? {
                Some(ticket) => Ok(self.found(key, &seen, ticket).await),
                None => self.create(call, draft, key, &seen).await,
            },
        }
    }

    async fn found(&self, key: &[u8], seen: &Seen, ticket: Ticket) -> Step {
        let known = Known::Ticket { id: ticket.id.clone(), at: self.clock.now() };
        self.claims.note(key, seen, known).await;
        Step::done(Opened::Existing(ticket))
    }

    /// The ticket whose id is known. One that is done may have been a duplicate.
    async fn known(
        &self,
        call: &Call,
        draft: &TicketDraft,
        key: &[u8],
        seen: &Seen,
        id: &TicketId,
    ) -> Result<Step> {
        let ticket = match self.backend.read(call, id).await {
            Err(e) if e.kind() == Kind::NotFound => {
                return Err(e.with("hint", "the ticket of this key was deleted or is hidden now"));
            }
            read => read?,
        };
        if ticket.status == StatusCategory::Done
            && let Some(kept) = self.alone(call, draft.key()).await?
            && kept.id != ticket.id
        {
            return Ok(self.found(key, seen, kept).await);
        }
        Ok(Step::done(Opened::Existing(ticket)))
    }

    async fn create(
        &self,
        call: &Call,
        draft: &TicketDraft,
        key: &[u8],
        seen: &Seen,
    ) -> Result<Step> {
        let claimant = self.claims.claimant().await?;
        let claimed = match self.backend.claim(call, draft.key(), claimant).await? {
            Claim::Theirs { owner } => {
                let what = "another opener holds the claim of this key and shows no ticket";
                let lost = Error::new(Kind::Conflict, what)
                    .with_outcome(Outcome::Unknown)
                    .with_operation("desk.claim")
                    .with("owner", owner);
                let sent = Sent { draft, key, seen: seen.clone(), exclusive: true };
                // Never a create of our own: the product says whose it is.
                let theirs = Some(self.clock.now().saturating_add(Duration::MAX));
                return self.reconcile(call, sent, lost, theirs).await;
            }
            claim => claim == Claim::Ours,
        };
        let Some(seen) = self.claims.swap(key, seen, self.sent_now()).await? else {
            return Ok(Step::Again);
        };
        let exclusive = claimed || self.claims.shared() || self.backend.capabilities().claim;
        self.send(call, Sent { draft, key, seen, exclusive }, true).await
    }

    /// One create. `first`: after a lost answer it may be made once more.
    async fn send(&self, call: &Call, sent: Sent<'_>, first: bool) -> Result<Step> {
        match self.backend.create(call, sent.draft).await {
            Ok(ticket) => {
                let known = Known::Ticket { id: ticket.id.clone(), at: self.clock.now() };
                self.claims.note(sent.key, &sent.seen, known).await;
                let exclusive = sent.exclusive && first;
                Ok(Step::done(self.checked(call, sent.draft, ticket, exclusive).await))
            }
            // An answer that cannot be read is as good as none: its id is lost.
            Err(e) if may_exist(&e) && first => self.reconcile(call, sent, e, None).await,
            // Twice is enough for one call; the key stays in doubt and the next call looks first.
            Err(e) if may_exist(&e) => Err(unsettled(e)),
            Err(e) => {
                let free = Known::Free { at: self.clock.now() };
                self.claims.note(sent.key, &sent.seen, free).await;
                if e.kind() == Kind::Conflict
                    && let Some(ticket) = self.alone(call, sent.draft.key()).await?
                {
                    return Ok(Step::done(Opened::Existing(ticket)));
                }
                Err(e)
            }
        }
    }

    /// A create has no verdict: look for the ticket until it is found or time is up. A steady "no"
    /// allows a second create where a look-up sees every create at once or the first is long ago,
    /// and never while another's may be under way.
    async fn reconcile(
        &self,
        call: &Call,
        sent: Sent<'_>,
        lost: Error,
        theirs_until: Option<Timestamp>,
    ) -> Result<Step> {
        let until = self.reconcile_until(call);
        let consistent = self.backend.capabilities().find_is_consistent;
        let begun = match &sent.seen.known {
            Some(Known::Sent { at, .. }) => *at,
            _ => self.clock.now(),
        };
        let mut answered_no = 0;
        for attempt in 0.. {
            if theirs_until.is_some() && attempt > 0 {
                let now = self.claims.get(sent.key).await?;
                if now.known != sent.seen.known {
                    return Ok(Step::Again);
                }
            }
            match self.alone(call, sent.draft.key()).await {
                Ok(Some(ticket)) => {
                    let known = Known::Ticket { id: ticket.id.clone(), at: self.clock.now() };
                    self.claims.note(sent.key, &sent.seen, known).await;
                    if !sent.exclusive {
                        self.unsettled.push(call.tenant(), sent.draft.key(), None, &self.clock);
                    }
                    return Ok(Step::done(match theirs_until {
                        None => Opened::Created(ticket),
                        Some(_) => Opened::Existing(ticket),
                    }));
                }
                Ok(None) => answered_no += 1,
                Err(e) => {
                    tracing::warn!(error = %e, "look-up after a lost answer failed");
                    if is_shut_out(&e) {
                        break;
                    }
                }
            }
            let over = theirs_until.is_none_or(|until| self.clock.now() > until);
            let sees = consistent || self.clock.now().since(begun) > LAG;
            if sees && over && answered_no >= BELIEVED {
                let again = self.claims.swap(sent.key, &sent.seen, self.sent_now()).await?;
                let Some(seen) = again else { return Ok(Step::Again) };
                return Box::pin(self.send(call, Sent { seen, ..sent }, false)).await;
            }
            let wait = backoff(attempt);
            if self.clock.now().saturating_add(wait) > until {
                break;
            }
            self.clock.pause(wait).await;
        }
        if !sent.exclusive {
            self.unsettled.push(call.tenant(), sent.draft.key(), None, &self.clock);
        }
        Err(unsettled(lost))
    }

    fn sent_now(&self) -> Known {
        Known::Sent { owner: self.claims.owner().to_owned(), at: self.clock.now() }
    }

    /// What came of a create of ours, where others may have created too: at once where a look-up
    /// sees everything, else when the desk is settled.
    async fn checked(
        &self,
        call: &Call,
        draft: &TicketDraft,
        ticket: Ticket,
        exclusive: bool,
    ) -> Opened {
        if exclusive {
            return Opened::Created(ticket);
        }
        if !self.backend.capabilities().find_is_consistent {
            self.unsettled.push(call.tenant(), draft.key(), Some(&ticket.id), &self.clock);
            return Opened::Created(ticket);
        }
        match self.backend.lookup(call, draft.key()).await {
            Ok(found) => match self.repair(call, found, Some(&ticket.id)).await {
                Some(kept) if kept.id != ticket.id => Opened::Existing(kept),
                _ => Opened::Created(ticket),
            },
            Err(e) => {
                tracing::warn!(error = %e, "created, and not looked for duplicates");
                Opened::Created(ticket)
            }
        }
    }

    /// The one ticket of a key: the oldest, after the others are closed.
    async fn alone(&self, call: &Call, key: &TicketKey) -> Result<Option<Ticket>> {
        let found = self.backend.lookup(call, key).await?;
        if found.len() > 1 {
            return Ok(self.repair(call, found, None).await);
        }
        Ok(oldest(found))
    }
}

/// What stays unknown after every look-up says so.
fn unsettled(lost: Error) -> Error {
    lost.with_outcome(Outcome::Unknown).with_retry(Retry::AfterLookup)
}
