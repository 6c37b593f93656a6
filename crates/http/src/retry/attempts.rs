use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::{Call, Clock, Error, Kind, Outcome, Result, Retry, TenantId, Timestamp};

use http::HeaderValue;

use super::{Action, Class, Repeat, action, backoff};
use crate::deadline::{Busied, Deadline};
use crate::endpoint::Turn;
use crate::layer::Host;
use crate::observe::{BreakerChange, Observation, Operation};
use crate::{Answer, Client, Verdict};

/// The attempts of one operation: their count, their time, their budget.
///
/// Made by [`Client::attempts`] for a caller that rebuilds the body between attempts; a plain
/// [`Request::send`](crate::Request::send) makes its own.
#[derive(Debug)]
pub struct Attempts {
    pub(crate) client: Client,
    pub(super) tenant: TenantId,
    pub(super) traceparent: Option<HeaderValue>,
    pub(super) deadline: Deadline,
    /// The state of each endpoint's host.
    pub(super) hosts: Arc<[Arc<Host>]>,
    /// What was sent last.
    pub(super) operation: &'static str,
    /// Attempts begun.
    used: u32,
    /// What was taken from the budget since the last success.
    repeats: u32,
    /// An attempt of which nobody knows what became of it: no later failure settles that.
    unsettled: bool,
    /// There was such an attempt, settled or not.
    lost: bool,
    /// A refused credential was renewed; once an operation.
    pub(super) replayed: bool,
    last: Option<Arc<Host>>,
}

impl Attempts {
    pub(crate) fn new(client: Client, call: &Call) -> Self {
        let deadline = Deadline::new(client.0.layer.clock(), call, client.0.settings.timeout);
        Self {
            hosts: client.0.hosts(call.tenant()),
            client,
            tenant: call.tenant().clone(),
            traceparent: call.traceparent().and_then(|t| HeaderValue::from_str(t).ok()),
            deadline,
            operation: "",
            used: 0,
            repeats: 0,
            unsettled: false,
            lost: false,
            replayed: false,
            last: None,
        }
    }

    /// How many were begun. A replay after a renewed credential is none of its own.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// What a refusal means for what the caller does not send again: rejected. Once an answer was
    /// lost it is unknown: what is refused now may have been taken then, in another body.
    pub fn refused(&self) -> Outcome {
        if self.lost { Outcome::Unknown } else { Outcome::Rejected }
    }

    /// What is left to send got smaller: a piece was taken, or one was refused for what is in it and
    /// goes again in parts. Its attempts begin anew, so that the last part is repeated as often as
    /// the first; the time of the operation goes on.
    pub fn progressed(&mut self) {
        self.used = 0;
    }

    /// Waits as before any other repeat: for the backoff, and until `not_before`, capped.
    ///
    /// An error where attempts, budget or time are used up; its kind is `RateLimited` where it is
    /// `not_before` that comes too late, else `Unavailable`, and it says from when on to try again.
    pub async fn wait(&mut self, not_before: Option<Timestamp>) -> Result<()> {
        let clock = self.clock().clone();
        let capped = not_before.map(|at| self.capped(at.since(clock.now())));
        let mut busied = Busied::new(&clock);
        self.again(None, capped, &mut busied).await.map_err(|over| {
            let (kind, what) = match over {
                Over::Attempts => (Kind::Unavailable, "max_attempts are used up"),
                Over::Budget => (Kind::Unavailable, "the host's retry budget is used up"),
                Over::Time if capped.is_some() => {
                    (Kind::RateLimited, "the server asks for a longer wait")
                }
                Over::Time => (Kind::Unavailable, "the time of the operation is used up"),
            };
            self.error(kind, what, Outcome::Rejected).with_retry(self.not_before(capped))
        })
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        self.client.0.layer.clock()
    }

    /// A wait that a server asked for, as far as it is obeyed (T7).
    pub(super) fn capped(&self, wait: Duration) -> Duration {
        wait.min(self.client.0.settings.retry_after_cap)
    }

    /// Begins the next attempt, on this host.
    pub(super) fn begin(&mut self, host: &Arc<Host>) {
        self.used += 1;
        self.last = Some(host.clone());
    }

    pub(super) fn succeed(&mut self) {
        if let Some(host) = &self.last {
            host.budget.succeed(std::mem::take(&mut self.repeats));
        }
        self.unsettled = false;
    }

    pub(super) fn fail(&mut self, outcome: Outcome) {
        self.unsettled |= outcome == Outcome::Unknown;
        self.lost |= self.unsettled;
    }

