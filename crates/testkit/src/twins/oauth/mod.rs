//! An authorization server and, behind it, a product (RFC 6749, RFC 6750, RFC 7523; refresh token
//! rotation as RFC 9700 §4.14 has it).

#[cfg(feature = "jwt")]
mod assertion;
mod grants;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use watchfloor_core::{Clock, Timestamp};

use crate::{Answer, Fault, Request, Twin};

/// The path of the token endpoint.
const TOKEN: &str = "/oauth/token";

/// A strict token endpoint, at `oauth/token`, in front of a product: whoever has no access token
/// that holds is answered 401, and the product is not asked.
///
/// It grants `client_credentials`, `password`, `refresh_token` and, with the feature `jwt`,
/// `jwt_bearer`. A refresh token is good for one use; who sends a used one again ends everything
/// that was granted with it. Expiry is read on the clock. Requests to the token endpoint are the
/// operation `token`, all others are named by the product.
///
/// ```
/// use std::sync::Arc;
/// use watchfloor_testkit::{Server, TestClock, twins};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
/// let desk = twins::ServiceNow::new(clock.clone(), "", "").accept("Basic inside");
/// let twin = twins::OAuth::before(desk, clock.clone())
///     .client("watchfloor", "secret")
///     .product_takes("Basic inside");
/// let server = Server::start(twin, clock).await?;
/// // … point a connector at server.url(), and ask how many tokens it took:
/// assert_eq!(server.granted("client_credentials"), 0);
/// assert!(server.product().held("incident").is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OAuth<T> {
    clock: Arc<dyn Clock>,
    product: T,
    product_takes: Option<HeaderValue>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The secret of each client; a public one has none.
    clients: BTreeMap<String, Option<String>>,
    users: BTreeMap<String, String>,
    #[cfg(feature = "jwt")]
    issuers: Vec<assertion::Issuer>,
    scopes: BTreeSet<String>,
    life: Duration,
    refresh: Refresh,
    access: BTreeMap<String, Access>,
    refreshers: BTreeMap<String, Refresher>,
    asked: BTreeMap<String, u64>,
    granted: BTreeMap<String, u64>,
    minted: u64,
    /// The ids of assertions, each good for one use.
    #[cfg(feature = "jwt")]
    seen: BTreeSet<String>,
}

/// An access token.
#[derive(Debug)]
struct Access {
    expires: Timestamp,
    family: u64,
}

/// A refresh token.
#[derive(Clone, Debug)]
struct Refresher {
    client: String,
    family: u64,
    used: bool,
}

/// What becomes of refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refresh {
    Rotating,
    Lasting,
    None,
}

impl<T: Twin> OAuth<T> {
    /// A server that knows nobody yet, before a product. Tokens hold for an hour.
    pub fn before(product: T, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            clients: BTreeMap::new(),
            users: BTreeMap::new(),
            #[cfg(feature = "jwt")]
            issuers: Vec::new(),
            scopes: BTreeSet::new(),
            life: Duration::from_secs(3600),
            refresh: Refresh::Rotating,
            access: BTreeMap::new(),
            refreshers: BTreeMap::new(),
            asked: BTreeMap::new(),
            granted: BTreeMap::new(),
            minted: 0,
            #[cfg(feature = "jwt")]
            seen: BTreeSet::new(),
        };
        Self { clock, product, product_takes: None, state: Mutex::new(state) }
    }

    /// The product gets this `Authorization` in place of the access token.
    ///
    /// # Panics
    /// If it is no header's value.
    pub fn product_takes(mut self, authorization: &str) -> Self {
        self.product_takes = Some(HeaderValue::from_str(authorization).expect("a header's value"));
        self
    }

    /// It knows this client.
    pub fn client(self, id: &str, secret: &str) -> Self {
        self.lock().clients.insert(id.to_owned(), Some(secret.to_owned()));
        self
    }

    /// It knows this client, which has no secret.
    pub fn public_client(self, id: &str) -> Self {
        self.lock().clients.insert(id.to_owned(), None);
        self
    }

    /// It knows this user.
    pub fn user(self, name: &str, password: &str) -> Self {
        self.set_password(name, password);
        self
    }

    /// It knows this scope; where it knows none, it takes every one.
    pub fn scope(self, scope: &str) -> Self {
        self.lock().scopes.insert(scope.to_owned());
        self
    }

    /// Access tokens hold this long.
    pub fn life(self, life: Duration) -> Self {
        self.lock().life = life;
        self
    }

    /// A refresh token stays good however often it is used, and no new one comes.
    pub fn lasting_refresh_tokens(self) -> Self {
        self.lock().refresh = Refresh::Lasting;
        self
    }

    /// No answer brings a refresh token.
    pub fn without_refresh_tokens(self) -> Self {
        self.lock().refresh = Refresh::None;
        self
    }

    /// The product.
    pub fn product(&self) -> &T {
        &self.product
    }

    /// The user's password from now on; what was granted with the old one holds.
    pub fn set_password(&self, name: &str, password: &str) {
        self.lock().users.insert(name.to_owned(), password.to_owned());
    }

    /// A refresh token, as a client is given one when a person has agreed.
    pub fn consent(&self, client_id: &str) -> String {
        let mut state = self.lock();
        let family = state.mint();
        state.refresher(client_id, family)
    }

    /// No access token that was granted so far is taken any more.
    pub fn revoke(&self) {
        self.lock().access.clear();
    }

    /// Nor a refresh token.
    pub fn revoke_refresh_tokens(&self) {
        self.lock().refreshers.clear();
    }

    /// How many requests there were with this grant, named as in a configuration; refused ones too.
    pub fn asked(&self, grant: &str) -> u64 {
        self.lock().asked.get(grant).copied().unwrap_or_default()
    }

    /// How many tokens were granted so.
    pub fn granted(&self, grant: &str) -> u64 {
        self.lock().granted.get(grant).copied().unwrap_or_default()
    }

    /// How many refresh tokens are good for a use.
    pub fn live_refresh_tokens(&self) -> usize {
        self.lock().refreshers.values().filter(|r| !r.used).count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_admitted(&self, request: &Request) -> bool {
        let token = request.header("authorization").and_then(|h| h.strip_prefix("Bearer "));
        let state = self.lock();
        let access = token.and_then(|token| state.access.get(token));
        access.is_some_and(|access| self.clock.now() < access.expires)
    }
}

impl State {
    fn mint(&mut self) -> u64 {
        self.minted += 1;
        self.minted
    }

    fn refresher(&mut self, client: &str, family: u64) -> String {
        let token = format!("cnry-refresh-{}", self.mint());
        let refresher = Refresher { client: client.to_owned(), family, used: false };
        self.refreshers.insert(token.clone(), refresher);
        token
    }
}

impl<T: Twin> Twin for OAuth<T> {
    fn operation(&self, request: &Request) -> &'static str {
        if request.path == TOKEN { "token" } else { self.product.operation(request) }
    }

    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if matches!(fault, Some(Fault::ExpireCredential)) {
            self.revoke();
        }
        if request.path == TOKEN {
            return self.grant(request);
        }
        if !self.is_admitted(request) {
            let challenge = r#"Bearer error="invalid_token""#;
            return Answer::new(401).header("www-authenticate", challenge);
        }
        let mut inside = request.clone();
        if let Some(authorization) = &self.product_takes {
            inside.headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.product.handle(&inside, fault.filter(|f| !matches!(f, Fault::ExpireCredential)))
    }
}
