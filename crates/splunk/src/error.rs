//! What HEC's answers mean: its code first, the status second.

use watchfloor_core::{Kind, Outcome};
use watchfloor_http::{Answer, Classify, Reach, Verdict, by_status};

use crate::wire::Reply;

#[derive(Clone, Copy, Debug)]
pub(crate) struct ByCode;

impl Classify for ByCode {
    fn classify(&self, answer: &Answer) -> Option<Verdict> {
        let reply = Reply::read(answer);
        let Some(code) = reply.code else { return Some(foreign(answer)) };
        let stop = |kind, reach, what: &str| {
            let message = format!("{what} (code {code})");
            Some(Verdict::new(kind, Outcome::Rejected, message).reach(reach))
        };
        match code {
            // 24 and 25 say that a queue fills up; the data was taken.
            0 | 24 | 25 if answer.status.is_success() => None,
            1 | 22 => stop(Kind::Unauthenticated, Reach::Credential, "the token is disabled"),
            2..=4 | 21 => stop(Kind::Unauthenticated, Reach::Credential, "the token is not valid"),
            // The caller builds what is sent next: what follows the bad event.
            5..=7 | 12 | 13 | 15 => {
                stop(Kind::Invalid, Reach::Request, refused(code)).map(Verdict::resent_by_caller)
            }
            // The load balancer may choose another node for a new connection.
            9 | 18..=20 | 23 | 26 | 27 => {
                let partial = reply.invalid_event_number.is_some_and(|n| n > 0);
                let kind = if code >= 26 { Kind::RateLimited } else { Kind::Unavailable };
                let verdict = stop(kind, Reach::Endpoint, "the collector is busy")?.close();
                Some(if partial { verdict.resent_by_caller() } else { verdict })
            }
            10 | 11 | 14 | 16 => {
                stop(Kind::Config, Reach::Request, "the token needs other settings")
            }
            404 => stop(Kind::Config, Reach::Request, "no collector there; is HEC enabled?"),
            _ => Some(foreign(answer)),
        }
    }
}

fn refused(code: u32) -> &'static str {
    if code == 7 { "the token may not write to the index" } else { "the event is refused" }
}

/// Whether the token was accepted and there was nothing to take.
pub(crate) fn is_no_data(answer: &Answer) -> bool {
    Reply::read(answer).code == Some(5)
}

/// An answer that is not HEC's own: an HTML page of splunkd or of a proxy.
fn foreign(answer: &Answer) -> Verdict {
    let Some(verdict) = by_status(answer) else {
        let what = "the answer is a success and not HEC's; is this the collector?";
        return Verdict::new(Kind::Protocol, Outcome::Unknown, what);
    };
    match answer.status.as_u16() {
        // The collector takes what stands before a bad event, and where that is nobody says here.
        400 => {
            let what = "the answer is a refusal and not HEC's, or not the whole of it";
            Verdict::new(Kind::Protocol, Outcome::Unknown, what)
        }
        // The caller halves the batch.
        413 => verdict.resent_by_caller(),
        415 => {
            let what = "the collector takes no packed bodies; leave gzip off in its http table";
            Verdict::new(Kind::Config, Outcome::Rejected, what)
        }
        429 | 502..=504 => verdict.close(),
        _ => verdict,
    }
}

/// Where a refused batch stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// This event is bad; those before it were taken.
    At(usize),
    /// The collector had no room from this event on, or from the one before it: nobody has said
    /// from which number it counts. Those before that were taken.
    From(usize),
    /// It does not say.
    Unsaid,
}

/// Reads `invalid-event-number`: from zero, but from one with code 7.
pub(crate) fn stopped(answer: &Answer, sent: usize) -> Stopped {
    let reply = Reply::read(answer);
    let (Some(code), Some(number)) = (reply.code, reply.invalid_event_number) else {
        return Stopped::Unsaid;
    };
    let Ok(number) = usize::try_from(number) else { return Stopped::Unsaid };
    match (code, number) {
        (6 | 12 | 13 | 15, n) if n < sent => Stopped::At(n),
        (7, n) if (1..=sent).contains(&n) => Stopped::At(n - 1),
        (9 | 26 | 27, n) if (1..=sent).contains(&n) => Stopped::From(n),
        _ => Stopped::Unsaid,
    }
}

