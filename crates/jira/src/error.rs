//! What Jira's answers mean: who the answer thinks we are comes before the status.

use watchfloor_core::{Kind, Outcome};
use watchfloor_http::{Answer, Classify, Reach, Verdict, by_status};

use crate::wire::Errors;

#[derive(Clone, Copy, Debug)]
pub(crate) struct ByLogin;

impl Classify for ByLogin {
    fn classify(&self, answer: &Answer) -> Option<Verdict> {
        let refused = |what: &str| {
            let verdict = Verdict::new(Kind::Unauthenticated, Outcome::Rejected, what);
            Some(verdict.reach(Reach::Credential))
        };
        let captcha = answer.header("x-authentication-denied-reason").unwrap_or_default();
        let login = answer.header("x-seraph-loginreason").unwrap_or_default();
        if captcha.contains("CAPTCHA_CHALLENGE") || login.contains("AUTHENTICATION_DENIED") {
            return refused("Jira demands a CAPTCHA after failed logins; log in in a browser once");
        }
        // Also a 200: an expired credential is served as anonymous, with nothing found.
        if login.contains("AUTHENTICATED_FAILED") {
            return refused("the credential is not valid any more");
        }
        let mut verdict = by_status(answer)?;
        if answer.status.as_u16() == 403 && answer.body.starts_with(b"XSRF check failed") {
            verdict.kind = Kind::Config;
            verdict.message = "Jira refuses the write as cross-site (XSRF check failed)".to_owned();
        } else if verdict.kind == Kind::Invalid {
            let fields = fields(answer);
            if !fields.is_empty() {
                verdict.message = format!("Jira refuses the field {fields}");
            }
        }
        Some(verdict)
    }
}

/// The names of the fields that are refused. The texts beside them may quote values.
fn fields(answer: &Answer) -> String {
    let errors: Errors = serde_json::from_slice(&answer.body).unwrap_or_default();
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
        ByLogin.classify(&Answer::new(status, map, body, Timestamp::EPOCH))
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
}
