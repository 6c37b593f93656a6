//! The wire: the one place with real timers, since a clock that jumps must not cut off an answer.

pub(crate) mod body;
mod failure;
mod proxy;
mod tls;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::{self, HeaderValue};
use url::Url;
use watchfloor_core::{Clock, Error, Kind, Outcome, Result};

use crate::request::Parts;
use crate::{Answer, Settings, Verdict};
pub use proxy::Proxy;
use tls::Seen;
pub use tls::Tls;

const USER_AGENT: &str = concat!("watchfloor/", env!("CARGO_PKG_VERSION"));

/// A pool of connections: no redirects, no retries of its own, no cookies.
pub(crate) struct Transport {
    pool: RwLock<reqwest::Client>,
    recipe: Recipe,
    seen: Arc<Seen>,
}

/// What a pool is made of, so that another can be made.
struct Recipe {
    tls: rustls::ClientConfig,
    proxies: Vec<reqwest::Proxy>,
    connect_timeout: Duration,
}

impl Transport {
    /// A pool for requests to these URLs.
    pub(crate) fn new<'a>(
        urls: impl IntoIterator<Item = &'a Url> + Clone,
        settings: &Settings,
    ) -> Result<Self> {
        let ways = proxy::ways(settings, urls.clone())?;
        let encrypted = urls.into_iter().any(is_https) || ways.iter().any(proxy::Way::is_https);
        let seen = Arc::<Seen>::default();
        // System roots are read only where they are needed: there may be none.
        let tls = settings.tls.config(encrypted, seen.clone())?;
        let proxies = ways.into_iter().map(proxy::Way::into_reqwest).collect::<Result<_>>()?;
        let recipe = Recipe { tls, proxies, connect_timeout: settings.connect_timeout };
        let pool = recipe.pool().ok_or_else(|| {
            Error::new(Kind::Internal, "no pool of connections can be made of the settings")
        })?;
        Ok(Self { pool: RwLock::new(pool), recipe, seen })
    }

    /// Gives all pooled connections up. What is under way on them ends as it would have.
    pub(crate) fn renew(&self) {
        if let Some(new) = self.recipe.pool() {
            *self.pool.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }

    /// What the last handshake showed, in words: `TLS 1.3, verified by ca_file`.
    pub(crate) fn tls(&self) -> Option<String> {
        self.seen.words()
    }

    /// One exchange within `limit`, its answer read to the end. A failure is said as a verdict, in
    /// our own words: the text of a foreign error may hold a URL with a token (T40).
    #[allow(clippy::disallowed_methods, reason = "the time-out of a socket is a real timer")]
    pub(crate) async fn exchange(
        &self,
        clock: &dyn Clock,
        url: &Url,
        parts: Parts,
        limit: Duration,
        max_answer: usize,
    ) -> Result<Answer, Verdict> {
        let _busy = clock.busy();
        let pool = self.pool.read().unwrap_or_else(PoisonError::into_inner).clone();
        let request = request(url, parts);
        let work = async {
            let mut response = pool.execute(request).await.map_err(|e| failure::unsent(&e))?;
            let status = response.status();
            let mut headers = std::mem::take(response.headers_mut());
            let body = body::read(response, &mut headers, max_answer).await?;
            Ok(Answer::new(status, headers, body, clock.now()))
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            let what = "no complete answer within the time of an attempt";
            Err(failure::down(Kind::Timeout, Outcome::Unknown, what))
        })
    }
}

fn request(url: &Url, parts: Parts) -> reqwest::Request {
    let Parts { method, mut headers, body, .. } = parts;
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let has_body = !body.is_empty() || headers.contains_key(header::CONTENT_TYPE);
    let mut request = reqwest::Request::new(method, url.clone());
    *request.headers_mut() = headers;
    if has_body {
        *request.body_mut() = Some(body.into());
    }
    request
}

impl Recipe {
    #[allow(clippy::disallowed_methods, reason = "reqwest's own, not a wait of ours")]
    fn pool(&self) -> Option<reqwest::Client> {
        // The environment's proxies are among ours, where they are held against `no_proxy`.
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .tls_backend_preconfigured(self.tls.clone())
            .no_proxy();
        self.proxies.iter().cloned().fold(builder, reqwest::ClientBuilder::proxy).build().ok()
    }
}

fn is_https(url: &Url) -> bool {
    url.scheme() == "https"
}