    /// Waits before a repeat, or says what is used up.
    pub(super) async fn again(
        &mut self,
        because: Option<Kind>,
        asked: Option<Duration>,
        busied: &mut Busied,
    ) -> Result<(), Over> {
        if self.used >= self.client.0.settings.max_attempts {
            return Err(Over::Attempts);
        }
        let wait = backoff::after(self.used).max(asked.unwrap_or_default());
        if !self.deadline.allows(wait) {
            return Err(Over::Time);
        }
        if self.last.as_ref().is_some_and(|host| !host.budget.take()) {
            return Err(Over::Budget);
        }
        self.repeats += 1;
        self.observe(|operation| {
            Some(Observation::Repeating { operation, because, wait, asked: asked.is_some() })
        });
        busied.pause(wait).await;
        Ok(())
    }

    /// From when on to try again: after what was asked for, and after the rest of the endpoint
    /// that is the first to have had it.
    fn not_before(&self, asked: Option<Duration>) -> Retry {
        let now = self.clock().monotonic();
        let rest = self.hosts.iter().map(|host| host.breaker.rest_left(now)).min();
        Retry::NotBefore(self.in_a(asked.unwrap_or_default().max(rest.unwrap_or_default())))
    }

    pub(super) fn in_a(&self, wait: Duration) -> Timestamp {
        self.clock().now().saturating_add(wait)
    }

    fn error(&self, kind: Kind, what: &str, outcome: Outcome) -> Error {
        let outcome = match outcome {
            Outcome::Applied => Outcome::Applied,
            _ if self.unsettled => Outcome::Unknown,
            outcome => outcome,
        };
        Error::new(kind, what).with_outcome(outcome).with_connector(self.client.name())
    }

    /// The error of an operation that ended with this verdict; `asked` is the wait before another.
    pub(crate) fn failure(
        &self,
        repeat: Repeat,
        verdict: &Verdict,
        answer: Option<&Answer>,
        asked: Option<Duration>,
    ) -> Error {
        let retry = match action(repeat, verdict.outcome, Class::of(verdict.kind)) {
            Action::Again => self.not_before(asked),
            Action::Stop => Retry::Never,
            Action::Lookup => Retry::AfterLookup,
        };
        // A wait that does not fit into the operation is passed on to whoever has the time.
        let too_late = matches!(retry, Retry::NotBefore(_))
            && answer.is_some()
            && asked.is_some_and(|wait| !self.deadline.allows(wait));
        let kind = if too_late { Kind::RateLimited } else { verdict.kind };
        let error = self.error(kind, &verdict.message, verdict.outcome);
        let error = match answer.map(|a| a.status) {
            Some(status) => error.with("status", status.as_u16()),
            None => error,
        };
        let error = match verdict.stage {
            Some(stage) => error.with("stage", stage),
            None => error,
        };
        let error = if self.used > 1 { error.with("attempts", self.used) } else { error };
        error.with_retry(retry).with_operation(self.operation)
    }

    /// The wait that the other side asked for, capped.
    pub(crate) fn asked(&self, verdict: &Verdict, answer: Option<&Answer>) -> Option<Duration> {
        let by_adapter = verdict.not_before.map(|at| at.since(self.clock().now()));
        by_adapter.or_else(|| answer?.retry_after()).map(|wait| self.capped(wait))
    }

    /// Whether there is an observer.
    pub(super) fn is_observed(&self) -> bool {
        self.client.0.layer.observer().is_some()
    }

    /// Tells the observer, if there is one.
    pub(super) fn observe<'a>(
        &'a self,
        seen: impl FnOnce(Operation<'a>) -> Option<Observation<'a>>,
    ) {
        let Some(observer) = self.client.0.layer.observer() else { return };
        let connector = self.client.name();
        let operation = Operation { connector, tenant: &self.tenant, name: self.operation };
        if let Some(seen) = seen(operation) {
            observer.observe(&seen);
        }
    }

    pub(super) fn breaker_changed(&self, turn: &Turn, change: BreakerChange) {
        let endpoint = &*self.client.0.endpoints[turn.index].authority;
        if let BreakerChange::Rests(rest) = change {
            tracing::debug!(endpoint, rest_ms = rest.as_millis() as u64, "endpoint rests");
        }
        self.observe(|operation| Some(Observation::Breaker { operation, endpoint, change }));
    }
}

/// What of an operation is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Attempts,
    Budget,
    Time,
}
