//! The adapter's word on an answer.

use http::StatusCode;
use watchfloor_core::{Kind, Outcome, Timestamp};

use crate::Answer;

/// An adapter's `error.rs`: what an answer means.
///
/// It is asked about every answer, also a 2xx (a failure inside a 200, T27), within the attempt:
/// before the replay after a 401 and before the retry.
pub trait Classify: Send + Sync + 'static {
    /// `None` for a success.
    fn classify(&self, answer: &Answer) -> Option<Verdict>;
}

impl<F: Fn(&Answer) -> Option<Verdict> + Send + Sync + 'static> Classify for F {
    fn classify(&self, answer: &Answer) -> Option<Verdict> {
        self(answer)
    }
}

/// [`by_status`] as a [`Classify`], for products that mean what their status says.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByStatus;

impl Classify for ByStatus {
    fn classify(&self, answer: &Answer) -> Option<Verdict> {
        by_status(answer)
    }
}

/// What a failed answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// What kind of failure it is.
    pub kind: Kind,
    /// What became of the effect.
    pub outcome: Outcome,
    /// In the adapter's own words, without anything from the body that could be a secret.
    pub message: String,
    /// When to come back, where the product says so in its own way; `Retry-After` needs no help.
    pub not_before: Option<Timestamp>,
    /// How far it reaches.
    pub reach: Reach,
    /// Who builds what is sent next.
    pub resend: Resend,
    /// Not to use the pooled connections again.
    pub close: bool,
    /// How far the connection came, where none was made: `dns`, `connect`, `proxy`, `tls`.
    pub(crate) stage: Option<&'static str>,
}

impl Verdict {
    /// A verdict on this request alone.
    pub fn new(kind: Kind, outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            kind,
            outcome,
            message: message.into(),
            not_before: None,
            reach: Reach::Request,
            resend: Resend::Same,
            close: false,
            stage: None,
        }
    }

    pub(crate) fn stage(mut self, stage: &'static str) -> Self {
        self.stage = Some(stage);
        self
    }

    /// When to come back.
    pub fn not_before(mut self, at: Timestamp) -> Self {
        self.not_before = Some(at);
        self
    }

    /// How far it reaches.
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Ends the layer's loop: the caller builds the next body and sends it on the same
    /// [`Attempts`](crate::Attempts).
    pub fn resent_by_caller(mut self) -> Self {
        self.resend = Resend::Caller;
        self
    }

    /// Gives the pooled connections up.
    pub fn close(mut self) -> Self {
        self.close = true;
        self
    }
}

/// How far a verdict reaches: who else must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// This request alone.
    Request,
    /// The endpoint that answered: it rests.
    Endpoint,
    /// Everything sent to this host for this tenant.
    Host,
    /// Everything sent with this credential for this tenant.
    Credential,
}

/// Who builds what is sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// The layer sends the same bytes again, where the [table](crate::retry) allows it.
    Same,
    /// The caller: the layer's loop ends.
    Caller,
}

/// What a status says, where the product means what its status says.
///
/// | status | kind | outcome | reach |
/// |---|---|---|---|
/// | 2xx | success | | |
/// | 401 | unauthenticated | rejected | credential |
/// | 403 | forbidden | rejected | request |
/// | 404, 410 | not found | rejected | request |
/// | 408 | timed out | unknown | endpoint |
/// | 409, 412 | conflict | rejected | request |
/// | 413, 414, 431 | too large | rejected | request |
/// | 429 | rate limited | rejected | host |
/// | other 4xx | invalid | rejected | request |
/// | 501, 505 | unsupported | rejected | request |
/// | 503 | unavailable | rejected | endpoint |
/// | other 5xx | unavailable | unknown | endpoint; 500: request |
/// | anything else | unexpected answer | rejected | request |
///
/// A 500 may come after the effect, a 502 or 504 from a proxy that lost the answer: nobody can say.
/// A 3xx is refused: redirects are not followed, so that a credential goes nowhere else.
pub fn by_status(answer: &Answer) -> Option<Verdict> {
    use Outcome::{Rejected, Unknown};
    let status = answer.status;
    let (kind, outcome, reach, message) = match status.as_u16() {
        200..=299 => return None,
        401 => (Kind::Unauthenticated, Rejected, Reach::Credential, "the credential is refused"),
        403 => (Kind::Forbidden, Rejected, Reach::Request, "the credential may not do this"),
        404 | 410 => (Kind::NotFound, Rejected, Reach::Request, "it is not there"),
        408 => (Kind::Timeout, Unknown, Reach::Endpoint, "the server gave up waiting"),
        409 | 412 => (Kind::Conflict, Rejected, Reach::Request, "it collides with what is there"),
        413 | 414 | 431 => (Kind::TooLarge, Rejected, Reach::Request, "the request is too large"),
        429 => (Kind::RateLimited, Rejected, Reach::Host, "the server asks for fewer requests"),
        400..=499 => (Kind::Invalid, Rejected, Reach::Request, "the server calls it invalid"),
        500 => (Kind::Unavailable, Unknown, Reach::Request, "the server failed"),
        501 | 505 => (Kind::Unsupported, Rejected, Reach::Request, "the server cannot do this"),
        503 => (Kind::Unavailable, Rejected, Reach::Endpoint, "the server cannot serve now"),
        502..=599 => (Kind::Unavailable, Unknown, Reach::Endpoint, "no answer behind the gateway"),
        300..=399 => (
            Kind::Protocol,
            Rejected,
            Reach::Request,
            "the server redirects; redirects are not followed, check the URL",
        ),
        _ => (Kind::Protocol, Rejected, Reach::Request, "no final answer"),
    };
    let close = status == StatusCode::REQUEST_TIMEOUT;
    Some(Verdict { close, ..Verdict::new(kind, outcome, message).reach(reach) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;

    fn verdict(status: u16) -> Option<Verdict> {
        let status = StatusCode::from_u16(status).unwrap();
        by_status(&Answer::new(status, HeaderMap::new(), Bytes::new(), Timestamp::EPOCH))
    }

    #[test]
    fn every_status_but_2xx_is_a_failure() {
        for status in 100..1000 {
            assert_eq!(verdict(status).is_none(), (200..300).contains(&status), "{status}");
        }
    }

    #[test]
    fn the_documented_rows() {
        use Outcome::{Rejected, Unknown};
        for (status, kind, outcome, reach) in [
            (302, Kind::Protocol, Rejected, Reach::Request),
            (400, Kind::Invalid, Rejected, Reach::Request),
            (401, Kind::Unauthenticated, Rejected, Reach::Credential),
            (403, Kind::Forbidden, Rejected, Reach::Request),
            (404, Kind::NotFound, Rejected, Reach::Request),
            (408, Kind::Timeout, Unknown, Reach::Endpoint),
            (409, Kind::Conflict, Rejected, Reach::Request),
            (413, Kind::TooLarge, Rejected, Reach::Request),
            (429, Kind::RateLimited, Rejected, Reach::Host),
            (500, Kind::Unavailable, Unknown, Reach::Request),
            (501, Kind::Unsupported, Rejected, Reach::Request),
            (502, Kind::Unavailable, Unknown, Reach::Endpoint),
            (503, Kind::Unavailable, Rejected, Reach::Endpoint),
            (504, Kind::Unavailable, Unknown, Reach::Endpoint),
        ] {
            let v = verdict(status).unwrap();
            assert_eq!((v.kind, v.outcome, v.reach), (kind, outcome, reach), "{status}");
        }
    }
}
