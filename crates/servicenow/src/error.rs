//! What ServiceNow's answers mean: the body decides, also in a 200.

use serde_json::Value;
use watchfloor_core::{Kind, Outcome};
use watchfloor_http::{Answer, Classify, Hint, Reach, Verdict, by_status};

#[derive(Clone, Copy, Debug)]
pub(crate) struct ByBody;

impl Classify for ByBody {
    fn classify(&self, answer: &Answer) -> Option<Verdict> {
        let says = |what: &str| {
            by_status(answer).map(|mut v| {
                v.message = what.to_owned();
                v
            })
        };
        match answer.status.as_u16() {
            // The session had too many requests queued; this one was dropped. Whether it was is
            // known only after a look.
            202 => Some(Verdict::new(
                Kind::Unavailable,
                Outcome::Unknown,
                "the instance accepted the request and dropped it (202)",
            )),
            200..=299 => success(answer),
            400 if text_of(answer, "message").starts_with("Invalid table") => Some(Verdict::new(
                Kind::Config,
                Outcome::Rejected,
                "the instance has no such table, or hides it: check `table` and the user's roles",
            )),
            401 => says(
                "the user was not authenticated: a wrong or expired credential, a user who is \
                 locked out, or a kind of authentication that is off on this instance",
            ),
            403 => Some(forbidden(&text_of(answer, "message"), &text_of(answer, "detail"))),
            404 => says("no such record, or an ACL hides it"),
            429 => limited(answer),
            // From in front of the instance it may come after the effect. One that says when to
            // come back was not let in.
            503 if answer.header("retry-after").is_none() => by_status(answer).map(|mut v| {
                v.outcome = Outcome::Unknown;
                v
            }),
            _ => by_status(answer),
        }
    }
}

/// A text of the error object, which may also be a text itself.
fn text_of(answer: &Answer, key: &str) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let error = &body["error"];
    error[key].as_str().or(error.as_str()).unwrap_or_default().to_owned()
}

/// An ACL, a data policy or a business rule: each is put right by somebody else.
fn forbidden(message: &str, detail: &str) -> Verdict {
    let refused = |what: &str| Verdict::new(Kind::Forbidden, Outcome::Rejected, what);
    if let Some((_, policy)) = detail.split_once("Data Policy Exception") {
        let fields = names(policy.rsplit(':').next().unwrap_or_default());
        let what = format!("a data policy of the instance demands: {fields}");
        return Verdict::new(Kind::Invalid, Outcome::Rejected, what);
    }
    if detail.contains("Business Rule") {
        return refused("a business rule of the instance refused it");
    }
    if detail.contains("API level ACL") || message.contains("Not Authorized") {
        return refused("the user may not ask for this table: grant read on it");
    }
    refused(
        "an ACL refuses it: grant the user the table's role, such as sn_incident_write; to close \
         (state 7) takes itil_admin",
    )
}

/// Names of fields: letters of any script, and nothing else that a body might hold.
fn names(text: &str) -> String {
    let plain = |c: &char| c.is_alphanumeric() || matches!(c, '_' | ',' | ' ');
    let names: String = text.chars().filter(plain).take(200).collect();
    names.trim().to_owned()
}

/// Nothing was done. A rule counts requests by the hour; without its headers the queue is full.
fn limited(answer: &Answer) -> Option<Verdict> {
    let mut verdict = by_status(answer)?;
    if answer.header("x-ratelimit-rule").is_none() && answer.header("x-ratelimit-limit").is_none() {
        verdict.message = "the queue of the instance's API semaphore is full".to_owned();
        return Some(verdict);
    }
    verdict.message = "a rate limit rule of the instance is used up for this hour".to_owned();
    if answer.header("retry-after").is_none()
        && let Some(at) = answer.hint("x-ratelimit-reset", Hint::EpochSeconds)
    {
        verdict = verdict.not_before(at);
    }
    Some(verdict)
}

