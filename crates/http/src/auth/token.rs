//! Tokens: kept by tenant and credential, renewed once for all who need them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::watch;
use tracing::Instrument as _;
use watchfloor_core::{Busy, Kind, Result, Secret, Store, TenantId, Timestamp};

use super::ask::{Refusal, Source, not_sent};
use super::on_the_wire;
use super::renew::{Memory, Renewal};
use super::store::Shelf;
use crate::Verdict;
use crate::deadline::{Busied, Deadline};

/// How long after a failed early renewal the token that still holds is used without another try.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// How long after the first refusal of a credential nobody presents it again, twice as long after
/// each further one: accounts are locked after a few wrong passwords.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);
/// And never longer than this.
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// A token as it goes on the wire, and until when. Wall-clock times: they hold across a restart and
/// a suspended machine, where a monotonic clock stands still (T5).
pub(super) struct Token {
    pub(super) header: HeaderValue,
    pub(super) access: Secret,
    /// The refresh token that came with it.
    pub(super) refresh: Option<Secret>,
    pub(super) issued: Timestamp,
    pub(super) expires: Timestamp,
    /// From here on it is renewed while it is still used.
    early: Timestamp,
    /// From here on it is not used: a little before its end, for clocks that differ.
    end: Timestamp,
}

impl Token {
    /// `None` where no header can carry it.
    pub(super) fn new(
        access: Secret,
        refresh: Option<Secret>,
        issued: Timestamp,
        expires: Timestamp,
    ) -> Option<Self> {
        let life = expires.since(issued);
        Some(Self {
            header: on_the_wire("Bearer ", &access)?,
            access,
            refresh,
            issued,
            expires,
            early: expires.saturating_sub((life / 5).min(Duration::from_secs(60))),
            end: expires.saturating_sub((life / 10).min(Duration::from_secs(10))),
        })
    }

    pub(super) fn holds(&self, now: Timestamp) -> bool {
        now < self.end
    }
}

/// The tokens of a process: as many as it has credentials and tenants.
#[derive(Default)]
pub(crate) struct Tokens {
    store: Option<Arc<dyn Store>>,
    slots: Mutex<HashMap<Key, Vec<Arc<Slot>>>>,
}

/// Tenant, and all of a credential that is no secret.
type Key = (TenantId, String);

impl Tokens {
    /// Tokens of which those that change with every use are kept in a store.
    pub(crate) fn stored_in(store: Arc<dyn Store>) -> Self {
        Self { store: Some(store), slots: Mutex::default() }
    }

    /// The place of a credential's token. The secrets belong to it: after one was changed, a token
    /// of the old one is not used.
    pub(super) fn slot(&self, tenant: &TenantId, source: &Arc<Source>) -> Arc<Slot> {
        let key = (tenant.clone(), source.place.clone());
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = slots.entry(key).or_default();
        if let Some(slot) =
            slots.iter().find(|slot| slot.source.oauth2.same_secrets(&source.oauth2))
        {
            return slot.clone();
        }
        let store = self.store.as_ref().filter(|_| source.oauth2.grant.rotates());
        let shelf = store.map(|store| Shelf::new(store.clone(), tenant, source));
        let (state, memory) = (Mutex::default(), Mutex::default());
        let slot = Arc::new(Slot { source: source.clone(), shelf, memory, state });
        slots.push(slot.clone());
        slot
    }
}

type Renewed = Result<Arc<Token>, Verdict>;

/// What a renewal came to. The clock stays busy until those who wait have seen it.
type Told = Option<(Renewed, Arc<Busy>)>;

