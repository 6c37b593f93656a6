//! What ServiceNow's answers mean: the body decides, also in a 200.

use serde_json::Value;
use watchfloor_core::{Kind, Outcome};
use watchfloor_http::{Answer, Classify, Reach, Verdict, by_status};

#[derive(Clone, Copy, Debug)]
pub(crate) struct ByBody;

impl Classify for ByBody {
    fn classify(&self, answer: &Answer) -> Option<Verdict> {
        match answer.status.as_u16() {
            // The session had too many requests queued; this one was dropped. Whether it was is
            // known only after a look.
            202 => Some(Verdict::new(
                Kind::Unavailable,
                Outcome::Unknown,
                "the instance accepted the request and dropped it (202)",
            )),
            200..=299 => success(answer),
            404 => by_status(answer).map(|mut v| {
                v.message = "no such record, or an ACL hides it".to_owned();
                v
            }),
            401 => by_status(answer).map(|mut v| {
                v.message = "the user was not authenticated".to_owned();
                v
            }),
            _ => by_status(answer),
        }
    }
}

/// A 2xx is a success only if its body is the record or the list.
fn success(answer: &Answer) -> Option<Verdict> {
    let unknown = |kind, what: &str| Some(Verdict::new(kind, Outcome::Unknown, what));
    let text = String::from_utf8_lossy(&answer.body);
    if text.contains("Transaction cancelled") && text.contains("\"error\"") {
        return unknown(Kind::Timeout, "the instance cancelled the transaction after it began");
    }
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(body) if body.get("error").is_some() => {
            unknown(Kind::Unavailable, "the instance reported an error inside a success")
        }
        Ok(_) => None,
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
}