/// A 2xx is a success only if its body is the record or the list.
fn success(answer: &Answer) -> Option<Verdict> {
    let unknown = |kind, what: &str| Some(Verdict::new(kind, Outcome::Unknown, what));
    let text = String::from_utf8_lossy(&answer.body);
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(body) if body.get("error").is_some_and(|error| !error.is_null()) => {
            if text.contains("Transaction cancelled") {
                return unknown(Kind::Timeout, CANCELLED);
            }
            unknown(Kind::Unavailable, "the instance reported an error inside a success")
        }
        Ok(body) if body.get("result").is_none() => {
            unknown(Kind::Protocol, "the answer has no result: is the URL that of an instance?")
        }
        Ok(_) => None,
        Err(_) if text.contains("Transaction cancelled") => unknown(Kind::Timeout, CANCELLED),
        // Nothing was carried out: the page comes from in front of the instance.
        Err(_) if text.to_ascii_lowercase().contains("hibernating") => Some(
            Verdict::new(
                Kind::Unavailable,
                Outcome::Rejected,
                "the instance hibernates; wake it on the developer site",
            )
            .reach(Reach::Host),
        ),
        Err(_) if answer.body.is_empty() => unknown(Kind::Protocol, "the answer is empty"),
        Err(_) => unknown(Kind::Protocol, "the answer is no JSON: a login or maintenance page?"),
    }
}

