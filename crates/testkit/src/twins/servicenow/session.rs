//! Who may come in: tokens, passwords, keys, and how often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use watchfloor_core::Timestamp;

use crate::{Answer, Request};

use super::{ServiceNow, error};

/// The lifetime of an access token, as instances have it out of the box.
const LIFETIME: Duration = Duration::from_secs(1799);

/// So many failures in a row lock a user out …
const FAILURES: u32 = 5;
/// … for so long.
const LOCKED: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) token: Option<(String, Timestamp)>,
    pub(super) tokens: u64,
    pub(super) users: BTreeMap<String, String>,
    pub(super) keys: BTreeSet<String>,
    pub(super) rotating: bool,
    pub(super) refreshers: BTreeSet<String>,
    refreshed: u64,
    /// Failures in a row, and the last one, by user.
    failures: BTreeMap<String, (u32, Timestamp)>,
    pub(super) per_hour: Option<u64>,
    /// The hour that is counted, and its requests.
    hour: (i64, u64),
}

impl Session {
    pub(super) fn new_refresh_token(&mut self) -> String {
        self.refreshed += 1;
        let token = format!("twin-refresh-{}", self.refreshed);
        self.refreshers.insert(token.clone());
        token
    }

    /// Within its lifetime the same token is given out again.
    fn access(&mut self, now: Timestamp) -> (String, Timestamp) {
        if self.token.as_ref().is_none_or(|(_, expires)| *expires <= now) {
            self.tokens += 1;
            let token = format!("twin-access-{}", self.tokens);
            self.token = Some((token, now.saturating_add(LIFETIME)));
        }
        self.token.clone().unwrap_or_default()
    }

    fn is_locked(&self, user: &str, now: Timestamp) -> bool {
        self.failures.get(user).is_some_and(|(n, at)| *n >= FAILURES && now.since(*at) < LOCKED)
    }

    /// A password, which five wrong ones make useless for a while.
    fn password(&mut self, user: &str, password: &str, now: Timestamp) -> bool {
        if self.is_locked(user, now) {
            return false;
        }
        let right = self.users.get(user).is_some_and(|known| known == password);
        if right {
            self.failures.remove(user);
        } else {
            let (before, _) = self.failures.get(user).copied().unwrap_or_default();
            let before = if before >= FAILURES { 0 } else { before };
            self.failures.insert(user.to_owned(), (before + 1, now));
        }
        right
    }
}

impl ServiceNow {
    /// The token endpoint.
    pub(super) fn token(&self, request: &Request) -> Answer {
        let form = request.header("content-type").is_some_and(|t| t.contains("form-urlencoded"));
        if request.method != "POST" || !form {
            return denied();
        }
        let field = |key| request.field(key).unwrap_or_default();
        let pair = basic(request).unwrap_or_else(|| (field("client_id"), field("client_secret")));
        let now = self.clock.now();
        let mut state = self.lock();
        let session = &mut state.session;
        if pair != (self.client_id.clone(), self.client_secret.clone()) {
            return denied();
        }
        let refresh = match field("grant_type").as_str() {
            "client_credentials" => None,
            "password" => {
                if !session.password(&field("username"), &field("password"), now) {
                    return denied();
                }
                Some(session.new_refresh_token())
            }
            "refresh_token" => {
                let given = field("refresh_token");
                if !session.refreshers.contains(&given) {
                    return denied();
                }
                Some(if session.rotating {
                    session.refreshers.remove(&given);
                    session.new_refresh_token()
                } else {
                    given
                })
            }
            _ => return denied(),
        };
        let (token, expires) = session.access(now);
        let mut body = json!({
            "access_token": token, "scope": "useraccount", "token_type": "Bearer",
            "expires_in": expires.since(now).as_secs(),
        });
        if let Some(refresh) = refresh {
            body["refresh_token"] = json!(refresh);
        }
        Answer::json(200, &body)
    }

    /// The answer to who may not come in.
    pub(super) fn unauthenticated(&self, request: &Request) -> Option<Answer> {
        let now = self.clock.now();
        let mut state = self.lock();
        let session = &mut state.session;
        let given = request.header("authorization").unwrap_or_default();
        let by_token = session
            .token
            .as_ref()
            .is_some_and(|(token, expires)| given == format!("Bearer {token}") && now < *expires);
        let by_key = request.header("x-sn-apikey").is_some_and(|k| session.keys.contains(k));
        let exactly = self.basic.as_deref() == Some(given);
        if by_token || by_key || exactly {
            return None;
        }
        if basic(request).is_some_and(|(user, password)| session.password(&user, &password, now)) {
            return None;
        }
        let refused = error(401, "User Not Authenticated", "Required to provide Auth information");
        Some(refused.header("www-authenticate", "BEARER realm=\"Service-now\""))
    }

    /// Counts a request under the rate limit rule; the headers of every answer, and the refusal once
    /// the hour's share is used up.
    pub(super) fn limited(&self) -> (Vec<(&'static str, String)>, Option<Answer>) {
        let now = self.clock.now().as_secs();
        let mut state = self.lock();
        let session = &mut state.session;
        let Some(limit) = session.per_hour else { return (Vec::new(), None) };
        let (hour, next) = (now / 3600, (now / 3600 + 1) * 3600);
        if session.hour.0 != hour {
            session.hour = (hour, 0);
        }
        session.hour.1 += 1;
        let headers = vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-reset", next.to_string()),
            ("x-ratelimit-rule", "1d0f0d9dc3232300ddd3c3c5a840dd10".to_owned()),
        ];
        let refused = (session.hour.1 > limit).then(|| {
            let detail = format!("Rate limit of {limit} requests per hour for Table API exceeded");
            error(429, "Rate limit exceeded", &detail)
                .header("retry-after", (next - now).to_string())
        });
        (headers, refused)
    }
}

/// User and password of a `Basic` header.
fn basic(request: &Request) -> Option<(String, String)> {
    let given = request.header("authorization")?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(given).ok()?).ok()?;
    pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// Whatever the cause.
fn denied() -> Answer {
    Answer::json(401, &json!({ "error_description": "access_denied", "error": "server_error" }))
}
