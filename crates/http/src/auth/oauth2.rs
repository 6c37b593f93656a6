//! OAuth 2.0 client credentials (RFC 6749 §4.4): one request for a token.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use url::form_urlencoded;
use watchfloor_core::{Clock, Kind, Outcome, Result, Secret};

use super::token::Token;
use super::{Grant, on_the_wire, text};
use crate::request::Parts;
use crate::transport::Transport;
use crate::{Answer, Settings, Verdict, by_status, egress};

/// The longest that a token request may take, so that a refresh ends though nobody waits for it.
const LONGEST: Duration = Duration::from_secs(30);
/// Token answers are small.
const MAX_ANSWER: usize = 256 << 10;
/// The life of a token whose answer names none: short, so that a wrong guess heals soon (T23).
const UNSTATED_LIFE: Duration = Duration::from_secs(300);

/// Asks for tokens.
pub(crate) struct ClientCredentials {
    grant: Grant,
    clock: Arc<dyn Clock>,
    transport: Transport,
    limit: Duration,
    retry_after_cap: Duration,
}

impl ClientCredentials {
    pub(super) fn new(grant: Grant, clock: Arc<dyn Clock>, settings: &Settings) -> Result<Self> {
        egress::check(&grant.token_url, true)?;
        Ok(Self {
            transport: Transport::new([&grant.token_url], settings)?,
            limit: settings.attempt_timeout.min(LONGEST),
            retry_after_cap: settings.retry_after_cap,
            grant,
            clock,
        })
    }

    pub(super) fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// One request. Whatever fails, the caller's own request was not sent.
    pub(super) async fn fetch(&self) -> Result<Token, Verdict> {
        // Before the request, not after the answer: the token's life began in between.
        let asked = self.clock.now();
        let clock = &*self.clock;
        let answer = self
            .transport
            .exchange(clock, &self.grant.token_url, self.parts(), self.limit, MAX_ANSWER)
            .await
            .map_err(|v| not_sent(v.kind, format!("token request: {}", v.message)))?;
        if let Some(refusal) = self.refusal(&answer) {
            return Err(refusal);
        }
        let granted: Granted = answer.json().map_err(|e| {
            not_sent(Kind::Protocol, format!("the answer to the token request: {}", e.message()))
        })?;
        if granted.token_type.is_some_and(|t| !t.eq_ignore_ascii_case("bearer")) {
            return Err(not_sent(
                Kind::Protocol,
                "the token is of a type other than bearer".into(),
            ));
        }
        let life = granted.expires_in.map_or(UNSTATED_LIFE, Duration::from_secs);
        let header = on_the_wire("Bearer ", &Secret::new(granted.access_token));
        let header = header.ok_or_else(|| {
            not_sent(Kind::Protocol, "the token holds characters that no header can carry".into())
        })?;
        Ok(Token::new(header, asked, life))
    }

    fn parts(&self) -> Parts {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.grant.client_id)
            .append_pair("client_secret", text(&self.grant.client_secret));
        if let Some(scope) = &self.grant.scope {
            form.append_pair("scope", scope);
        }
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let accept = HeaderValue::from_static("application/json");
        Parts {
            method: Method::POST,
            query: String::new(),
            headers: HeaderMap::from_iter([(CONTENT_TYPE, content_type), (ACCEPT, accept)]),
            body: Bytes::from(form.finish()),
        }
    }

    /// What a token endpoint's refusal means: its `error` (RFC 6749 §5.2), else its status.
    fn refusal(&self, answer: &Answer) -> Option<Verdict> {
        let verdict = by_status(answer)?;
        let code = answer.json::<Refused>().ok().and_then(|r| r.error);
        let known = code.as_deref().and_then(|code| {
            CODES.iter().find(|(known, _)| *known == code).map(|(known, kind)| (*kind, *known))
        });
        let status = answer.status.as_u16();
        let (kind, why) = match (known, verdict.kind) {
            (Some((kind, why)), _) => (kind, why),
            // A wrong secret is refused with any of these, whatever the body says (ServiceNow:
            // 401 `server_error`).
            (None, Kind::Unauthenticated | Kind::Forbidden | Kind::Invalid) => {
                (Kind::Unauthenticated, "the client is refused")
            }
            (None, kind) => (kind, kind.as_str()),
        };
        let mut refusal = not_sent(kind, format!("token request: {why}, status {status}"));
        refusal.not_before = answer
            .retry_after()
            .map(|wait| answer.received.saturating_add(wait.min(self.retry_after_cap)));
        Some(refusal)
    }
}

/// The error codes that say more than the status.
const CODES: [(&str, Kind); 8] = [
    ("invalid_client", Kind::Unauthenticated),
    ("invalid_grant", Kind::Unauthenticated),
    ("access_denied", Kind::Unauthenticated),
    ("unauthorized_client", Kind::Forbidden),
    ("invalid_scope", Kind::Config),
    ("unsupported_grant_type", Kind::Config),
    ("invalid_request", Kind::Config),
    ("temporarily_unavailable", Kind::Unavailable),
];

fn not_sent(kind: Kind, message: String) -> Verdict {
    Verdict::new(kind, Outcome::NotSent, message)
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    error: Option<String>,
}

/// Seconds as a number or, as some servers write them, as text.
fn seconds<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    Ok(match Option::<Either>::deserialize(d)? {
        None => None,
        Some(Either::Number(n)) => Some(n),
        Some(Either::Text(t)) => {
            Some(t.trim().parse().map_err(|_| serde::de::Error::custom("no seconds"))?)
        }
    })
}
