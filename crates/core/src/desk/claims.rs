//! Who of all openers may send a create, and what became of it.
//!
//! One record a key, changed by compare-and-set alone: in the [`Store`], so that it outlives the
//! process and every process that shares the store sees it, else in this process.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    Clock, ConnectorName, Error, Kind, Outcome, Result, Store, TenantId, TicketId, TicketKey,
    Timestamp, Write, random,
};

/// The table of the store.
const SPACE: &str = "desk.claims";

/// Keys that are remembered where there is no store. A search that lags further behind than this
/// many tickets is beyond what any product documents.
const REMEMBERED: usize = 10_000;

/// How long a record is kept: a key counts for a day, and an alert may be read again for weeks.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// How often old records are looked for.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// Records that one sweep reads at a time.
const SWEPT_AT_ONCE: usize = 1000;

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Known {
    /// A look-up found nothing, and nothing is sent that could have an effect.
    Free { at: Timestamp },
    /// A create may be under way, or has no verdict.
    Sent { owner: String, at: Timestamp },
    /// Created, or found, under this id; a search may not find it yet.
    Ticket { id: TicketId, at: Timestamp },
}

impl Known {
    fn at(&self) -> Timestamp {
        let (Self::Free { at } | Self::Sent { at, .. } | Self::Ticket { at, .. }) = self;
        *at
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u8,
    known: Known,
}

/// A record as it was read; a change holds only while it is still so.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    raw: Option<Bytes>,
    pub(super) known: Option<Known>,
}

pub(super) struct Claims {
    connector: ConnectorName,
    clock: Arc<dyn Clock>,
    /// This desk of this process.
    owner: String,
    claimant: OnceLock<String>,
    store: Option<Arc<dyn Store>>,
    memory: Mutex<Memory>,
    swept: Mutex<Option<Timestamp>>,
}

#[derive(Default)]
struct Memory {
    records: HashMap<Vec<u8>, Bytes>,
    order: VecDeque<Vec<u8>>,
}

impl Claims {
    pub(super) fn new(connector: ConnectorName, clock: Arc<dyn Clock>) -> Self {
        Self {
            connector,
            clock,
            owner: random::uuid().simple().to_string(),
            claimant: OnceLock::new(),
            store: None,
            memory: Mutex::default(),
            swept: Mutex::default(),
        }
    }

    pub(super) fn set_store(&mut self, store: Option<Arc<dyn Store>>) {
        self.store = store;
    }

    /// Whether other processes see the records.
    pub(super) fn shared(&self) -> bool {
        self.store.is_some()
    }

    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// As whom this desk claims keys in the product: with a store the same after a restart, so that
    /// what was claimed and not created before is claimed by no stranger.
    pub(super) async fn claimant(&self) -> Result<&str> {
        let Some(store) = &self.store else { return Ok(&self.owner) };
        if let Some(known) = self.claimant.get() {
            return Ok(known);
        }
        let (space, key) = (SPACE, b"\0claimant".to_vec());
        let expect = Write::Expect { space, key: key.clone(), value: None };
        let put = Write::Put { space, key: key.clone(), value: self.owner.clone().into() };
        match store.commit(vec![expect, put]).await {
            Err(e) if e.kind() != Kind::Conflict => return Err(not_sent(e)),
            _ => {}
        }
        let held = store.get(space, &key).await.map_err(not_sent)?.unwrap_or_default();
        Ok(self.claimant.get_or_init(|| String::from_utf8_lossy(&held).into_owned()))
    }

    /// By connector and tenant. Neither part of a name holds the zero byte that ends it.
    pub(super) fn key(&self, tenant: &TenantId, key: &TicketKey) -> Vec<u8> {
        let clean = |part: &str| part.replace('\0', "\u{fffd}");
        let (connector, tenant) = (clean(self.connector.as_str()), clean(tenant.as_str()));
        format!("{connector}\0{tenant}\0{}", clean(key.as_str())).into_bytes()
    }

