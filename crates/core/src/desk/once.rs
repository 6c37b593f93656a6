//! At most one ticket per key.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::{Desk, DeskBackend, backoff};
use crate::{Call, Error, Kind, Opened, Outcome, Result, Retry, TicketDraft, TicketId, TicketKey};

/// How many keys are remembered. A search that lags further behind than this many tickets is
/// beyond what any product documents.
const REMEMBERED: usize = 10_000;

/// What this process knows of keys beyond what a look-up says.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<(HashMap<TicketKey, Known>, VecDeque<TicketKey>)>);

#[derive(Clone, Debug)]
enum Known {
    /// A create was begun and has no verdict: its caller may have given up.
    InDoubt,
    /// Created under this id; a search may not find it yet.
    Created(TicketId),
}

impl Memory {
    fn get(&self, key: &TicketKey) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.get(key).cloned()
    }

    fn set(&self, key: &TicketKey, known: Known) {
        let (map, order) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.insert(key.clone(), known).is_none() {
            order.push_back(key.clone());
            if order.len() > REMEMBERED
                && let Some(first) = order.pop_front()
            {
                map.remove(&first);
            }
        }
    }

    fn forget(&self, key: &TicketKey) {
        let (map, order) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.remove(key).is_some() {
            order.retain(|k| k != key);
        }
    }
}

impl<B: DeskBackend> Desk<B> {
    /// Under the key's turn.
    pub(super) async fn open_once(&self, call: &Call, draft: &TicketDraft) -> Result<Opened> {
        let key = draft.key();
        match self.memory.get(key) {
            Some(Known::Created(id)) => {
                return Ok(Opened::Existing(self.backend.read(call, &id).await?));
            }
            Some(Known::InDoubt) => {
                let lost = Error::new(Kind::Timeout, "an earlier attempt has no verdict")
                    .with_outcome(Outcome::Unknown);
                return self.reconcile(call, draft, lost).await;
            }
            None => {}
        }
        match super::oldest(self.backend.lookup(call, key).await?) {
            Some(ticket) => Ok(Opened::Existing(ticket)),
            None => self.create(call, draft).await,
        }
    }

    async fn create(&self, call: &Call, draft: &TicketDraft) -> Result<Opened> {
        self.memory.set(draft.key(), Known::InDoubt);
        match self.backend.create(call, draft).await {
            Ok(ticket) => {
                self.memory.set(draft.key(), Known::Created(ticket.id.clone()));
                Ok(Opened::Created(ticket))
            }
            // An answer that cannot be read is as good as none: its id is lost.
            Err(e) if may_exist(&e) => self.reconcile(call, draft, e).await,
            Err(e) if e.kind() == Kind::Conflict => {
                self.memory.forget(draft.key());
                match super::oldest(self.backend.lookup(call, draft.key()).await?) {
                    Some(ticket) => Ok(Opened::Existing(ticket)),
                    None => Err(e),
                }
            }
            Err(e) => {
                self.memory.forget(draft.key());
                Err(e)
            }
        }
    }

    /// The answer to a create was lost: look for the ticket until it is found or time is up. Only
    /// where a look-up sees every create at once does its "no" allow a second create.
    async fn reconcile(&self, call: &Call, draft: &TicketDraft, lost: Error) -> Result<Opened> {
        let until = self.reconcile_until(call);
        let consistent = self.backend.capabilities().find_is_consistent;
        let mut answered_no = 0;
        for attempt in 0.. {
            match self.backend.lookup(call, draft.key()).await {
                Ok(found) => match super::oldest(found) {
                    Some(ticket) => {
                        self.memory.set(draft.key(), Known::Created(ticket.id.clone()));
                        return Ok(Opened::Created(ticket));
                    }
                    None => answered_no += 1,
                },
                Err(e) => tracing::warn!(error = %e, "look-up after a lost answer failed"),
            }
            // Four answers over seven seconds: a request that was still under way has landed.
            if consistent && answered_no >= 4 {
                return self.create_again(call, draft).await;
            }
            let wait = backoff(attempt);
            if self.clock.now().saturating_add(wait) > until {
                break;
            }
            self.clock.pause(wait).await;
        }
        Err(unsettled(lost))
    }

    async fn create_again(&self, call: &Call, draft: &TicketDraft) -> Result<Opened> {
        match self.backend.create(call, draft).await {
            Ok(ticket) => {
                self.memory.set(draft.key(), Known::Created(ticket.id.clone()));
                Ok(Opened::Created(ticket))
            }
            // Twice is enough for one call; the key stays in doubt and the next call looks first.
            Err(e) if may_exist(&e) => Err(unsettled(e)),
            Err(e) => {
                self.memory.forget(draft.key());
                Err(e)
            }
        }
    }
}

fn may_exist(e: &Error) -> bool {
    matches!(e.outcome(), Outcome::Unknown | Outcome::Applied)
}

/// What stays unknown after every look-up says so.
fn unsettled(lost: Error) -> Error {
    lost.with_outcome(Outcome::Unknown).with_retry(Retry::AfterLookup)
}
