//! One request for a token, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use url::form_urlencoded;
use watchfloor_core::{Clock, Error, Kind, Outcome, Result, Secret};

use super::assertion::SigningKey;
use super::oauth2::Grant;
use super::token::Token;
use super::{ClientAuth, OAuth2, on_the_wire, text};
use crate::request::Parts;
use crate::transport::Transport;
use crate::{Answer, Settings, Verdict, by_status};

/// The longest that a token request may take, so that a refresh ends though nobody waits for it.
const LONGEST: Duration = Duration::from_secs(30);
/// Token answers are small.
const MAX_ANSWER: usize = 256 << 10;
/// The life of a token whose answer names none: short, so that a wrong guess heals soon (T23).
const UNSTATED_LIFE: Duration = Duration::from_secs(300);
/// The longest life that is believed: a token that holds longer is renewed daily.
pub(super) const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// Asks for tokens with one credential.
pub(crate) struct Source {
    pub(super) oauth2: OAuth2,
    key: Option<SigningKey>,
    clock: Arc<dyn Clock>,
    transport: Transport,
    limit: Duration,
    retry_after_cap: Duration,
    /// A hash of what is no secret, under which its token is stored.
    pub(super) place: String,
    /// A hash of the secrets that may be stored.
    pub(super) identity: String,
}

/// What is presented.
#[derive(Clone)]
pub(super) enum Ask {
    /// What the configuration says.
    Configured,
    /// A refresh token that was granted.
    Refresh(Secret),
}

/// A token endpoint's no, or no answer at all.
#[derive(Clone)]
pub(super) struct Refusal {
    pub(super) verdict: Verdict,
    /// It is what was presented that is refused, not the client or the request.
    pub(super) of_grant: bool,
}

impl From<Verdict> for Refusal {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, of_grant: false }
    }
}

impl Source {
    pub(super) fn new(oauth2: OAuth2, clock: Arc<dyn Clock>, settings: &Settings) -> Result<Self> {
        if let Some((key, what)) = oauth2.faults().first() {
            return Err(Error::new(Kind::Config, format!("{key} {what}")));
        }
        let key = match &oauth2.grant {
            Grant::JwtBearer(assertion) => SigningKey::read(&assertion.private_key).ok(),
            _ => None,
        };
        Ok(Self {
            transport: Transport::new([&oauth2.token_url], settings)?,
            limit: settings.attempt_timeout.min(LONGEST),
            retry_after_cap: settings.retry_after_cap,
            place: oauth2.place(),
            identity: oauth2.identity(),
            key,
            oauth2,
            clock,
        })
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// One request. Whatever fails, the caller's own request was not sent.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Token, Refusal> {
        // Before the request, not after the answer: the token's life began in between.
        let asked = self.clock.now();
        let parts = self.parts(ask)?;
        let answer = self
            .transport
            .exchange(&*self.clock, &self.oauth2.token_url, parts, self.limit, MAX_ANSWER)
            .await
            .map_err(|v| Verdict {
                stage: v.stage,
                ..not_sent(v.kind, format!("token request: {}", v.message))
            })?;
        if let Some(refusal) = self.refusal(&answer) {
            return Err(refusal);
        }
        let members: Value = answer.json().map_err(|e| {
            not_sent(Kind::Protocol, format!("the answer to the token request: {}", e.message()))
        })?;
        let protocol = |what: &str| not_sent(Kind::Protocol, format!("token request: {what}"));
        let member =
            |name| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if member("token_type").is_some_and(|t| !t.eq_ignore_ascii_case("bearer")) {
            return Err(protocol("the token is of a type other than bearer").into());
        }
        let access = member("access_token").map(Secret::new);
        let access = access.ok_or_else(|| protocol("the answer holds no access_token"))?;
        let life = members.get("expires_in").and_then(seconds).unwrap_or(UNSTATED_LIFE);
        let expires = asked.saturating_add(life);
        let refresh = member("refresh_token").map(Secret::new);
        Token::new(access, refresh, asked, expires)
            .ok_or_else(|| protocol("the token holds characters that no header can carry").into())
    }