const CANCELLED: &str = "the instance cancelled the transaction after it began";

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use watchfloor_core::Timestamp;
    use watchfloor_http::{HeaderMap, StatusCode};

    use super::*;

    fn of(status: u16, body: &'static str) -> Option<(Kind, Outcome)> {
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::from_static(body.as_bytes());
        ByBody
            .classify(&Answer::new(status, HeaderMap::new(), body, Timestamp::EPOCH))
            .map(|v| (v.kind, v.outcome))
    }

    #[test]
    fn t27_a_200_with_an_error_inside_is_no_success() {
        let cancelled = r#"{"result":[{"number":"INC1"},{"num"error": {"message":"Transaction cancelled: maximum execution time exceeded","detail":"x"},"status": "failure"}"#;
        assert_eq!(of(200, cancelled), Some((Kind::Timeout, Outcome::Unknown)));
        let whole = r#"{"error":{"message":"x","detail":null},"status":"failure"}"#;
        assert_eq!(of(201, whole), Some((Kind::Unavailable, Outcome::Unknown)));
        assert_eq!(of(200, r#"{"result":[]}"#), None);
    }

    #[test]
    fn a_hibernating_instance_is_unavailable() {
        let page = "<html><body>Instance Hibernating page</body></html>";
        assert_eq!(of(200, page), Some((Kind::Unavailable, Outcome::Rejected)));
        assert_eq!(of(200, "<html>login</html>"), Some((Kind::Protocol, Outcome::Unknown)));
    }

    #[test]
    fn a_202_is_reconciled() {
        assert_eq!(of(202, ""), Some((Kind::Unavailable, Outcome::Unknown)));
    }

    #[test]
    fn a_hidden_record_is_not_found() {
        let body = r#"{"error":{"message":"No Record found","detail":"Record doesn't exist or ACL restricts the record retrieval"},"status":"failure"}"#;
        assert_eq!(of(404, body), Some((Kind::NotFound, Outcome::Rejected)));
    }

    fn said(status: u16, body: &'static str, headers: &[(&'static str, &str)]) -> Verdict {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::from_static(body.as_bytes());
        ByBody.classify(&Answer::new(status, map, body, Timestamp::EPOCH)).unwrap()
    }

    #[test]
    fn a_refusal_says_who_refuses_and_what_to_grant() {
        let acl = r#"{"error":{"message":"Operation Failed","detail":"ACL Exception Insert Failed due to security constraints"},"status":"failure"}"#;
        let verdict = said(403, acl, &[]);
        assert_eq!((verdict.kind, verdict.outcome), (Kind::Forbidden, Outcome::Rejected));
        assert!(verdict.message.contains("sn_incident_write"), "{}", verdict.message);
        let rule = r#"{"error":{"message":"Operation Failed","detail":"Operation against file 'incident' was aborted by Business Rule 'x'"}}"#;
        assert!(said(403, rule, &[]).message.contains("business rule"));
        let table = r#"{"error":{"message":"User Not Authorized","detail":"Failed API level ACL Validation"}}"#;
        assert!(said(403, table, &[]).message.contains("table"));
        assert_eq!(said(403, "<html>", &[]).kind, Kind::Forbidden);
        let none = r#"{"error":{"message":"Invalid table u_x","detail":null},"status":"failure"}"#;
        assert_eq!(said(400, none, &[]).kind, Kind::Config);
    }

    #[test]
    fn a_data_policy_names_the_fields_and_nothing_else() {
        let policy = r#"{"error":{"message":"Operation Failed","detail":"Data Policy Exception: The following fields are mandatory: Close notes, 解決コード <b>"},"status":"failure"}"#;
        let verdict = said(403, policy, &[]);
        assert_eq!(verdict.kind, Kind::Invalid);
        assert!(
            verdict.message.ends_with("demands: Close notes, 解決コード b"),
            "{}",
            verdict.message
        );
    }

    #[test]
    fn a_used_up_rule_and_a_full_queue_are_told_apart() {
        let full = said(429, "", &[]);
        assert_eq!((full.kind, full.outcome), (Kind::RateLimited, Outcome::Rejected));
        assert!(full.message.contains("semaphore"), "{}", full.message);
        let reset = [("x-ratelimit-rule", "1d0f"), ("x-ratelimit-reset", "60")];
        let rule = said(429, "", &reset);
        assert!(rule.message.contains("rule"), "{}", rule.message);
        assert_eq!(rule.not_before, Timestamp::from_secs(60));
    }

    #[test]
    fn an_error_may_be_a_text_and_a_success_without_a_result_is_none() {
        assert_eq!(
            of(200, r#"{"error":"invalid_request"}"#),
            Some((Kind::Unavailable, Outcome::Unknown))
        );
        assert_eq!(of(200, r#"{"status":"ok"}"#), Some((Kind::Protocol, Outcome::Unknown)));
        assert_eq!(of(200, r#"{"result":{},"error":null}"#), None);
        let told = r#"{"result":[{"short_description":"Transaction cancelled \"error\""}]}"#;
        assert_eq!(of(200, told), None, "a customer's words are no error");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(status in 100_u16..1000, body: Vec<u8>) {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer::new(status, HeaderMap::new(), body.into(), Timestamp::EPOCH);
            let _ = ByBody.classify(&answer);
            let read: Option<crate::wire::Answer<Vec<crate::wire::Record>>> = answer.json().ok();
            drop(read);
        }

        #[test]
        fn no_cell_makes_a_record_unreadable(text: String, number: i64) {
            let cells = serde_json::json!({
                "sys_id": text, "state": number, "number": null, "description": { "value": text },
                "assigned_to": { "value": null }, "priority": [text],
            });
            let record: crate::wire::Record = serde_json::from_value(cells).unwrap();
            let states = crate::states::States::of("incident", std::collections::BTreeMap::new());
            let base = url::Url::parse("https://acme.service-now.com/").unwrap();
            let ticket = crate::map::ticket(&record, &base, "incident", &states);
            proptest::prop_assert_eq!(ticket.body.as_deref(), Some(text.as_str()));
        }
    }

    #[test]
    fn t06_a_503_without_a_word_is_no_promise_that_nothing_was_done() {
        assert_eq!(of(503, ""), Some((Kind::Unavailable, Outcome::Unknown)));
    }
}
