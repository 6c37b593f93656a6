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

/// A row of [`STATUSES`].
pub(crate) struct Row {
    statuses: &'static [(u16, u16)],
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) reach: Reach,
    pub(crate) says: &'static str,
}

/// What each status says that is no success; the first row that holds it counts. Code, test and
/// documentation are made from it.
pub(crate) const STATUSES: [Row; 16] = {
    use Kind::{
        Conflict, Forbidden, Invalid, NotFound, Protocol, RateLimited, TooLarge, Unauthenticated,
        Unavailable, Unsupported,
    };
    use Outcome::{Rejected, Unknown};
    use Reach::{Credential, Endpoint, Host, Request};
    const fn row(
        statuses: &'static [(u16, u16)],
        kind: Kind,
        outcome: Outcome,
        reach: Reach,
        says: &'static str,
    ) -> Row {
        Row { statuses, kind, outcome, reach, says }
    }
    const fn one(status: u16) -> (u16, u16) {
        (status, status)
    }
    [
        row(&[one(401)], Unauthenticated, Rejected, Credential, "the credential is refused"),
        row(&[one(403)], Forbidden, Rejected, Request, "the credential may not do this"),
        row(&[one(404), one(410)], NotFound, Rejected, Request, "it is not there"),
        row(&[one(408)], Kind::Timeout, Unknown, Endpoint, "the server gave up waiting"),
        row(&[one(409), one(412)], Conflict, Rejected, Request, "it collides with what is there"),
        row(
            &[one(413), one(414), one(431)],
            TooLarge,
            Rejected,
            Request,
            "the request is too large",
        ),
        row(&[one(429)], RateLimited, Rejected, Host, "the server asks for fewer requests"),
        row(&[(400, 499)], Invalid, Rejected, Request, "the server calls it invalid"),
        row(&[one(500)], Unavailable, Unknown, Request, "the server failed"),
        row(&[one(501), one(505)], Unsupported, Rejected, Request, "the server cannot do this"),
        row(&[one(503)], Unavailable, Rejected, Endpoint, "the server cannot serve now"),
        row(&[one(502), one(504)], Unavailable, Unknown, Endpoint, "no answer behind the gateway"),
        row(&[(500, 599)], Unavailable, Unknown, Endpoint, "the server failed in its own way"),
        row(
            &[(300, 399)],
            Protocol,
            Rejected,
            Request,
            "the server redirects; redirects are not followed, check the URL",
        ),
        row(&[(100, 199)], Protocol, Rejected, Request, "no final answer"),
        row(&[(600, 999)], Protocol, Rejected, Request, "no status of HTTP"),
    ]
};

impl Row {
    fn holds(&self, status: u16) -> bool {
        self.statuses.iter().any(|(from, to)| (*from..=*to).contains(&status))
    }
}

#[doc = include_str!("by_status.md")]
pub fn by_status(answer: &Answer) -> Option<Verdict> {
    if answer.status.is_success() {
        return None;
    }
    let row = STATUSES.iter().find(|row| row.holds(answer.status.as_u16()))?;
    let close = answer.status == StatusCode::REQUEST_TIMEOUT;
    Some(Verdict { close, ..Verdict::new(row.kind, row.outcome, row.says).reach(row.reach) })
}

/// The table as the documentation shows it.
#[cfg(test)]
pub(crate) fn markdown() -> String {
    use std::fmt::Write as _;
    let mut text = String::from("| status | kind | outcome | reach | the error says |\n");
    text.push_str("|---|---|---|---|---|\n| 2xx | success | | | |\n");
    for Row { statuses, kind, outcome, reach, says } in STATUSES {
        let one = |(from, to): &(u16, u16)| match to - from {
            0 => from.to_string(),
            99 if matches!(from, 400 | 500) => format!("other {}xx", from / 100),
            99 => format!("{}xx", from / 100),
            _ => format!("{from}–{to}"),
        };
        let labels: Vec<_> = statuses.iter().map(one).collect();
        let reach = format!("{reach:?}").to_lowercase();
        let _ = writeln!(
            text,
            "| {} | {} | {outcome} | {reach} | {says} |",
            labels.join(", "),
            kind.as_str()
        );
    }
    text
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
