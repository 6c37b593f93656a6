use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;
use watchfloor_core::{Clock, ConnectorName, Result, TenantId};

use crate::auth::Tokens;
use crate::endpoint::Breaker;
use crate::limit::{InFlight, Rate};
use crate::retry::budget::Budget;
use crate::{Auth, Classify, Client, Settings};

/// What the connectors of a process share: retry budgets, limiters and breakers by tenant and host,
/// tokens by tenant and credential. One per process; a clone is the same layer.
#[derive(Clone)]
pub struct Layer(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    hosts: Mutex<HashMap<HostKey, Arc<Host>>>,
    tokens: Tokens,
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
        Self(Arc::new(Inner { clock, hosts: Mutex::default(), tokens: Tokens::default() }))
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
        &self.0.clock
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub(crate) fn host(&self, tenant: &TenantId, authority: &Arc<str>) -> Arc<Host> {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.entry((tenant.clone(), authority.clone())).or_default().clone()
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("clock", &self.0.clock).finish_non_exhaustive()
    }
}
