//! The wire: the one place with real timers, since a clock that jumps must not cut off an answer.

use std::error::Error as _;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{self, HeaderValue};
use url::Url;
use watchfloor_core::{Clock, Error, Kind, Outcome, Result};

use crate::request::Parts;
use crate::{Answer, Reach, Settings, Verdict, body};

const USER_AGENT: &str = concat!("watchfloor/", env!("CARGO_PKG_VERSION"));

/// A pool of connections: no redirects, no retries of its own, no cookies.
pub(crate) struct Transport {
    pool: Mutex<reqwest::Client>,
    loopback: bool,
    connect_timeout: Duration,
}

impl Transport {
    pub(crate) fn new(loopback: bool, settings: &Settings) -> Result<Self> {
        let connect_timeout = settings.connect_timeout;
        let pool = pool(loopback, connect_timeout).ok_or_else(|| {
            Error::new(Kind::Config, "TLS cannot be set up: are there root certificates?")
        })?;
        Ok(Self { pool: Mutex::new(pool), loopback, connect_timeout })
    }

    /// Gives all pooled connections up. What is under way on them ends as it would have.
    pub(crate) fn renew(&self) {
        if let Some(new) = pool(self.loopback, self.connect_timeout) {
            *self.pool.lock().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }

    /// One exchange within `limit`, its answer read to the end. A failure is said as a verdict, in
    /// our own words: the text of a foreign error may hold a URL with a token (T40).
    #[allow(clippy::disallowed_methods, reason = "the time-out of a socket is a real timer")]
    pub(crate) async fn exchange(
        &self,
        clock: &dyn Clock,
        url: &Url,
        parts: &Parts,
        limit: Duration,
        max_answer: usize,
    ) -> Result<Answer, Verdict> {
        let _busy = clock.busy();
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = pool
            .request(parts.method.clone(), url.clone())
            .headers(parts.headers.clone())
            .header(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if !parts.body.is_empty() || parts.headers.contains_key(header::CONTENT_TYPE) {
            request = request.body(parts.body.clone());
        }
        let work = async {
            let response = request.send().await.map_err(|e| unsent(&e))?;
            let (status, mut headers) = (response.status(), response.headers().clone());
            let body = body::read(response, &mut headers, max_answer).await?;
            Ok(Answer::new(status, headers, body, clock.now()))
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            let what = "no complete answer within the time of an attempt";
            Err(down(Kind::Timeout, Outcome::Unknown, what))
        })
    }
}

#[allow(clippy::disallowed_methods, reason = "reqwest's own, not a wait of ours")]
fn pool(loopback: bool, connect_timeout: Duration) -> Option<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(connect_timeout);
    // `HTTPS_PROXY` and `NO_PROXY` count for everything but this very host.
    let builder = if loopback { builder.no_proxy() } else { builder };
    builder.build().ok()
}

fn down(kind: Kind, outcome: Outcome, what: &str) -> Verdict {
    Verdict::new(kind, outcome, what).reach(Reach::Endpoint)
}

/// What a failure before the head of an answer means: `NotSent` only where no connection was made.
fn unsent(e: &reqwest::Error) -> Verdict {
    use Outcome::{NotSent, Unknown};
    if e.is_dns() {
        return down(Kind::Unavailable, NotSent, "the name of the host was not resolved");
    }
    if e.is_connect() {
        let what = match io_kind(e) {
            _ if e.is_timeout() => {
                return down(Kind::Timeout, NotSent, "no connection within connect_timeout");
            }
            Some(io::ErrorKind::ConnectionRefused) => "the connection was refused",
            Some(io::ErrorKind::InvalidData) => "TLS failed: check certificate and trust",
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                "the host cannot be reached"
            }
            _ => "no connection could be made",
        };
        return down(Kind::Unavailable, NotSent, what);
    }
    if e.is_builder() {
        return Verdict::new(Kind::Internal, NotSent, "the request could not be put together");
    }
    down(Kind::Unavailable, Unknown, "the connection broke before the answer")
}

/// The kind of the first I/O error beneath; never its text.
fn io_kind(e: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut source = e.source();
    while let Some(e) = source {
        if let Some(io) = e.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        source = e.source();
    }
    None
}
