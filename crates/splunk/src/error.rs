//! What HEC's answers mean: its code first, the status second.

use watchfloor_core::{Kind, Outcome};
use watchfloor_http::{Answer, Classify, Reach, Verdict, by_status};

use crate::wire::Reply;

#[derive(Clone, Copy, Debug)]
pub(crate) struct ByCode;

impl Classify for ByCode {
    fn classify(&self, answer: &Answer) -> Option<Verdict> {
        let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else {
            return foreign(answer);
        };
        let Some(code) = reply.code else { return foreign(answer) };
        let stop = |kind, reach, what: &str| {
            Some(
                Verdict::new(kind, Outcome::Rejected, format!("{what} (code {code})")).reach(reach),
            )
        };
        match code {
            // 24 and 25 say that a queue fills up; the data was taken.
            0 | 17 | 24 | 25 => None,
            1 | 22 => stop(Kind::Unauthenticated, Reach::Credential, "the token is disabled"),
            2..=4 | 21 => stop(Kind::Unauthenticated, Reach::Credential, "the token is not valid"),
            // The caller builds what is sent next: what follows the bad event.
            5..=7 | 12 | 13 | 15 => {
                stop(Kind::Invalid, Reach::Request, refused(code)).map(Verdict::resent_by_caller)
            }
            9 | 18..=20 | 23 | 26 | 27 => {
                let partial = reply.invalid_event_number.is_some_and(|n| n > 0);
                let kind = if code >= 26 { Kind::RateLimited } else { Kind::Unavailable };
                let verdict = stop(kind, Reach::Endpoint, "the collector is busy")?.close();
                Some(if partial { verdict.resent_by_caller() } else { verdict })
            }
            10 | 11 | 14 | 16 => {
                stop(Kind::Config, Reach::Request, "the token needs other settings")
            }
            _ => by_status(answer),
        }
    }
}

fn refused(code: u32) -> &'static str {
    if code == 7 { "the token may not write to the index" } else { "the event is refused" }
}

/// An answer that is not HEC's own: an HTML page of splunkd or of a proxy.
fn foreign(answer: &Answer) -> Option<Verdict> {
    match by_status(answer) {
        None => Some(Verdict::new(
            Kind::Protocol,
            Outcome::Unknown,
            "the answer is a success and not HEC's; is this the collector?",
        )),
        // The caller halves the batch.
        Some(v) if v.kind == Kind::TooLarge => Some(v.resent_by_caller()),
        other => other,
    }
}

/// Where a refused batch stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// This event is bad; those before it were taken.
    At(usize),
    /// The index is not one of the token's, seen at this event; those before it were taken.
    NoIndex(usize),
    /// The collector had no room from this event on; those before it were taken.
    From(usize),
    /// It does not say.
    Unsaid,
}

/// Reads `invalid-event-number`: from zero, but from one with code 7.
pub(crate) fn stopped(answer: &Answer, sent: usize) -> Stopped {
    let reply = serde_json::from_slice(&answer.body).unwrap_or_default();
    read_stopped(&reply, sent)
}

fn read_stopped(reply: &Reply, sent: usize) -> Stopped {
    let (Some(code), Some(number)) = (reply.code, reply.invalid_event_number) else {
        return Stopped::Unsaid;
    };
    let Ok(number) = usize::try_from(number) else { return Stopped::Unsaid };
    match (code, number) {
        (6 | 12 | 13 | 15, n) if n < sent => Stopped::At(n),
        (7, n) if (1..=sent).contains(&n) => Stopped::NoIndex(n - 1),
        (9 | 26 | 27, n) if n < sent => Stopped::From(n),
        _ => Stopped::Unsaid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u32, number: u64) -> Reply {
        Reply { code: Some(code), invalid_event_number: Some(number) }
    }

    #[test]
    fn code_7_counts_from_one() {
        assert_eq!(read_stopped(&reply(7, 2), 2), Stopped::NoIndex(1));
        assert_eq!(read_stopped(&reply(7, 0), 2), Stopped::Unsaid);
        assert_eq!(read_stopped(&reply(13, 1), 3), Stopped::At(1));
        assert_eq!(read_stopped(&reply(13, 3), 3), Stopped::Unsaid);
        assert_eq!(read_stopped(&reply(9, 10), 12), Stopped::From(10));
        assert_eq!(read_stopped(&Reply::default(), 3), Stopped::Unsaid);
    }
}
