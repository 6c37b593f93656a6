//! The one driver of sinks: it batches, keeps a window in flight, counts, and gives every event
//! that was not delivered to a [`DeadLetter`].
//!
//! in = delivered + rejected + unknown, always. What was [`NotSent`](Outcome::NotSent) counts as
//! rejected, with a reason that begins `not sent:`; it can be sent again as it is.

mod dead_letter;
mod flight;
mod summary;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

pub use dead_letter::{DeadLetter, Discard, Ndjson, Rejected};
pub use summary::{Cause, Summary};

use crate::event::BadLine;
use crate::port::SinkCaps;
use crate::{BoxFuture, Delivery, Error, Event, EventSink, Outcome, Scope};
use flight::Flight;

/// How long a batch that is not full waits for more, from its first event on.
pub const LINGER: Duration = Duration::from_millis(200);

/// How many items are taken before anything else is looked at.
const AT_ONCE: usize = 256;

/// Sends everything that `input` yields, until its end or until `stop` is ready.
///
/// Batches are as large as [`SinkCaps`] allow, each under a new call of `scope`; input is taken
/// only while there is room, so memory stays bounded. When `stop` is ready, what is in flight
/// without a verdict is unknown, and what was taken but not sent is rejected as not sent.
///
/// When the dead letter fails, no more input is taken; what was taken is still sent and counted,
/// and [`Summary::fault`] says why it ended.
///
/// Dropping the future loses its counts; `stop` is the way to end it early.
pub async fn ship(
    sink: &dyn EventSink,
    scope: &Scope,
    input: impl Stream<Item = Result<Event, BadLine>> + Send,
    dead: &mut dyn DeadLetter,
    stop: impl Future<Output = ()> + Send,
) -> Summary {
    let mut input = pin!(input);
    let mut stop = pin!(stop);
    let mut driver = Driver::new(sink, scope, dead);
    let mut ended = false;
    loop {
        ended |= driver.summary.fault.is_some();
        driver.launch(ended);
        if ended && driver.idle() {
            break;
        }
        let step = poll_fn(|cx| {
            // First what is known already: a verdict that has come is not lost to `stop`.
            if let Poll::Ready(Some(landed)) = driver.flights.poll_next_unpin(cx) {
                return Poll::Ready(Step::Landed(landed));
            }
            if stop.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Step::Stopped);
            }
            // What is there is taken at once, so that the rest is not looked at for every event;
            // not without end, so that it is looked at.
            let mut taken = 0;
            while !ended && taken < AT_ONCE && driver.has_room() {
                match input.as_mut().poll_next(cx) {
                    Poll::Ready(Some(Ok(event))) => driver.take(event),
                    Poll::Ready(Some(Err(line))) => driver.refuse(&line),
                    Poll::Ready(None) => ended = true,
                    Poll::Pending => break,
                }
                ended |= driver.summary.fault.is_some();
                taken += 1;
            }
            if taken > 0 {
                return Poll::Ready(Step::Taken);
            }
            if let Some(linger) = &mut driver.linger
                && linger.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(Step::Lingered);
            }
            Poll::Pending
        })
        .await;
        match step {
            Step::Landed((events, delivery)) => driver.settle(&events, &delivery),
            Step::Taken => {}
            Step::Lingered => driver.due(),
            Step::Stopped => {
                driver.abandon();
                break;
            }
        }
    }
    driver.finish()
}

enum Step {
    Landed((Arc<Vec<Event>>, Delivery)),
    Stopped,
    Taken,
    Lingered,
}

struct Driver<'a> {
    sink: &'a dyn EventSink,
    scope: &'a Scope,
    dead: &'a mut dyn DeadLetter,
    caps: SinkCaps,
    summary: Summary,
    flights: FuturesUnordered<Flight<'a>>,
    /// The batch that is being filled.
    batch: Vec<Event>,
    bytes: usize,
    /// An event that did not fit into the batch and starts the next.
    next: Option<Event>,
    /// Runs from the first event of a batch; `None` and a batch means that its time is up.
    linger: Option<BoxFuture<'static, ()>>,
}

impl<'a> Driver<'a> {
    fn new(sink: &'a dyn EventSink, scope: &'a Scope, dead: &'a mut dyn DeadLetter) -> Self {
        Self {
            sink,
            scope,
            dead,
            caps: sink.capabilities(),
            summary: Summary::default(),
            flights: FuturesUnordered::new(),
            batch: Vec::new(),
            bytes: 0,
            next: None,
            linger: None,
        }
    }