/// Whether every event with the same index is refused like this one.
pub(crate) fn is_about_the_index(answer: &Answer) -> bool {
    Reply::read(answer).code == Some(7)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use watchfloor_core::Timestamp;
    use watchfloor_http::Resend;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = status.try_into().unwrap();
        Answer::new(status, HeaderMap::new(), body.to_owned().into(), Timestamp::EPOCH)
    }

    fn numbered(code: u32, number: u64) -> Answer {
        answer(400, &format!(r#"{{"text":"","code":{code},"invalid-event-number":{number}}}"#))
    }

    #[test]
    fn code_7_counts_from_one() {
        assert_eq!(stopped(&numbered(7, 2), 2), Stopped::At(1));
        assert_eq!(stopped(&numbered(7, 0), 2), Stopped::Unsaid);
        assert_eq!(stopped(&numbered(13, 1), 3), Stopped::At(1));
        assert_eq!(stopped(&numbered(13, 3), 3), Stopped::Unsaid);
        assert_eq!(stopped(&numbered(9, 10), 12), Stopped::From(10));
        assert_eq!(stopped(&numbered(9, 13), 12), Stopped::Unsaid);
        assert_eq!(stopped(&answer(400, ""), 3), Stopped::Unsaid);
    }

    #[test]
    fn the_code_table() {
        use Kind::{
            Config, Invalid, Protocol, RateLimited, TooLarge, Unauthenticated, Unavailable,
        };
        let of = |status, body: &str| ByCode.classify(&answer(status, body)).map(|v| v.kind);
        let coded = |status, code: u32| of(status, &format!(r#"{{"text":"x","code":{code}}}"#));
        for (status, code, kind) in [
            (200, 0, None),
            (200, 24, None),
            (200, 25, None),
            (403, 1, Some(Unauthenticated)),
            (401, 2, Some(Unauthenticated)),
            (401, 3, Some(Unauthenticated)),
            (403, 4, Some(Unauthenticated)),
            (400, 5, Some(Invalid)),
            (400, 6, Some(Invalid)),
            (400, 7, Some(Invalid)),
            (500, 8, Some(Unavailable)),
            (503, 9, Some(Unavailable)),
            (400, 10, Some(Config)),
            (400, 11, Some(Config)),
            (400, 12, Some(Invalid)),
            (400, 13, Some(Invalid)),
            (400, 14, Some(Config)),
            (400, 15, Some(Invalid)),
            (400, 16, Some(Config)),
            (503, 18, Some(Unavailable)),
            (503, 19, Some(Unavailable)),
            (503, 20, Some(Unavailable)),
            (400, 21, Some(Unauthenticated)),
            (400, 22, Some(Unauthenticated)),
            (503, 23, Some(Unavailable)),
            (429, 26, Some(RateLimited)),
            (429, 27, Some(RateLimited)),
            (404, 404, Some(Config)),
            (405, 404, Some(Config)),
            // The code decides where the status says otherwise, and no code is believed against it.
            (200, 4, Some(Unauthenticated)),
            (200, 9, Some(Unavailable)),
            (503, 0, Some(Unavailable)),
            (200, 17, Some(Protocol)),
            (200, 99, Some(Protocol)),
            (503, 99, Some(Unavailable)),
        ] {
            assert_eq!(coded(status, code), kind, "{status} {code}");
        }
        for (status, body, kind) in [
            (200, "<html></html>", Protocol),
            (200, "", Protocol),
            (200, "[0]", Protocol),
            (200, r#"{"acks":{}}"#, Protocol),
            (400, "<html></html>", Protocol),
            (400, "\"Unsupported metric event\"", Protocol),
            (401, "missing or empty authorization header", Unauthenticated),
            (413, "<!doctype html><html></html>", TooLarge),
            (415, "<!doctype html><html></html>", Config),
            (502, "<html>502 Bad Gateway</html>", Unavailable),
            (302, "", Protocol),
        ] {
            assert_eq!(of(status, body), Some(kind), "{status} {body}");
        }
    }

    #[test]
    fn a_busy_collector_s_connection_is_given_up_and_its_endpoint_rests() {
        for (status, body) in [(503, r#"{"text":"x","code":9}"#), (503, r#"{"code":23}"#)] {
            let verdict = ByCode.classify(&answer(status, body)).unwrap();
            assert!(verdict.close && verdict.reach == Reach::Endpoint, "{body}");
            assert_eq!(verdict.resend, Resend::Same);
        }
        assert!(ByCode.classify(&answer(502, "<html>")).unwrap().close);
        let partial = answer(503, r#"{"code":9,"invalid-event-number":10}"#);
        assert_eq!(ByCode.classify(&partial).unwrap().resend, Resend::Caller);
        let nothing = answer(503, r#"{"code":9,"invalid-event-number":0}"#);
        assert_eq!(ByCode.classify(&nothing).unwrap().resend, Resend::Same);
    }
}
