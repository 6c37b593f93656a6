//! How long an operation may take, read on the clock.

use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::{Busy, Call, Clock};

/// The end of one HTTP operation: its `timeout`, or the call's deadline if that is earlier.
///
/// The first is measured on the monotonic clock, so that a step of the wall clock does not cut an
/// operation off; the second is an instant that outlives the process, and wall time.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    clock: Arc<dyn Clock>,
    end: Duration,
    call: Option<watchfloor_core::Timestamp>,
}

impl Deadline {
    pub(crate) fn new(clock: &Arc<dyn Clock>, call: &Call, timeout: Duration) -> Self {
        let end = clock.monotonic().saturating_add(timeout);
        Self { clock: clock.clone(), end, call: call.deadline() }
    }

    /// What is left.
    pub(crate) fn left(&self) -> Duration {
        let left = self.end.saturating_sub(self.clock.monotonic());
        self.call.map_or(left, |at| left.min(at.since(self.clock.now())))
    }

    /// Whether `wait` ends before it.
    pub(crate) fn allows(&self, wait: Duration) -> bool {
        wait < self.left()
    }

    /// `work`, or `None` once the deadline has passed. What is ready wins over the deadline.
    pub(crate) async fn bound<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.clock.pause(self.left()) => None,
        }
    }
}

/// The clock as one operation holds it: busy, except where it waits.
#[derive(Debug)]
pub(crate) struct Busied {
    clock: Arc<dyn Clock>,
    held: Option<Busy>,
}

impl Busied {
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { clock: clock.clone(), held: Some(clock.busy()) }
    }

    /// Waits, and is not busy meanwhile.
    pub(crate) async fn idle<T>(&mut self, wait: impl Future<Output = T>) -> T {
        self.held = None;
        let done = wait.await;
        self.held = Some(self.clock.busy());
        done
    }

    pub(crate) async fn pause(&mut self, d: Duration) {
        if !d.is_zero() {
            let pause = self.clock.pause(d);
            self.idle(pause).await;
        }
    }
}