    fn idle(&self) -> bool {
        self.flights.is_empty() && self.batch.is_empty()
    }

    fn full(&self) -> bool {
        self.next.is_some()
            || self.batch.len() >= self.caps.max_batch_events
            || self.bytes >= self.caps.max_batch_bytes
    }

    fn has_room(&self) -> bool {
        self.batch.is_empty() || !self.full()
    }

    fn take(&mut self, event: Event) {
        self.summary.sent += 1;
        let fits = self.bytes.saturating_add(event.len()) <= self.caps.max_batch_bytes;
        if self.batch.is_empty() || fits {
            self.put(event);
        } else {
            self.next = Some(event);
        }
    }

    fn put(&mut self, event: Event) {
        if self.batch.is_empty() {
            self.linger = Some(self.scope.clock().pause(LINGER));
        }
        self.bytes += event.len();
        self.batch.push(event);
    }

    /// The batch has waited long enough.
    fn due(&mut self) {
        self.linger = None;
    }

    /// Sends the batch if it is time and the window is open. `last`: no more input comes.
    fn launch(&mut self, last: bool) {
        while !self.batch.is_empty()
            && (last || self.full() || self.linger.is_none())
            && self.flights.len() < self.caps.max_in_flight.max(1)
        {
            let room = self.batch.len();
            let events = std::mem::replace(&mut self.batch, Vec::with_capacity(room));
            self.bytes = 0;
            self.linger = None;
            self.flights.push(Flight::start(self.sink, self.scope.call(), events));
            if let Some(event) = self.next.take() {
                self.put(event);
            }
        }
    }

    /// Counts the verdicts of a batch. An event without one is unknown.
    fn settle(&mut self, events: &[Event], delivery: &Delivery) {
        let rest = delivery.cause().map_or_else(String::new, ToString::to_string);
        let mut exceptions = delivery.exceptions().iter().peekable();
        for (index, event) in events.iter().enumerate() {
            let exception = exceptions.next_if(|e| e.index as usize == index);
            if index >= delivery.total() {
                self.verdict(event, Outcome::Unknown, "the sink gave no verdict");
            } else if let Some(e) = exception {
                self.verdict(event, e.outcome, &e.reason);
            } else {
                self.verdict(event, delivery.rest(), &rest);
            }
        }
    }

    fn verdict(&mut self, event: &Event, outcome: Outcome, reason: &str) {
        let reason = if reason.is_empty() { "no reason was given" } else { reason };
        let noted = match outcome {
            Outcome::Applied => {
                self.summary.delivered += 1;
                self.dead.delivered(event)
            }
            Outcome::Unknown => {
                self.summary.unknown += 1;
                self.summary.note(outcome, reason);
                self.dead.unknown(reason, event)
            }
            Outcome::Rejected => {
                self.summary.rejected += 1;
                self.summary.note(outcome, reason);
                self.dead.reject(reason, Rejected::Event(event))
            }
            Outcome::NotSent => {
                self.summary.rejected += 1;
                self.summary.note(outcome, reason);
                self.dead.reject(&format!("not sent: {reason}"), Rejected::Event(event))
            }
        };
        self.fault(noted);
    }

    /// A line that never became an event.
    fn refuse(&mut self, line: &BadLine) {
        self.summary.sent += 1;
        self.summary.rejected += 1;
        self.summary.note(Outcome::Rejected, line.reason.reason);
        let noted = self.dead.reject(&line.to_string(), Rejected::Line(line));
        self.fault(noted);
    }

    fn fault(&mut self, noted: Result<(), Error>) {
        if let Err(fault) = noted {
            self.summary.fault.get_or_insert(fault);
        }
    }

    /// Gives up what is in flight and what is not sent yet.
    fn abandon(&mut self) {
        for flight in std::mem::take(&mut self.flights) {
            for event in flight.into_events().iter() {
                self.verdict(event, Outcome::Unknown, "stopped before its verdict came");
            }
        }
        for event in std::mem::take(&mut self.batch).iter().chain(&self.next.take()) {
            self.verdict(event, Outcome::NotSent, "stopped before it was sent");
        }
    }

    fn finish(mut self) -> Summary {
        let flushed = self.dead.flush();
        self.fault(flushed);
        self.summary
    }
}

#[cfg(test)]
mod tests;
