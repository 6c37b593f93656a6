use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use http::Method;
use url::Url;
use watchfloor_core::{Call, ConnectorName, Error, Health, Kind, Result, Stage, State, TenantId};

use crate::auth::Credential;
use crate::endpoint::RoundRobin;
use crate::layer::Host;
use crate::page::Link;
use crate::transport::Transport;
use crate::{Attempts, Auth, Classify, Layer, Repeat, Request, Settings, egress};

/// A connector's way to its product: made by [`Layer::client`]; a clone is the same client.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) name: ConnectorName,
    pub(crate) layer: Layer,
    pub(crate) endpoints: Vec<Endpoint>,
    hosts: RwLock<HashMap<TenantId, Arc<[Arc<Host>]>>>,
    pub(crate) turn: RoundRobin,
    pub(crate) credential: Credential,
    pub(crate) settings: Settings,
    pub(crate) classify: Box<dyn Classify>,
    pub(crate) transport: Transport,
}

pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) authority: Arc<str>,
    /// The last path and its URL: many connectors have but one.
    last: RwLock<(String, Option<Url>)>,
}

impl Endpoint {
    /// The URL of a path below it.
    pub(crate) fn at(&self, path: &str) -> Result<Url> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        if let (of, Some(url)) = &*last
            && of == path
        {
            return Ok(url.clone());
        }
        drop(last);
        let url = egress::below(&self.url, path)?;
        let last = (path.to_owned(), Some(url.clone()));
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = last;
        Ok(url)
    }
}

impl Client {
    pub(crate) fn new(
        layer: Layer,
        name: &ConnectorName,
        endpoints: Vec<Url>,
        auth: Auth,
        settings: Settings,
        classify: Box<dyn Classify>,
    ) -> Result<Self> {
        let build = || {
            if endpoints.is_empty() {
                return Err(Error::new(Kind::Config, "no endpoint is given"));
            }
            for url in &endpoints {
                egress::check(url, !auth.is_none())?;
            }
            let credential = auth.prepare(layer.clock(), &settings)?;
            let transport = Transport::new(&endpoints, &settings)?;
            warn_if_unverified(name, &endpoints, &settings);
            let endpoint = |url: Url| Endpoint {
                authority: egress::authority(&url).into(),
                url,
                last: RwLock::default(),
            };
            Ok(Self(Arc::new(Inner {
                name: name.clone(),
                layer,
                endpoints: endpoints.into_iter().map(endpoint).collect(),
                hosts: RwLock::default(),
                turn: RoundRobin::default(),
                credential,
                settings,
                classify,
                transport,
            })))
        };
        build().map_err(|e: Error| e.with_connector(name))
    }

    /// The connector it belongs to.
    pub fn name(&self) -> &ConnectorName {
        &self.0.name
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// What a check found, with what only the connection can tell: a [`Stage::Tls`] that is good
    /// once an https endpoint was talked to, and [`Stage::Degraded`] where every certificate is
    /// taken. An adapter's `check` ends with it.
    pub fn health(&self, mut found: Health) -> Health {
        let refused = found.stages.iter().any(|(stage, _)| *stage == Stage::Tls);
        if let Some(seen) = self.0.transport.tls().filter(|_| !refused) {
            let place = found.stages.iter().position(|(stage, _)| *stage > Stage::Tls);
            let good = (Stage::Tls, State::Good { seen });
            found.stages.insert(place.unwrap_or(found.stages.len()), good);
        }
        if self.0.settings.tls.is_unverified() {
            let why = "danger_accept_invalid_certs: nobody knows who answers and reads along";
            let fix = "take it out; ca_file adds an authority of your own";
            return found.bad(Stage::Degraded, why, fix);
        }
        found
    }

    /// A request of `path` below the endpoint. Put foreign text into a path with
    /// [`segment`](crate::segment). `operation` is `vendor.verb`, for errors and spans.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        operation: &'static str,
        repeat: Repeat,
    ) -> Request {
        Request::new(self.clone(), method, path, operation, repeat)
    }

    /// A `GET`, which is [`Repeat::Harmless`].
    pub fn get(&self, path: &str, operation: &'static str) -> Request {
        self.request(Method::GET, path, operation, Repeat::Harmless)
    }

    /// A `GET` of the page that a `Link` header named.
    pub fn follow(&self, link: &Link, operation: &'static str) -> Request {
        self.get(&link.path, operation).with_query(&link.query)
    }

    /// A `POST`.
    pub fn post(&self, path: &str, operation: &'static str, repeat: Repeat) -> Request {
        self.request(Method::POST, path, operation, repeat)
    }

    /// A `PUT`.
    pub fn put(&self, path: &str, operation: &'static str, repeat: Repeat) -> Request {
        self.request(Method::PUT, path, operation, repeat)
    }

    /// A `PATCH`.
    pub fn patch(&self, path: &str, operation: &'static str, repeat: Repeat) -> Request {
        self.request(Method::PATCH, path, operation, repeat)
    }

    /// A `DELETE`.
    pub fn delete(&self, path: &str, operation: &'static str, repeat: Repeat) -> Request {
        self.request(Method::DELETE, path, operation, repeat)
    }

    /// The attempts of one operation whose body the caller rebuilds between them: one count, one
    /// `timeout`, one budget for all of them. See [`Request::send_on`].
    pub fn attempts(&self, call: &Call) -> Attempts {
        Attempts::new(self.clone(), call)
    }
}

impl Inner {
    /// What the layer keeps of each endpoint's host, in the order of the endpoints.
    pub(crate) fn hosts(&self, tenant: &TenantId) -> Arc<[Arc<Host>]> {
        if let Some(hosts) = self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(tenant) {
            return hosts.clone();
        }
        let host = |e: &Endpoint| self.layer.host(tenant, &e.authority);
        let all: Arc<[_]> = self.endpoints.iter().map(host).collect();
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        hosts.entry(tenant.clone()).or_insert(all).clone()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.0.endpoints.iter().map(|e| &e.authority).collect();
        f.debug_struct("Client").field("name", &self.0.name).field("endpoints", &hosts).finish()
    }
}

/// Loud on every start, also where plain http leaves no certificate to take.
fn warn_if_unverified(connector: &ConnectorName, endpoints: &[Url], settings: &Settings) {
    if settings.tls.is_unverified() {
        let plain = endpoints.iter().any(|url| url.scheme() == "http");
        tracing::warn!(
            connector = connector.as_str(),
            plain_http = plain,
            "danger_accept_invalid_certs: every certificate is taken, nobody knows who answers and reads along"
        );
    }
}
