//! How every answer of PAN-OS is classified: the body decides, where it is PAN-OS's (T27).

use watchfloor_core::{Kind, Outcome};
use watchfloor_http::{Answer, Reach, Verdict, by_status};

use super::map::short;
use super::wire::{BadReply, Reply};

/// What an answer says; `None` is success, or a verdict per entry (`uid-response`).
pub(crate) fn classify(answer: &Answer) -> Option<Verdict> {
    let by_body = match Reply::from_xml(&answer.body) {
        Ok(reply) => of_reply(&reply),
        // Not PAN-OS's own: a proxy's answer, or a broken one.
        Err(BadReply(why)) => Some(Verdict::new(Kind::Protocol, Outcome::Unknown, why)),
    };
    match by_body {
        Some(verdict) if verdict.kind != Kind::Protocol => Some(verdict),
        unsaid => by_status(answer).or(unsaid),
    }
}

fn of_reply(reply: &Reply) -> Option<Verdict> {
    if reply.outfile {
        let what = "the device writes its list to a file; PAN-OS 8.0 or later is needed";
        return Some(Verdict::new(Kind::Unsupported, Outcome::Rejected, what));
    }
    if reply.success || reply.uid_response {
        return None;
    }
    let (kind, outcome, what) = match reply.code {
        _ if is_busy(&reply.message) => {
            (Kind::Unavailable, Outcome::Rejected, "the device is busy or locked")
        }
        _ if reply.message.contains("Invalid Credential") => {
            (Kind::Unauthenticated, Outcome::Rejected, "the API key is not valid")
        }
        Some(403) => (Kind::Forbidden, Outcome::Rejected, "the key or its role lacks the right"),
        Some(16) => (Kind::Forbidden, Outcome::Rejected, "the role of the key lacks the right"),
        Some(22) => (Kind::Unauthenticated, Outcome::Rejected, "the session has timed out"),
        Some(15) => (Kind::Unavailable, Outcome::Rejected, "denied, as by a passive unit"),
        Some(400 | 1 | 6 | 12 | 17 | 18) => {
            (Kind::Invalid, Outcome::Rejected, "the device does not understand the request")
        }
        Some(7 | 13) => (Kind::NotFound, Outcome::Rejected, "the object is not there"),
        Some(8 | 10 | 14) => (Kind::Conflict, Outcome::Rejected, "not possible as things stand"),
        Some(2..=5 | 11 | 21) => (Kind::Unavailable, Outcome::Unknown, "an error in the device"),
        Some(_) | None => (Kind::Protocol, Outcome::Unknown, "a failure without a known code"),
    };
    let reach = match kind {
        Kind::Unauthenticated => Reach::Credential,
        Kind::Unavailable => Reach::Endpoint,
        _ => Reach::Request,
    };
    let code = reply.code.map_or_else(String::new, |code| format!(", code {code}"));
    let text = match reply.message.trim() {
        "" => String::new(),
        text => format!(": {}", short(text)),
    };
    let message = format!("{what}{code}{text}");
    Some(Verdict::new(kind, outcome, message).reach(reach))
}

/// What only the text tells (pan-os-python tells them so, too).
fn is_busy(message: &str) -> bool {
    [
        "Another commit/validate is in progress",
        "A commit is in progress",
        "You cannot commit while an install is in progress",
        "Configuration is locked by",
    ]
    .iter()
    .any(|text| message.contains(text))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use watchfloor_core::Timestamp;
    use watchfloor_http::{HeaderMap, StatusCode};

    use super::*;

    fn said(status: u16, body: &str) -> Option<Verdict> {
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        classify(&Answer::new(status, HeaderMap::new(), body, Timestamp::EPOCH))
    }

    fn kind(status: u16, body: &str) -> Option<(Kind, Outcome)> {
        said(status, body).map(|v| (v.kind, v.outcome))
    }

    fn coded(code: &str, text: &str) -> String {
        format!(
            "<response status=\"error\" code=\"{code}\"><msg><line>{text}</line></msg></response>"
        )
    }

    #[test]
    fn t27_a_failure_inside_a_200_is_one() {
        let bad_key = "<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>";
        for status in [200, 403] {
            let expected = Some((Kind::Unauthenticated, Outcome::Rejected));
            assert_eq!(kind(status, bad_key), expected, "the body decides");
        }
        let role = coded("16", "Unauthorized request");
        assert_eq!(kind(200, &role), Some((Kind::Forbidden, Outcome::Rejected)));
        assert_eq!(kind(200, "<response status=\"success\"></response>"), None);
        for unsaid in ["<response><msg>what</msg></response>", "<html>login</html>", "<resp", ""] {
            assert_eq!(kind(200, unsaid), Some((Kind::Protocol, Outcome::Unknown)), "{unsaid}");
            assert_eq!(kind(503, unsaid), Some((Kind::Unavailable, Outcome::Rejected)));
            assert_eq!(kind(502, unsaid), Some((Kind::Unavailable, Outcome::Unknown)));
        }
        let success = "<response status=\"success\"></response>";
        assert_eq!(kind(500, success), Some((Kind::Unavailable, Outcome::Unknown)));
    }

    #[test]
    fn every_code_of_the_table_has_a_kind() {
        for (code, kind) in [
            ("400", Kind::Invalid),
            ("403", Kind::Forbidden),
            ("1", Kind::Invalid),
            ("2", Kind::Unavailable),
            ("6", Kind::Invalid),
            ("7", Kind::NotFound),
            ("8", Kind::Conflict),
            ("10", Kind::Conflict),
            ("12", Kind::Invalid),
            ("13", Kind::NotFound),
            ("14", Kind::Conflict),
            ("15", Kind::Unavailable),
            ("16", Kind::Forbidden),
            ("17", Kind::Invalid),
            ("21", Kind::Unavailable),
            ("22", Kind::Unauthenticated),
            ("99", Kind::Protocol),
        ] {
            assert_eq!(said(200, &coded(code, "x")).unwrap().kind, kind, "{code}");
        }
    }

    #[test]
    fn a_busy_device_may_be_asked_again() {
        for text in [
            "Another commit/validate is in progress. Please try again later",
            "Configuration is locked by admin",
        ] {
            let verdict = said(200, &coded("13", text)).unwrap();
            assert_eq!((verdict.kind, verdict.outcome), (Kind::Unavailable, Outcome::Rejected));
        }
    }

    #[test]
    fn a_verdict_per_entry_is_no_failure_of_the_call() {
        let body = "<response status=\"error\"><msg><line><uid-response><payload/></uid-response></line></msg></response>";
        assert_eq!(kind(200, body), None);
    }

    #[test]
    fn a_list_in_a_file_is_named() {
        let body = "<response status=\"success\"><result><msg><line><outfile>/var/log/pan/x</outfile></line></msg></result></response>";
        assert_eq!(kind(200, body).unwrap().0, Kind::Unsupported);
    }
}
