//! A product in memory and an honest sink of it: what the suite itself is measured against.

use std::fmt;
use std::future::{Ready, ready};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use watchfloor_core::{
    Call, Clock, Connector, ConnectorName, Delivery, Error, Event, EventSink, Health, Kind,
    OnRepeat, Outcome, Pieces, Scope, SinkCaps, Stage, async_trait,
};

use super::{Held, Setup, World, sink::SinkWorld};
use crate::{Answer, Fault, Script, TestClock};

/// How long [`MemorySink`] waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest wait that it obeys.
const CAP: Duration = Duration::from_secs(60);

/// Attempts of one request.
const ATTEMPTS: u32 = 5;

/// A product that keeps events in memory, and misbehaves by a [`Script`] without a socket. It
/// refuses events with a member `refuse`.
#[derive(Debug)]
pub struct Memory {
    clock: TestClock,
    script: Script,
    requests: AtomicU64,
    ignores_repeats: bool,
    held: Mutex<Vec<Held>>,
}

/// Why a request of [`Memory`] was not answered with verdicts.
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

impl Memory {
    /// An empty one. Whether it knows events by their id is its own.
    pub fn new(clock: TestClock, ignores_repeats: bool) -> Self {
        let (script, requests) = (Script::default(), AtomicU64::new(0));
        Self { clock, script, requests, ignores_repeats, held: Mutex::default() }
    }

    /// What goes wrong, by the number of the request; the operation is `take`.
    pub fn script(&self) -> &Script {
        &self.script
    }

    #[cfg(test)]
    pub(crate) fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// Offers events; whether each was taken.
    pub(crate) async fn request(&self, events: &[Event]) -> Result<Vec<bool>, Refusal> {
        let busy = self.clock.busy();
        // A request takes its time, in which others begin.
        tokio::task::yield_now().await;
        let fault = self.script.next("take", self.clock.now());
        self.requests.fetch_add(1, Ordering::SeqCst);
        match fault {
            None => Ok(self.take(events)),
            Some(Fault::ResetBefore) => Err(Refusal::Lost),
            Some(Fault::ResetAmid(n)) => {
                self.take(&events[..n.min(events.len())]);
                Err(Refusal::Lost)
            }
            Some(Fault::Hang | Fault::HangAmid) => {
                self.take(events);
                drop(busy);
                std::future::pending().await
            }
            Some(Fault::Instead(answer)) => Err(self.refusal(&answer)),
            Some(Fault::ExpireCredential) => Err(Refusal::Credential),
            Some(Fault::Items(_)) => Err(Refusal::Later(None)),
            Some(Fault::After(answer)) => {
                self.take(events);
                Err(self.refusal(&answer))
            }
            Some(Fault::ResetAfter | Fault::HalfBody) => {
                self.take(events);
                Err(Refusal::Lost)
            }
            Some(Fault::Twist(_)) => {
                self.take(events);
                Err(Refusal::Strange)
            }
        }
    }