/// One credential's token and its renewal, of which there is at most one.
pub(super) struct Slot {
    pub(super) source: Arc<Source>,
    pub(super) shelf: Option<Shelf>,
    /// What the renewal knows; no other reads it.
    pub(super) memory: Mutex<Memory>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    renewal: Option<watch::Receiver<Told>>,
    /// Monotonic times, since they are waits.
    not_early_before: Duration,
    rest: Option<(Duration, Verdict)>,
    refusals: u32,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that holds; `refused` is one that the other side no longer takes.
    pub(super) async fn token(
        self: &Arc<Self>,
        refused: Option<&Arc<Token>>,
        deadline: &Deadline,
        busied: &mut Busied,
    ) -> Renewed {
        let mut renewal = {
            let mut state = self.state();
            let clock = self.source.clock();
            let (now, since_start) = (clock.now(), clock.monotonic());
            let same = |token: &Arc<Token>| refused.is_some_and(|r| Arc::ptr_eq(r, token));
            // Gone for all: who comes next must not send it once more.
            state.token.take_if(|token| same(token));
            let resting = state.rest.clone().filter(|(until, _)| since_start < *until);
            if let Some(token) = state.token.clone().filter(|token| token.holds(now)) {
                let early = now >= token.early && since_start >= state.not_early_before;
                if early && resting.is_none() {
                    self.renew(&mut state);
                }
                return Ok(token);
            }
            if let Some((_, refusal)) = resting {
                return Err(refusal);
            }
            self.renew(&mut state)
        };
        let waited = deadline.bound(async {
            let renewed = renewal.wait_for(Option::is_some).await;
            renewed.ok().and_then(|renewed| renewed.clone())
        });
        match busied.idle(waited).await {
            Some(Some((renewed, _busy))) => renewed,
            Some(None) => {
                Err(not_sent(Kind::Unavailable, "the token request was abandoned".into()))
            }
            None => {
                Err(not_sent(Kind::Timeout, "no token within the time of the operation".into()))
            }
        }
    }

    /// The renewal under way, or a new one: a task of its own, so that a caller who gives up does
    /// not take it away from the others (T37).
    fn renew(self: &Arc<Self>, state: &mut State) -> watch::Receiver<Told> {
        // A sender that is gone without a word was dropped with its runtime.
        if let Some(under_way) = state.renewal.clone().filter(|r| r.has_changed().is_ok()) {
            return under_way;
        }
        let (send, receive) = watch::channel(None);
        state.renewal = Some(receive.clone());
        let slot = self.clone();
        let url = &self.source.oauth2.token_url;
        let span = tracing::info_span!(
            parent: None,
            "http.token",
            grant = self.source.oauth2.grant.name(),
            server.address = url.host_str(),
            error.type = tracing::field::Empty,
        );
        // From now on, not from when the task runs first: a busy machine may leave it lying, and who
        // waits for it is not busy.
        let busy = Arc::new(self.source.clock().busy());
        let work = async move {
            let renewed = Renewal::new(&slot).run().await.map(Arc::new);
            if let Err(refusal) = &renewed {
                tracing::Span::current().record("error.type", refusal.verdict.kind.as_str());
            }
            let mut state = slot.state();
            state.renewal = None;
            state.note(&renewed, slot.source.clock().monotonic(), slot.source.clock().now());
            drop(state);
            send.send_replace(Some((renewed.map_err(|refusal| refusal.verdict), busy)));
        };
        tokio::spawn(work.instrument(span));
        receive
    }
}

impl State {
    fn note(
        &mut self,
        renewed: &Result<Arc<Token>, Refusal>,
        since_start: Duration,
        now: Timestamp,
    ) {
        let refusal = match renewed {
            Ok(token) => {
                self.token = Some(token.clone());
                (self.rest, self.refusals) = (None, 0);
                return;
            }
            Err(refusal) => refusal,
        };
        let verdict = &refusal.verdict;
        let asked = verdict.not_before.map(|at| at.since(now));
        let refused =
            matches!(verdict.kind, Kind::Unauthenticated | Kind::Forbidden | Kind::Config);
        let rest = if refused {
            self.refusals += 1;
            let longer = AFTER_REFUSAL * 2_u32.saturating_pow((self.refusals - 1).min(6));
            Some(longer.min(LONGEST_REST))
        } else {
            asked
        };
        self.rest = rest.map(|rest| (since_start.saturating_add(rest), verdict.clone()));
        self.not_early_before = since_start.saturating_add(AFTER_FAILURE);
    }
}
