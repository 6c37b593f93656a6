use std::fmt;
use std::sync::Arc;

use http::Method;
use url::Url;
use watchfloor_core::{Call, ConnectorName, Error, Kind, Result};

use crate::auth::Credential;
use crate::endpoint::RoundRobin;
use crate::transport::Transport;
use crate::{Attempts, Auth, Classify, Layer, Repeat, Request, Settings, egress};

/// A connector's way to its product: made by [`Layer::client`]; a clone is the same client.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) name: ConnectorName,
    pub(crate) layer: Layer,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) turn: RoundRobin,
    pub(crate) credential: Credential,
    pub(crate) settings: Settings,
    pub(crate) classify: Box<dyn Classify>,
    pub(crate) transport: Transport,
}

pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) authority: Arc<str>,
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
            let transport = Transport::new(endpoints.iter().all(egress::is_loopback), &settings)?;
            let endpoint = |url: Url| Endpoint { authority: egress::authority(&url).into(), url };
            Ok(Self(Arc::new(Inner {
                name: name.clone(),
                layer,
                endpoints: endpoints.into_iter().map(endpoint).collect(),
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

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.0.endpoints.iter().map(|e| &e.authority).collect();
        f.debug_struct("Client").field("name", &self.0.name).field("endpoints", &hosts).finish()
    }
}
