//! A strict authorization server in front of a product, and a store in memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use url::Url;
use watchfloor_core::{Error, Kind, Result, Root, Secret, Store, TenantId, Write, async_trait};
use watchfloor_http::{Auth, ByStatus, Client, Layer, OAuth2, Settings};
use watchfloor_testkit::{Logged, Server, TestClock, twins};

use crate::bench::{Product, name};

pub(super) type Twin = twins::OAuth<Product>;

/// The server, the clock, and who it knows: client `bot` and user `ann`.
pub(super) struct Realm {
    pub(super) clock: TestClock,
    pub(super) server: Server<Twin>,
}

pub(super) const CLIENT_SECRET: &str = "cnry-client-secret";
pub(super) const PASSWORD: &str = "cnry-password";

impl Realm {
    pub(super) async fn new() -> Self {
        Self::of(|twin| twin).await
    }

    pub(super) async fn of(change: impl FnOnce(Twin) -> Twin) -> Self {
        let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
        let twin = twins::OAuth::before(Product::open(), Arc::new(clock.clone()));
        let twin = change(twin.client("bot", CLIENT_SECRET).user("ann", PASSWORD));
        let server = Server::start(twin, Arc::new(clock.clone())).await.unwrap();
        Self { clock, server }
    }

    pub(super) fn url(&self) -> Url {
        self.server.url().parse().unwrap()
    }

    pub(super) fn token_url(&self) -> Url {
        self.url().join("oauth/token").unwrap()
    }

    pub(super) fn layer(&self) -> Layer {
        Layer::new(Arc::new(self.clock.clone()))
    }

    pub(super) fn client_credentials(&self) -> OAuth2 {
        OAuth2::client_credentials(self.token_url(), "bot", Secret::new(CLIENT_SECRET))
    }

    pub(super) fn password(&self) -> OAuth2 {
        self.with_password(PASSWORD)
    }

    pub(super) fn with_password(&self, password: &str) -> OAuth2 {
        OAuth2::password(self.token_url(), "ann", Secret::new(password))
            .client("bot", Some(Secret::new(CLIENT_SECRET)))
    }

    /// With a refresh token of a person's consent.
    pub(super) fn consented(&self) -> OAuth2 {
        self.refresh_token(&self.server.consent("bot"))
    }

    pub(super) fn refresh_token(&self, token: &str) -> OAuth2 {
        OAuth2::refresh_token(self.token_url(), Secret::new(token))
            .client("bot", Some(Secret::new(CLIENT_SECRET)))
    }

    pub(super) fn client(&self, layer: &Layer, oauth2: OAuth2) -> Client {
        self.made(layer, Auth::oauth2(oauth2))
    }

    /// A client with a layer of its own.
    pub(super) fn client_of(&self, auth: Auth) -> Client {
        self.made(&self.layer(), auth)
    }

    fn made(&self, layer: &Layer, auth: Auth) -> Client {
        let mut settings = Settings::default();
        settings.max_in_flight = 100;
        layer.client(&name(), vec![self.url()], auth, settings, ByStatus).unwrap()
    }

    pub(super) async fn get(&self, client: &Client) -> Result<()> {
        self.get_for("acme", client).await
    }

    pub(super) async fn get_for(&self, tenant: &str, client: &Client) -> Result<()> {
        let call = Root::new(Arc::new(self.clock.clone())).scope(TenantId::new(tenant)).call();
        client.get("item", "x.get").send(&call).await.map(drop)
    }

    /// So many callers at once; all of them must be served.
    pub(super) async fn all_served(&self, client: &Client, callers: usize) {
        let calls = (0..callers).map(|_| self.get(client));
        for served in futures_util::future::join_all(calls).await {
            served.unwrap();
        }
    }

    pub(super) fn token_requests(&self) -> Vec<Logged> {
        self.server.log().of("token")
    }

    /// A field of each token request.
    pub(super) fn sent(&self, field: &str) -> Vec<Option<String>> {
        self.token_requests().iter().map(|l| l.request.field(field)).collect()
    }

    /// The access token of the last request to the product.
    pub(super) fn last_access(&self) -> String {
        let last = self.server.log().of("item").pop().unwrap();
        last.request.header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned()
    }
}

/// What happens before an operation of the store, counted from when it was said.
type Before = (usize, Box<dyn FnMut(&MemoryStore) + Send>);

/// A store in memory.
#[derive(Default)]
pub(super) struct MemoryStore {
    pub(super) entries: Mutex<BTreeMap<Vec<u8>, Bytes>>,
    pub(super) failing: Mutex<Option<Failing>>,
    before: Mutex<Vec<Before>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failing {
    Reads,
    Writes,
    Both,
    Hangs,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryStore")
    }
}

impl MemoryStore {
    pub(super) fn fail(&self, failing: Option<Failing>) {
        *self.failing.lock().unwrap() = failing;
    }

    /// Before the `nth` operation from now, from one.
    pub(super) fn before(&self, nth: usize, act: impl FnMut(&Self) + Send + 'static) {
        self.before.lock().unwrap().push((nth, Box::new(act)));
    }

    /// The one record in it, as JSON.
    pub(super) fn record(&self) -> serde_json::Value {
        let entries = self.entries.lock().unwrap();
        assert_eq!(entries.len(), 1, "{:?}", entries.keys());
        serde_json::from_slice(entries.values().next().unwrap()).unwrap()
    }

    /// Puts another value in place of the one record.
    pub(super) fn replace(&self, value: impl Into<Bytes>) {
        let mut entries = self.entries.lock().unwrap();
        assert_eq!(entries.len(), 1);
        *entries.values_mut().next().unwrap() = value.into();
    }

    async fn step(&self, reads: bool) -> Result<()> {
        let mut before = std::mem::take(&mut *self.before.lock().unwrap());
        for (left, act) in &mut before {
            *left -= 1;
            if *left == 0 {
                act(self);
            }
        }
        before.retain(|(left, _)| *left > 0);
        self.before.lock().unwrap().extend(before);
        let failing = *self.failing.lock().unwrap();
        match failing {
            Some(Failing::Hangs) => std::future::pending().await,
            Some(Failing::Both) => Err(broken()),
            Some(Failing::Reads) if reads => Err(broken()),
            Some(Failing::Writes) if !reads => Err(broken()),
            _ => Ok(()),
        }
    }
}

fn broken() -> Error {
    Error::new(Kind::Unavailable, "cnry-store-text")
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, _: &'static str, key: &[u8]) -> Result<Option<Bytes>> {
        self.step(true).await?;
        Ok(self.entries.lock().unwrap().get(key).cloned())
    }

    async fn range(
        &self,
        _: &'static str,
        _: Range<Vec<u8>>,
        _: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>> {
        Ok(Vec::new())
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<()> {
        self.step(false).await?;
        let mut entries = self.entries.lock().unwrap();
        for write in &writes {
            if let Write::Expect { key, value, .. } = write
                && entries.get(key) != value.as_ref()
            {
                return Err(Error::new(Kind::Conflict, "it is another"));
            }
        }
        for write in writes {
            match write {
                Write::Put { key, value, .. } => drop(entries.insert(key, value)),
                Write::Delete { key, .. } => drop(entries.remove(&key)),
                _ => {}
            }
        }
        Ok(())
    }
}
