//! The collector's one call.

use bytes::Bytes;
use watchfloor_core::{Call, Error, EventId, Health, Kind, Outcome, Result};
use watchfloor_http::{Attempts, Client, Repeat, Reply};

use crate::error::is_no_data;
use crate::sink::OnUnknown;

#[derive(Debug)]
pub(crate) struct Collector {
    http: Client,
    repeat: Repeat,
    channel: String,
}

impl Collector {
    pub(crate) fn new(http: Client, on_unknown: OnUnknown) -> Self {
        let repeat = match on_unknown {
            OnUnknown::Resend => Repeat::Duplicates,
            OnUnknown::Report => Repeat::Forbidden,
        };
        // A GUID; a token with indexer acknowledgement refuses data without one.
        let channel = EventId::random().as_str().to_owned();
        Self { http, repeat, channel }
    }

    pub(crate) fn attempts(&self, call: &Call) -> Attempts {
        self.http.attempts(call)
    }

    /// A check's health with what the connection showed.
    pub(crate) fn health(&self, found: Health) -> Health {
        self.http.health(found)
    }

    /// Sends envelopes one after another.
    pub(crate) async fn send(&self, body: Bytes, attempts: &mut Attempts) -> Result<Reply> {
        self.post("splunk.send", self.repeat, body, attempts).await
    }

    /// Sends nothing: a token that is accepted is told "no data", code 5.
    pub(crate) async fn probe(&self, call: &Call) -> Result<()> {
        const CHECK: &str = "splunk.check";
        let mut attempts = self.attempts(call);
        match self.post(CHECK, Repeat::Harmless, Bytes::new(), &mut attempts).await? {
            Reply::Resend(answer, _) if is_no_data(&answer) => Ok(()),
            Reply::Resend(_, verdict) => Err(Error::new(verdict.kind, verdict.message)
                .with_outcome(verdict.outcome)
                .with_operation(CHECK)),
            Reply::Done(_) => Err(Error::new(Kind::Protocol, "it took an empty request for data")
                .with_outcome(Outcome::Applied)
                .with_operation(CHECK)),
        }
    }

    async fn post(
        &self,
        operation: &'static str,
        repeat: Repeat,
        body: Bytes,
        attempts: &mut Attempts,
    ) -> Result<Reply> {
        self.http
            .post("services/collector/event", operation, repeat)
            .header("x-splunk-request-channel", &self.channel)
            .body("application/json", body)
            .send_on(attempts)
            .await
    }
}