    pub(super) async fn get(&self, key: &[u8]) -> Result<Seen> {
        let raw = match &self.store {
            Some(store) => store.get(SPACE, key).await.map_err(not_sent)?,
            None => self.memory().records.get(key).cloned(),
        };
        let known = match &raw {
            None => None,
            Some(raw) => Some(decode(raw)?),
        };
        Ok(Seen { raw, known })
    }

    /// Changes the record if it is still as it was seen; `None` if another changed it.
    pub(super) async fn swap(&self, key: &[u8], seen: &Seen, known: Known) -> Result<Option<Seen>> {
        let text = serde_json::to_vec(&Stored { v: 1, known: known.clone() })
            .map_err(|_| Error::new(Kind::Internal, "a claim cannot be written"))?;
        let raw = Bytes::from(text);
        let done = match &self.store {
            Some(store) => {
                let (space, key) = (SPACE, key.to_vec());
                let expect = Write::Expect { space, key: key.clone(), value: seen.raw.clone() };
                let put = Write::Put { space, key, value: raw.clone() };
                match store.commit(vec![expect, put]).await {
                    Ok(()) => true,
                    Err(e) if e.kind() == Kind::Conflict => false,
                    Err(e) => return Err(not_sent(e)),
                }
            }
            None => self.memory().swap(key, seen, &raw),
        };
        Ok(done.then_some(Seen { raw: Some(raw), known: Some(known) }))
    }

    /// The same where the effect is there already, so that failing to note it is no failure.
    pub(super) async fn note(&self, key: &[u8], seen: &Seen, known: Known) {
        match self.swap(key, seen, known).await {
            Ok(Some(_)) => {}
            Ok(None) => tracing::debug!("another process noted what became of a key"),
            Err(e) => tracing::warn!(error = %e, "what became of a ticket key is not noted"),
        }
    }

    /// Once a day, takes out what is old. Never a record that may still be in doubt.
    pub(super) async fn sweep(&self) {
        let Some(store) = &self.store else { return };
        let now = self.clock.now();
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.is_some_and(|at| now.since(at) < SWEEP) {
                return;
            }
            *swept = Some(now);
        }
        if let Err(e) = self.sweep_before(&**store, now.saturating_sub(KEPT)).await {
            tracing::warn!(error = %e, "old ticket keys are kept");
        }
    }

    async fn sweep_before(&self, store: &dyn Store, oldest: Timestamp) -> Result<()> {
        let mut from = format!("{}\0", self.connector.as_str().replace('\0', "\u{fffd}"));
        let until = from.replace('\0', "\u{1}").into_bytes();
        let mut start = std::mem::take(&mut from).into_bytes();
        loop {
            let page = store.range(SPACE, start..until.clone(), SWEPT_AT_ONCE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            start = [last.as_slice(), &[0]].concat();
            let old = page.iter().filter(|(_, raw)| decode(raw).is_ok_and(|k| k.at() < oldest));
            for (key, raw) in old {
                let (space, key) = (SPACE, key.clone());
                let expect = Write::Expect { space, key: key.clone(), value: Some(raw.clone()) };
                match store.commit(vec![expect, Write::Delete { space, key }]).await {
                    Err(e) if e.kind() != Kind::Conflict => return Err(e),
                    _ => {}
                }
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn swap(&mut self, key: &[u8], seen: &Seen, raw: &Bytes) -> bool {
        if self.records.get(key) != seen.raw.as_ref() {
            return false;
        }
        if self.records.insert(key.to_vec(), raw.clone()).is_none() {
            self.order.push_back(key.to_vec());
            if self.order.len() > REMEMBERED
                && let Some(first) = self.order.pop_front()
            {
                self.records.remove(&first);
            }
        }
        true
    }
}

fn decode(raw: &[u8]) -> Result<Known> {
    match serde_json::from_slice::<Stored>(raw) {
        Ok(Stored { v: 1, known }) => Ok(known),
        _ => Err(not_sent(Error::new(
            Kind::Internal,
            "the store's record of this ticket key is of another version",
        ))),
    }
}

/// Nothing goes out before it is written down.
fn not_sent(e: Error) -> Error {
    e.with_outcome(Outcome::NotSent).with_operation("desk.claim")
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("store", &self.store).finish_non_exhaustive()
    }
}
