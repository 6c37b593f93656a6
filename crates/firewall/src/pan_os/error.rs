//! How every answer of PAN-OS is classified: the body decides, where it is PAN-OS's (T27).

use watchfloor_core::{Kind, Outcome};

use super::map::short;
use super::wire::{BadReply, Reply};

/// A failure, in words of ours and the device's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) message: String,
    /// Whether waiting may help: the device is busy.
    pub(crate) busy: bool,
}

/// What an answer says; `None` is success, or a verdict per entry.
pub(crate) fn failure(status: u16, body: &[u8]) -> Option<Failure> {
    match Reply::from_xml(body) {
        Ok(reply) if reply.outfile => Some(Failure {
            kind: Kind::Unsupported,
            outcome: Outcome::Rejected,
            message: "the device writes its list to a file; PAN-OS 8.0 or later is needed".into(),
            busy: false,
        }),
        Ok(reply) if reply.success || reply.uid_response => None,
        Ok(reply) => Some(of_reply(&reply)),
        Err(BadReply(why)) => Some(of_status(status, why)),
    }
}

fn of_reply(reply: &Reply) -> Failure {
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
    let mut message = what.to_owned();
    if let Some(code) = reply.code {
        message.push_str(&format!(", code {code}"));
    }
    if !reply.message.trim().is_empty() {
        message.push_str(": ");
        message.push_str(&short(reply.message.trim()));
    }
    Failure { kind, outcome, message, busy: is_busy(&reply.message) || reply.code == Some(15) }
}

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

/// An answer that is not PAN-OS's: a proxy's, or a broken one.
fn of_status(status: u16, why: &'static str) -> Failure {
    let (kind, outcome) = match status {
        401 => (Kind::Unauthenticated, Outcome::Rejected),
        403 => (Kind::Forbidden, Outcome::Rejected),
        404 => (Kind::NotFound, Outcome::Rejected),
        413 => (Kind::TooLarge, Outcome::Rejected),
        429 => (Kind::RateLimited, Outcome::Rejected),
        503 => (Kind::Unavailable, Outcome::Rejected),
        400..=499 => (Kind::Invalid, Outcome::Rejected),
        500..=599 => (Kind::Unavailable, Outcome::Unknown),
        _ => (Kind::Protocol, Outcome::Unknown),
    };
    Failure { kind, outcome, message: why.to_owned(), busy: matches!(status, 429 | 503) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> Option<(Kind, Outcome)> {
        failure(status, body.as_bytes()).map(|f| (f.kind, f.outcome))
    }

    fn coded(code: &str, text: &str) -> String {
        format!(
            "<response status=\"error\" code=\"{code}\"><msg><line>{text}</line></msg></response>"
        )
    }

    #[test]
    fn t27_the_body_decides_whatever_the_status() {
        let bad_key = "<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>";
        for status in [200, 403] {
            assert_eq!(kind(status, bad_key), Some((Kind::Unauthenticated, Outcome::Rejected)));
        }
        assert_eq!(
            kind(200, &coded("16", "Unauthorized request")),
            Some((Kind::Forbidden, Outcome::Rejected))
        );
        assert_eq!(kind(200, "<response status=\"success\"></response>"), None);
        assert_eq!(kind(200, "<html>login</html>"), Some((Kind::Protocol, Outcome::Unknown)));
        assert_eq!(kind(200, "<response status=\"succ"), Some((Kind::Protocol, Outcome::Unknown)));
        assert_eq!(kind(503, ""), Some((Kind::Unavailable, Outcome::Rejected)));
        assert_eq!(kind(502, ""), Some((Kind::Unavailable, Outcome::Unknown)));
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
            assert_eq!(
                super::failure(200, coded(code, "x").as_bytes()).unwrap().kind,
                kind,
                "{code}"
            );
        }
    }

    #[test]
    fn a_busy_device_may_be_asked_again() {
        for text in [
            "Another commit/validate is in progress. Please try again later",
            "Configuration is locked by admin",
        ] {
            let failure = failure(200, coded("13", text).as_bytes()).unwrap();
            assert!(failure.busy && failure.kind == Kind::Unavailable, "{text}");
        }
    }

    #[test]
    fn a_verdict_per_entry_is_no_failure_of_the_call() {
        let body = "<response status=\"error\"><msg><line><uid-response><payload/></uid-response></line></msg></response>";
        assert_eq!(kind(200, body), None);
    }

    #[test]
    fn a_list_in_a_file_is_named() {
        let body = "<response status=\"success\"><result><msg><line><outfile>/tmp/x</outfile></line></msg></result></response>";
        assert_eq!(kind(200, body).unwrap().0, Kind::Unsupported);
    }
}
