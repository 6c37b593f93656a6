//! Tokens: kept by tenant and credential, renewed once for all who need them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::watch;
use watchfloor_core::{Kind, Outcome, Result, Secret, TenantId, Timestamp};

use super::Grant;
use super::oauth2::ClientCredentials;
use crate::Verdict;
use crate::deadline::{Busied, Deadline};

/// How long after a failed early renewal the token that still holds is used without another try.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// A token as it goes on the wire, and until when. Wall-clock times: they hold across a suspended
/// machine, where a monotonic clock stands still (T5).
pub(super) struct Token {
    pub(super) header: HeaderValue,
    /// From here on it is renewed while it is still used.
    early: Timestamp,
    /// From here on it is not used: a little before its end, for clocks that differ.
    end: Timestamp,
}

impl Token {
    pub(super) fn new(header: HeaderValue, from: Timestamp, life: Duration) -> Self {
        let expires = from.saturating_add(life);
        Self {
            header,
            early: expires.saturating_sub((life / 5).min(Duration::from_secs(60))),
            end: expires.saturating_sub((life / 10).min(Duration::from_secs(10))),
        }
    }
}

/// The tokens of a process.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<Key, Vec<BySecret>>>);

type BySecret = (Secret, Arc<Slot>);

#[derive(PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    token_url: url::Url,
    grant: &'static str,
    client_id: String,
    scope: Option<String>,
}

impl Tokens {
    /// The place of a credential's token. The secret belongs to the key: after it was changed, a
    /// token of the old one is not used.
    pub(super) fn slot(&self, tenant: &TenantId, grant: &Grant) -> Arc<Slot> {
        let key = Key {
            tenant: tenant.clone(),
            token_url: grant.token_url.clone(),
            grant: "client_credentials",
            client_id: grant.client_id.clone(),
            scope: grant.scope.clone(),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = all.entry(key).or_default();
        if let Some((_, slot)) = slots.iter().find(|(secret, _)| *secret == grant.client_secret) {
            return slot.clone();
        }
        let slot = Arc::<Slot>::default();
        slots.push((grant.client_secret.clone(), slot.clone()));
        slot
    }
}

type Renewed = Result<Arc<Token>, Verdict>;

/// One credential's token and its renewal, of which there is at most one.
#[derive(Default)]
pub(super) struct Slot(Mutex<State>);

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    renewal: Option<watch::Receiver<Option<Renewed>>>,
    not_early_before: Timestamp,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that holds; `refused` is one that the other side no longer takes.
    pub(super) async fn token(
        self: &Arc<Self>,
        source: &Arc<ClientCredentials>,
        refused: Option<&Arc<Token>>,
        deadline: &Deadline,
        busied: &mut Busied,
    ) -> Renewed {
        let mut renewal = {
            let mut state = self.state();
            let now = source.clock().now();
            let same = |token: &Arc<Token>| refused.is_some_and(|r| Arc::ptr_eq(r, token));
            // Gone for all: who comes next must not send it once more.
            state.token.take_if(|token| same(token));
            if let Some(token) = state.token.clone().filter(|token| now < token.end) {
                if now >= token.early && now >= state.not_early_before {
                    self.renew(&mut state, source);
                }
                return Ok(token);
            }
            self.renew(&mut state, source)
        };
        let waited = deadline.bound(async {
            let renewed = renewal.wait_for(Option::is_some).await;
            renewed.ok().and_then(|renewed| renewed.clone())
        });
        match busied.idle(waited).await {
            Some(Some(renewed)) => renewed,
            Some(None) => Err(Verdict::new(
                Kind::Unavailable,
                Outcome::NotSent,
                "the token request was abandoned",
            )),
            None => Err(Verdict::new(
                Kind::Timeout,
                Outcome::NotSent,
                "no token within the time of the operation",
            )),
        }
    }

    /// The renewal under way, or a new one: a task of its own, so that a caller who gives up does
    /// not take it away from the others (T37).
    fn renew(
        self: &Arc<Self>,
        state: &mut State,
        source: &Arc<ClientCredentials>,
    ) -> watch::Receiver<Option<Renewed>> {
        // A sender that is gone without a word was dropped with its runtime.
        if let Some(under_way) = state.renewal.clone().filter(|r| r.has_changed().is_ok()) {
            return under_way;
        }
        let (send, receive) = watch::channel(None);
        state.renewal = Some(receive.clone());
        let (slot, source) = (self.clone(), source.clone());
        tokio::spawn(async move {
            let _busy = source.clock().busy();
            let renewed = source.fetch().await.map(Arc::new);
            let mut state = slot.state();
            state.renewal = None;
            match &renewed {
                Ok(token) => state.token = Some(token.clone()),
                Err(_) => {
                    state.not_early_before = source.clock().now().saturating_add(AFTER_FAILURE);
                }
            }
            drop(state);
            send.send_replace(Some(renewed));
        });
        receive
    }
}
