//! The time-outs of all exchanges on one real timer.
//!
//! A timer for each exchange costs more than all else that the layer does: setting one wakes the
//! thread that waits for the sockets. Time-outs hardly ever end, and those of one client end in
//! the order in which they begin; so one task sleeps until the first of them ends, and looks.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The time-outs of a client.
#[derive(Default)]
pub(super) struct Timeouts(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Some time-out ends before the one that is slept for.
    sooner: Notify,
}

#[derive(Default)]
struct State {
    numbers: u64,
    ends: BTreeMap<End, Waker>,
    slept_for: Option<Instant>,
    /// May have ended with its runtime.
    watcher: Option<JoinHandle<()>>,
}

type End = (Instant, u64);

impl Timeouts {
    /// `work`, or `None` after `limit`.
    #[allow(clippy::disallowed_methods, reason = "the time-out of a socket is a real timer")]
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let mut running: Option<Running<'_>> = None;
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            match &running {
                Some(running) if running.is_over(cx.waker()) => Poll::Ready(None),
                Some(_) => Poll::Pending,
                None => {
                    running = Some(self.begin(Instant::now() + limit, cx.waker()));
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn begin(&self, at: Instant, waker: &Waker) -> Running<'_> {
        let mut state = self.0.state();
        state.numbers += 1;
        let end = (at, state.numbers);
        state.ends.insert(end, waker.clone());
        if state.watcher.as_ref().is_none_or(JoinHandle::is_finished) {
            state.slept_for = None;
            state.watcher = Some(tokio::spawn(self.0.clone().watch()));
        } else if state.slept_for.is_none_or(|until| at < until) {
            self.0.sooner.notify_one();
        }
        Running { of: &self.0, end }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[allow(clippy::disallowed_methods, reason = "the time-out of a socket is a real timer")]
    async fn watch(self: Arc<Self>) {
        loop {
            let until = {
                let mut state = self.state();
                let later = state.ends.split_off(&(Instant::now(), u64::MAX));
                for waker in std::mem::replace(&mut state.ends, later).into_values() {
                    waker.wake();
                }
                let Some(((until, _), _)) = state.ends.first_key_value() else {
                    state.watcher = None;
                    return;
                };
                let until = *until;
                state.slept_for = Some(until);
                until
            };
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = self.sooner.notified() => {}
            }
        }
    }
}

/// A time-out that has begun.
struct Running<'a> {
    of: &'a Shared,
    end: End,
}

impl Running<'_> {
    /// Whether it has ended; if not, this waker is told.
    fn is_over(&self, waker: &Waker) -> bool {
        match self.of.state().ends.get_mut(&self.end) {
            Some(told) => {
                told.clone_from(waker);
                false
            }
            None => true,
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.of.state().ends.remove(&self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn what_ends_first_is_told_first() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.within(MS, ready(7)).await, Some(7));
        let order = Mutex::new(Vec::new());
        let one = async |n: u32| {
            assert_eq!(timeouts.within(MS * 20 * n, pending::<()>()).await, None);
            order.lock().unwrap().push(n);
        };
        tokio::join!(one(5), one(1), one(3));
        assert_eq!(*order.lock().unwrap(), [1, 3, 5]);
        assert!(timeouts.0.state().ends.is_empty());
    }

    #[tokio::test]
    async fn one_that_is_dropped_is_forgotten() {
        let timeouts = Timeouts::default();
        let long = Duration::from_secs(3600);
        let _: Option<Option<()>> =
            timeouts.within(MS, timeouts.within(long, pending::<()>())).await;
        assert!(timeouts.0.state().ends.is_empty());
    }

    #[test]
    fn it_outlives_a_runtime() {
        let timeouts = Timeouts::default();
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let ended = timeouts.within(MS, pending::<()>());
            assert_eq!(runtime.unwrap().block_on(ended), None);
        }
    }
}
