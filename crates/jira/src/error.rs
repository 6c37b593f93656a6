//! What Jira's answers mean: who the answer thinks we are comes before the status.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchfloor_core::{Error, Kind, Outcome, Result, Timestamp};
use watchfloor_http::{Answer, Classify, Hint, Reach, Verdict, by_status};

use crate::wire::Errors;

const CAPTCHA: &str = "Jira demands a CAPTCHA after failed logins; log in in a browser once";

/// How long nothing is sent after a CAPTCHA was demanded. Credentials are not looked at until a
/// person has logged in, and each try counts.
const REST: Duration = Duration::from_secs(15 * 60);

/// Whether a CAPTCHA is due: when one was demanded last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Captcha(Arc<Mutex<Option<Timestamp>>>);

impl Captcha {
    /// Nothing is sent while one is due.
    pub(crate) fn is_not_due(&self, now: Timestamp) -> Result<()> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(at) if now.since(at) < REST => {
                Err(Error::new(Kind::Unauthenticated, CAPTCHA).with_outcome(Outcome::NotSent))
            }
            _ => Ok(()),
        }
    }

    fn demanded(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ByLogin(pub(crate) Captcha);

impl Classify for ByLogin {
    fn classify(&self, answer: &Answer) -> Option<Verdict> {
        let refused = |what: &str| {
            let verdict = Verdict::new(Kind::Unauthenticated, Outcome::Rejected, what);
            Some(verdict.reach(Reach::Credential))
        };
        let captcha = answer.header("x-authentication-denied-reason").unwrap_or_default();
        let login = answer.header("x-seraph-loginreason").unwrap_or_default();
        if captcha.contains("CAPTCHA_CHALLENGE") || login.contains("AUTHENTICATION_DENIED") {
            self.0.demanded(answer.received);
            return refused(CAPTCHA);
        }
        // Also a 200: an expired credential is served as anonymous, with nothing found.
        if login.contains("AUTHENTICATED_FAILED") {
            return refused("the credential is not valid any more");
        }
        let mut verdict = by_status(answer)?;
        match answer.status.as_u16() {
            401 if errors(answer).message.contains("scope does not match") => {
                "the token lacks a scope for this (scope does not match)"
                    .clone_into(&mut verdict.message);
            }
            403 if answer.body.starts_with(b"XSRF check failed") => {
                verdict.kind = Kind::Config;
                "Jira refuses the write as cross-site (XSRF check failed)"
                    .clone_into(&mut verdict.message);
            }
            410 => {
                verdict.kind = Kind::Unsupported;
                "this site has removed the operation; is the flavor right?"
                    .clone_into(&mut verdict.message);
            }
            413 => {
                "the file is too large, or the ticket has as many of these as Jira allows"
                    .clone_into(&mut verdict.message);
            }
            429 => limited(answer, &mut verdict),
            // From in front of Jira it may come after the effect. One that says when to come back
            // was not let in.
            503 if answer.header("retry-after").is_none() => verdict.outcome = Outcome::Unknown,
            _ if verdict.kind == Kind::Invalid => {
                let fields = fields(&errors(answer));
                if !fields.is_empty() {
                    verdict.message = format!("Jira refuses the field {fields}");
                }
            }
            _ => {}
        }
        Some(verdict)
    }
}

/// Three systems of Cloud limit independently of each other, and Data Center has its own. What is
/// announced for later (`Beta-…`) and what every answer tells is not looked at.
fn limited(answer: &Answer, verdict: &mut Verdict) {
    let reason = answer.header("ratelimit-reason").unwrap_or_default();
    let (reach, says) = match reason {
        // The hour's points of the whole app: nothing is answered until it ends.
        r if r.contains("quota") => (Reach::Host, "the hour's quota of this app is used up"),
        // One method of one endpoint: others go on.
        r if r.contains("burst") => (Reach::Request, "too many of these requests at once"),
        r if r.contains("per-issue") => (Reach::Request, "too many writes to this ticket at once"),
        _ => return,
    };
    verdict.reach = reach;
    says.clone_into(&mut verdict.message);
    if answer.header("retry-after").is_none() {
        verdict.not_before = answer.hint("x-ratelimit-reset", Hint::Rfc3339);
    }
}

fn errors(answer: &Answer) -> Errors {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// The names of the fields that are refused. The texts beside them may quote values.
fn fields(errors: &Errors) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
    let names: Vec<_> =
        errors.errors.keys().filter(|n| n.chars().all(plain)).map(String::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use watchfloor_core::Timestamp;
    use watchfloor_http::{HeaderMap, StatusCode};

    use super::*;

    fn of(
        status: u16,
        headers: &[(&'static str, &'static str)],
        body: &'static str,
    ) -> Option<Verdict> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::from_static(body.as_bytes());
        ByLogin::default().classify(&Answer::new(status, map, body, Timestamp::EPOCH))
    }

    #[test]
    fn t28_an_expired_token_is_no_empty_result() {
        let expired = [("x-seraph-loginreason", "AUTHENTICATED_FAILED")];
        let verdict = of(200, &expired, r#"{"issues":[],"isLast":true}"#).unwrap();
        assert_eq!(verdict.kind, Kind::Unauthenticated);
        assert!(of(200, &[], r#"{"issues":[],"isLast":true}"#).is_none());
        assert!(of(200, &[("x-seraph-loginreason", "OK")], "{}").is_none());
    }

    #[test]
    fn a_captcha_is_named() {
        let captcha =
            [("x-authentication-denied-reason", "CAPTCHA_CHALLENGE; login-url=https://x")];
        let verdict = of(403, &captcha, "").unwrap();
        assert_eq!((verdict.kind, verdict.reach), (Kind::Unauthenticated, Reach::Credential));
        assert!(verdict.message.contains("CAPTCHA"));
    }

    #[test]
    fn an_xsrf_refusal_is_a_configuration_error() {
        assert_eq!(of(403, &[], "XSRF check failed").unwrap().kind, Kind::Config);
        assert_eq!(of(403, &[], "{}").unwrap().kind, Kind::Forbidden);
    }

    #[test]
    fn t35_a_refused_field_is_named_and_its_value_is_not() {
        let body = r#"{"errorMessages":[],"errors":{"labels":"Field 'cnry-x' cannot be set."}}"#;
        let verdict = of(400, &[], body).unwrap();
        assert_eq!(verdict.message, "Jira refuses the field labels");
    }

    #[test]
    fn a_limit_reaches_as_far_as_its_reason() {
        let at = |headers: &[(&'static str, &'static str)]| of(429, headers, "{}").unwrap();
        for (reason, reach) in [
            ("jira-quota-global-based", Reach::Host),
            ("jira-quota-tenant-based", Reach::Host),
            ("jira-burst-based", Reach::Request),
            ("jira-per-issue-on-write", Reach::Request),
            ("something-new", Reach::Host),
        ] {
            let verdict = at(&[("ratelimit-reason", reason), ("retry-after", "1")]);
            assert_eq!((verdict.kind, verdict.reach), (Kind::RateLimited, reach), "{reason}");
            assert_eq!(verdict.not_before, None, "the layer reads Retry-After");
        }
        let reset = "1970-01-01T00:10:00Z";
        let verdict =
            at(&[("ratelimit-reason", "jira-quota-tenant-based"), ("x-ratelimit-reset", reset)]);
        assert_eq!(verdict.not_before, Some(reset.parse().unwrap()));
        assert!(of(200, &[("beta-retry-after", "50"), ("retry-after", "0")], "{}").is_none());
    }

    #[test]
    fn errors_of_every_shape_are_told_in_our_words() {
        for (status, body, kind, says) in [
            (
                401,
                r#"{"code":401,"message":"Unauthorized; scope does not match"}"#,
                Kind::Unauthenticated,
                "scope",
            ),
            (401, "<html>Unauthorized (401)</html>", Kind::Unauthenticated, "credential"),
            (
                410,
                r#"{"errorMessages":["The requested API has been removed."]}"#,
                Kind::Unsupported,
                "removed",
            ),
            (413, "", Kind::TooLarge, "too large"),
            (400, r#"{"message":"cnry-x","status-code":400}"#, Kind::Invalid, "invalid"),
            (400, r#"{"errors":["cnry-x"]}"#, Kind::Invalid, "invalid"),
            (502, "<html>cnry-x</html>", Kind::Unavailable, "gateway"),
        ] {
            let verdict = of(status, &[], body).unwrap();
            assert_eq!(verdict.kind, kind, "{body}");
            assert!(verdict.message.contains(says), "{}", verdict.message);
            assert!(!verdict.message.contains("cnry"));
        }
    }

    proptest::proptest! {
        #[test]
        fn t07_no_answer_is_a_panic(status in 100_u16..1000, body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), header in "[ -~]{0,40}") {
            let mut map = HeaderMap::new();
            for name in ["x-seraph-loginreason", "x-authentication-denied-reason", "ratelimit-reason", "x-ratelimit-reset", "retry-after"] {
                map.insert(name, header.parse().unwrap());
            }
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer::new(status, map, body.into(), Timestamp::EPOCH);
            let _ = ByLogin::default().classify(&answer);
            let _ = answer.json::<crate::wire::SearchPage>();
            let _ = answer.json::<crate::wire::Transitions>();
            let _ = answer.json::<crate::wire::MetaPage<crate::wire::FieldMeta>>();
        }
    }

    #[test]
    fn t06_a_503_without_a_word_is_no_promise_that_nothing_was_done() {
        assert_eq!(of(503, &[], "").unwrap().outcome, Outcome::Unknown);
        assert_eq!(of(503, &[("retry-after", "5")], "").unwrap().outcome, Outcome::Rejected);
    }
}
