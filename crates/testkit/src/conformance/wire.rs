//! The way to a product in memory: requests that meet a [`Script`] without a socket.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use watchfloor_core::{Call, Clock, Error, Kind, Outcome};

use crate::{Answer, Fault, Script, TestClock};

/// How long a connector in memory waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest wait that it obeys.
const CAP: Duration = Duration::from_secs(60);

/// The shortest wait before it tries again.
const STEP: Duration = Duration::from_millis(100);

/// Attempts of one request.
const ATTEMPTS: u32 = 5;

/// Counts requests and lets them meet their faults.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) clock: TestClock,
    pub(crate) script: Script,
    requests: AtomicU64,
}

/// Why a request was not answered as the product answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No answer.
    Lost,
    /// An answer that is none of the product's.
    Strange,
    /// An error after which nobody can say what was done.
    Failed,
    TooLarge,
    /// Nothing was done; come back after this wait, if one is given.
    Later(Option<Duration>),
    Credential,
    Invalid,
}

impl Wire {
    pub(crate) fn new(clock: TestClock) -> Self {
        Self { clock, script: Script::default(), requests: AtomicU64::new(0) }
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// One request. `work` is what the product does with so many items of it, all with `None`.
    pub(crate) async fn pass<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(Option<usize>) -> T,
    ) -> Result<T, Refusal> {
        let busy = self.clock.busy();
        // A request takes its time, in which others begin.
        tokio::task::yield_now().await;
        let fault = self.script.next(operation, self.clock.now());
        self.requests.fetch_add(1, Ordering::SeqCst);
        match fault {
            None => Ok(work(None)),
            Some(Fault::ResetBefore) => Err(Refusal::Lost),
            Some(Fault::ResetAmid(n)) => {
                work(Some(n));
                Err(Refusal::Lost)
            }
            Some(Fault::Hang | Fault::HangAmid) => {
                work(None);
                drop(busy);
                std::future::pending().await
            }
            Some(Fault::Instead(answer)) => Err(self.refusal(&answer)),
            Some(Fault::ExpireCredential) => Err(Refusal::Credential),
            Some(Fault::Items(_)) => Err(Refusal::Later(None)),
            Some(Fault::After(answer)) => {
                work(None);
                Err(self.refusal(&answer))
            }
            Some(Fault::ResetAfter | Fault::HalfBody) => {
                work(None);
                Err(Refusal::Lost)
            }
            Some(Fault::Twist(_)) => {
                work(None);
                Err(Refusal::Strange)
            }
        }
    }

    /// What an honest connector does about a request until it has an answer, or none can be had.
    /// With `repeats`, also one that may have arrived is sent again: twice does no harm. An error's
    /// kind says why there is no answer.
    pub(crate) async fn ask<T>(
        &self,
        call: &Call,
        operation: &'static str,
        repeats: bool,
        mut work: impl FnMut(Option<usize>) -> T,
    ) -> Result<T, Error> {
        use Outcome::{Rejected, Unknown};
        let clock = &self.clock;
        let left = |wait| call.deadline().is_none_or(|at| clock.now().saturating_add(wait) < at);
        let (mut unsettled, mut used) = (false, 0);
        if !left(Duration::ZERO) {
            return Err(Error::new(Kind::Timeout, "its deadline is past"));
        }
        loop {
            used += 1;
            let answer = tokio::select! {
                biased;
                answer = self.pass(operation, &mut work) => answer,
                () = clock.pause(PATIENCE) => Err(Refusal::Lost),
            };
            let refusal = match answer {
                Ok(done) => return Ok(done),
                Err(refusal) => refusal,
            };
            let again = repeats.then_some(None);
            let (kind, outcome, wait, what) = match refusal {
                Refusal::Lost => (Kind::Unavailable, Unknown, again, "no answer"),
                Refusal::Failed => (Kind::Unavailable, Unknown, again, "it failed"),
                Refusal::Later(wait) => (Kind::RateLimited, Rejected, Some(wait), "it is busy"),
                Refusal::Strange => (Kind::Protocol, Unknown, None, "another answered"),
                Refusal::Credential => (Kind::Unauthenticated, Rejected, None, "who is this?"),
                Refusal::Invalid => (Kind::Invalid, Rejected, None, "it is malformed"),
                Refusal::TooLarge => (Kind::TooLarge, Rejected, None, "it is too large"),
            };
            unsettled |= outcome == Unknown;
            let wait = wait.map(|asked| asked.unwrap_or_default().clamp(STEP, CAP));
            match wait {
                Some(wait) if used < ATTEMPTS && left(wait) => clock.pause(wait).await,
                _ => {
                    let outcome = if unsettled { Unknown } else { outcome };
                    return Err(Error::new(kind, what).with_outcome(outcome));
                }
            }
        }
    }

    fn refusal(&self, answer: &Answer) -> Refusal {
        match answer.status() {
            401 | 403 => Refusal::Credential,
            413 => Refusal::TooLarge,
            429 | 503 => Refusal::Later(answer.header_text("retry-after").and_then(|after| {
                if let Ok(seconds) = after.parse() {
                    return Some(Duration::from_secs(seconds));
                }
                let at = httpdate::parse_http_date(after).ok()?.duration_since(UNIX_EPOCH).ok()?;
                let now = self.clock.now().as_millis().unsigned_abs();
                Some(at.saturating_sub(Duration::from_millis(now)))
            })),
            500.. => Refusal::Failed,
            400..=499 => Refusal::Invalid,
            _ => Refusal::Strange,
        }
    }
}