    /// The request: the one place that writes a grant down.
    fn parts(&self, ask: &Ask) -> Result<Parts, Verdict> {
        let oauth2 = &self.oauth2;
        let mut form = form_urlencoded::Serializer::new(String::new());
        match (ask, &oauth2.grant) {
            (Ask::Refresh(token), _) | (Ask::Configured, Grant::RefreshToken(token)) => {
                form.append_pair("grant_type", "refresh_token");
                form.append_pair("refresh_token", text(token));
            }
            (Ask::Configured, Grant::ClientCredentials) => {
                form.append_pair("grant_type", "client_credentials");
            }
            (Ask::Configured, Grant::Password { username, password }) => {
                form.append_pair("grant_type", "password");
                form.append_pair("username", username).append_pair("password", text(password));
            }
            (Ask::Configured, Grant::JwtBearer(assertion)) => {
                let key = self.key.as_ref();
                let signed = key.and_then(|key| assertion.sign(key, self.clock.now()));
                let signed = signed.ok_or_else(|| {
                    not_sent(Kind::Config, "the private key did not sign the assertion".into())
                })?;
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                form.append_pair("assertion", text(&signed));
            }
        }
        // A refresh asks for what was granted (RFC 6749 §6), unless it is the grant itself.
        let refreshes =
            matches!(ask, Ask::Refresh(_)) && !matches!(oauth2.grant, Grant::RefreshToken(_));
        if let Some(scope) = oauth2.scope.as_ref().filter(|_| !refreshes) {
            form.append_pair("scope", scope);
        }
        form.extend_pairs(&oauth2.params);
        let mut headers = HeaderMap::new();
        match (oauth2.client_auth, &oauth2.client_id, &oauth2.client_secret) {
            (ClientAuth::Basic, Some(id), Some(secret)) => {
                headers.insert(AUTHORIZATION, basic(id, secret)?);
            }
            (_, id, secret) => {
                let secret = secret.as_ref().map(text);
                let fields = [("client_id", id.as_deref()), ("client_secret", secret)];
                form.extend_pairs(fields.into_iter().filter_map(|(k, v)| Some((k, v?))));
            }
        }
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let body = Bytes::from(form.finish());
        Ok(Parts { method: Method::POST, query: String::new(), headers, body })
    }

    /// What a token endpoint's refusal means: its `error` (RFC 6749 §5.2), else its status. Some
    /// say it in a 200.
    fn refusal(&self, answer: &Answer) -> Option<Refusal> {
        let verdict = by_status(answer);
        let members = answer.json::<Value>().unwrap_or_default();
        let code = members.get("error").and_then(Value::as_str);
        let known = code.and_then(|code| CODES.iter().find(|(known, _)| *known == code));
        let (kind, why) = match (known, verdict) {
            (_, None) if code.is_none() || members.get("access_token").is_some() => return None,
            (Some((why, kind)), _) => (*kind, *why),
            // A wrong secret is refused with any of these, whatever the body says (ServiceNow:
            // 401 `server_error`).
            (None, None) => (Kind::Unauthenticated, "the client is refused"),
            (None, Some(v)) if is_refusal(v.kind) => {
                (Kind::Unauthenticated, "the client is refused")
            }
            (None, Some(v)) => (v.kind, v.kind.as_str()),
        };
        let status = answer.status.as_u16();
        let mut verdict = not_sent(kind, format!("token request: {why}, status {status}"));
        verdict.not_before = answer
            .retry_after()
            .map(|wait| answer.received.saturating_add(wait.min(self.retry_after_cap)));
        let of_grant = match known {
            Some((code, _)) => matches!(*code, "invalid_grant" | "access_denied"),
            None => kind == Kind::Unauthenticated,
        };
        Some(Refusal { verdict, of_grant })
    }
}

fn is_refusal(kind: Kind) -> bool {
    matches!(kind, Kind::Unauthenticated | Kind::Forbidden | Kind::Invalid)
}

/// Id and secret as RFC 6749 §2.3.1 has them: form-encoded each, so that a colon stays one.
fn basic(id: &str, secret: &Secret) -> Result<HeaderValue, Verdict> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(text(secret))));
    on_the_wire("Basic ", &Secret::new(pair))
        .ok_or_else(|| not_sent(Kind::Internal, "base64 fits into a header".into()))
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

pub(super) fn not_sent(kind: Kind, message: String) -> Verdict {
    Verdict::new(kind, Outcome::NotSent, message)
}

/// Seconds as a number or, as some servers write them, as text; a day at most. What is neither
/// counts as not said.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(n) => n.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }?;
    Duration::try_from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t23_a_life_that_is_no_number_is_not_forever() {
        for (said, life) in [
            ("3600", Some(3600)),
            ("\" 3600 \"", Some(3600)),
            ("3599.0", Some(3599)),
            ("0", Some(0)),
            ("-1", None),
            ("\"never\"", None),
            ("\"inf\"", None),
            ("1e300", Some(86_400)),
            ("18446744073709551615", Some(86_400)),
            ("null", None),
            ("true", None),
            ("[3600]", None),
        ] {
            let said: Value = serde_json::from_str(said).unwrap();
            assert_eq!(seconds(&said).map(|life| life.as_secs()), life, "{said}");
        }
    }
}
