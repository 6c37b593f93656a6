use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use url::Url;
use watchfloor_core::{Clock, ConnectorName, Result, Store, TenantId};

use crate::auth::Tokens;
use crate::endpoint::Breaker;
use crate::limit::{InFlight, Rate};
use crate::observe::Observer;
use crate::retry::budget::Budget;
use crate::{Auth, Classify, Client, Settings};

/// What the connectors of a process share: retry budgets, limiters and breakers by tenant and host,
/// tokens by tenant and credential. One per process; a clone is the same layer.
#[derive(Clone)]
pub struct Layer {
    inner: Arc<Inner>,
    observer: Option<Arc<dyn Observer>>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    hosts: Mutex<HashMap<HostKey, Arc<Host>>>,
    tokens: Tokens,
    /// Some breaker has changed: who waits for one looks again.
    changed: Arc<Notify>,
}

/// Tenant, and `host:port`.
type HostKey = (TenantId, Arc<str>);

/// What is kept of one host for one tenant.
#[derive(Debug, Default)]
pub(crate) struct Host {
    pub(crate) budget: Budget,
    pub(crate) rate: Rate,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) breaker: Breaker,
}

impl Layer {
    /// A layer that waits on this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (hosts, tokens, changed) = Default::default();
        Self { inner: Arc::new(Inner { clock, hosts, tokens, changed }), observer: None }
    }

    /// The same layer, which tells this observer what the clients do that are made with it.
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// A layer with this one's clock and observer, which shares nothing else with it, and keeps the tokens that change with
    /// every use in a store: OAuth 2.0's grants `refresh_token` and `password`. Their refresh
    /// tokens lie there as they are; the store guards them.
    pub fn with_store(self, store: Arc<dyn Store>) -> Self {
        let (clock, tokens) = (self.inner.clock.clone(), Tokens::stored_in(store));
        let (hosts, changed) = Default::default();
        Self { inner: Arc::new(Inner { clock, hosts, tokens, changed }), observer: self.observer }
    }

    /// The client of a connector. `endpoints` are base URLs of one product, used in turn; the paths
    /// of requests are taken below them.
    ///
    /// [`Kind::Config`](watchfloor_core::Kind::Config) for a URL that nothing may be sent to (no
    /// http or https, a password in it, a query), for a credential over plain http elsewhere than
    /// to loopback, and for a credential that no header can hold.
    pub fn client(
        &self,
        name: &ConnectorName,
        endpoints: Vec<Url>,
        auth: Auth,
        settings: Settings,
        classify: impl Classify,
    ) -> Result<Client> {
        Client::new(self.clone(), name, endpoints, auth, settings, Box::new(classify))
    }

    /// The clock it waits on.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.inner.tokens
    }

    pub(crate) fn observer(&self) -> Option<&dyn Observer> {
        self.observer.as_deref()
    }

    pub(crate) fn changed(&self) -> &Arc<Notify> {
        &self.inner.changed
    }

    pub(crate) fn host(&self, tenant: &TenantId, authority: &Arc<str>) -> Arc<Host> {
        let mut hosts = self.inner.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.entry((tenant.clone(), authority.clone())).or_default().clone()
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("clock", &self.inner.clock).finish_non_exhaustive()
    }
}