    fn take(&self, events: &[Event]) -> Vec<bool> {
        let mut held = self.lock();
        let take = |event: &Event| {
            if event.has_member("refuse") {
                return false;
            }
            let key = event.uid().to_owned();
            if !self.ignores_repeats || held.iter().all(|h| h.key != key) {
                let bytes = Some(Bytes::copy_from_slice(event.json()));
                held.push(Held { key, bytes });
            }
            true
        };
        events.iter().map(take).collect()
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

    fn lock(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An honest sink of [`Memory`]: it keeps every promise that the suite looks at.
pub struct MemorySink {
    pub(crate) memory: Arc<Memory>,
    name: ConnectorName,
}

impl MemorySink {
    /// A sink of this product.
    pub fn new(memory: Arc<Memory>) -> Self {
        Self { memory, name: ConnectorName::new("memory") }
    }

    /// A fresh one in its world, whose product knows events by their id.
    pub fn world(setup: Setup) -> Ready<MemoryWorld> {
        ready(MemoryWorld::of(setup, true, MemorySink::new))
    }

    /// Offers a piece until it has its verdicts, or none can be had.
    async fn offer(&self, call: &Call, batch: &[Event]) -> Result<Vec<bool>, Refused> {
        let clock = &self.memory.clock;
        let left = |wait| call.deadline().is_none_or(|at| clock.now().saturating_add(wait) < at);
        let (mut unsettled, mut used) = (false, 0);
        if !left(Duration::ZERO) {
            let late = Error::new(Kind::Timeout, "its deadline is past");
            return Err(Refused::Because(late));
        }
        loop {
            used += 1;
            let answer = tokio::select! {
                biased;
                answer = self.memory.request(batch) => answer,
                () = clock.pause(PATIENCE) => Err(Refusal::Lost),
            };
            let refusal = match answer {
                Ok(taken) => return Ok(taken),
                Err(refusal) => refusal,
            };
            use Outcome::{Rejected, Unknown};
            let (kind, outcome, wait, what) = match refusal {
                Refusal::Lost => (Kind::Unavailable, Unknown, Some(None), "no answer"),
                Refusal::Failed => (Kind::Unavailable, Unknown, Some(None), "it failed"),
                Refusal::Later(wait) => (Kind::RateLimited, Rejected, Some(wait), "it is busy"),
                Refusal::Strange => (Kind::Protocol, Unknown, None, "another answered"),
                Refusal::Credential => (Kind::Unauthenticated, Rejected, None, "who is this?"),
                Refusal::Invalid => (Kind::Invalid, Rejected, None, "it is malformed"),
                Refusal::TooLarge => (Kind::TooLarge, Rejected, None, "it is too large"),
            };
            unsettled |= outcome == Unknown;
            if refusal == Refusal::TooLarge && !unsettled {
                return Err(Refused::TooLarge);
            }
            let wait = wait.map(|asked| asked.unwrap_or_default().clamp(STEP, CAP));
            match wait {
                Some(wait) if used < ATTEMPTS && left(wait) => clock.pause(wait).await,
                _ => {
                    let outcome = if unsettled { Unknown } else { outcome };
                    let error = Error::new(kind, what).with_outcome(outcome);
                    return Err(Refused::Because(error.with_connector(&self.name)));
                }
            }
        }
    }
}

/// The shortest wait before it tries again.
const STEP: Duration = Duration::from_millis(100);

enum Refused {
    TooLarge,
    Because(Error),
}

#[async_trait]
impl Connector for MemorySink {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, _: &Call) -> Health {
        Health::new().good(Stage::Reachable, "it is in memory")
    }
}

#[async_trait]
impl EventSink for MemorySink {
    fn capabilities(&self) -> SinkCaps {
        let mut caps = SinkCaps::default();
        caps.max_batch_events = 100;
        caps.max_batch_bytes = 100_000;
        if self.memory.ignores_repeats {
            caps.on_repeat = OnRepeat::Ignored;
        }
        caps
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        let mut delivery = Delivery::all(events.len(), Outcome::Applied);
        let mut pieces = Pieces::new(events.len());
        while let Some(piece) = pieces.take() {
            let batch: Vec<_> = piece.iter().map(|i| events[*i as usize].clone()).collect();
            match self.offer(call, &batch).await {
                Ok(taken) => {
                    pieces.taken();
                    for (&index, _) in piece.iter().zip(taken).filter(|(_, taken)| !taken) {
                        delivery.except(index as usize, Outcome::Rejected, "it asks for it");
                    }
                }
                Err(Refused::TooLarge) => {
                    for index in pieces.halve(piece) {
                        delivery.except(index as usize, Outcome::Rejected, "it is too large");
                    }
                }
                Err(Refused::Because(e)) => {
                    delivery.merge(Delivery::failed(piece.len(), e), &piece);
                }
            }
        }
        delivery
    }
}

impl fmt::Debug for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemorySink")
    }
}

/// The world of a sink over [`Memory`].
#[derive(Debug)]
pub struct MemoryWorld {
    setup: Setup,
    scope: Scope,
    memory: Arc<Memory>,
    sink: Arc<dyn EventSink>,
}

impl MemoryWorld {
    /// The secret of this world, that no sink of it needs.
    pub const SECRET: &str = "cnry-memory-9c1f2e7a";

    /// A world with this sink over a product that knows events by their id, or does not.
    pub fn of<S: EventSink>(
        setup: Setup,
        ignores_repeats: bool,
        sink: impl FnOnce(Arc<Memory>) -> S,
    ) -> Self {
        let memory = Arc::new(Memory::new(setup.clock.clone(), ignores_repeats));
        let sink: Arc<dyn EventSink> = Arc::new(sink(memory.clone()));
        Self { scope: setup.scope(), setup, memory, sink }
    }
}

#[async_trait]
impl World for MemoryWorld {
    type Port = dyn EventSink;

    fn port(&self) -> Arc<dyn EventSink> {
        self.sink.clone()
    }

    fn scope(&self) -> Scope {
        self.scope.clone()
    }

    fn clock(&self) -> &TestClock {
        &self.setup.clock
    }

    fn requests(&self) -> u64 {
        self.memory.requests.load(Ordering::SeqCst)
    }

    fn inject(&self, nth: u64, fault: Fault) -> bool {
        self.memory.script.on("take", nth, fault);
        true
    }

    async fn held(&self) -> Vec<Held> {
        self.memory.lock().clone()
    }

    fn secrets(&self) -> Vec<String> {
        vec![Self::SECRET.to_owned()]
    }
}

impl SinkWorld for MemoryWorld {
    fn refused(&self, n: usize) -> Option<Event> {
        let doc = format!(r#"{{"refuse":true,"metadata":{{"uid":"refused-{n}"}}}}"#);
        Event::from_json(doc, self.setup.clock.now()).ok()
    }
}
