//! A clock that jumps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use watchfloor_core::{BoxFuture, Busy, Clock, Timestamp};

/// How long nothing may happen before the clock jumps: real time, since sockets live in it.
const SETTLE: Duration = Duration::from_millis(1);

/// How many times [`SETTLE`] those are waited for whose wait is over and who have not been run since:
/// a busy machine leaves them lying. One that is never run again holds nobody up for ever.
const LATE: u32 = 200;

/// A clock that stands still until everybody waits, and then jumps to the earliest wait.
///
/// It does not jump while anybody holds [`busy`](Clock::busy): the transport and the twins do while
/// work is in flight, so a jump never burns the deadline of a call that is being answered. Hours of
/// backoff pass in milliseconds. Clones are the same clock.
#[derive(Clone)]
pub struct TestClock(Arc<Shared>);

struct Shared {
    start: Timestamp,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Duration,
    busy: usize,
    next: u64,
    waits: BTreeMap<(Duration, u64), Option<Waker>>,
    /// Waits that are over and whose tasks have not noticed yet.
    woken: BTreeSet<(Duration, u64)>,
    /// Counts everything that happens; the clock jumps only after a stretch without a change.
    changes: u64,
    /// The task that watches for that stretch. It may have ended with its runtime.
    watcher: Option<JoinHandle<()>>,
}

impl TestClock {
    /// A clock that stands at `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(Shared { start, state: Mutex::default() }))
    }

    /// Moves it on by hand.
    pub fn advance(&self, by: Duration) {
        let mut state = self.0.lock();
        let now = state.now.saturating_add(by);
        state.jump(now);
    }

    /// How far it has moved.
    pub fn elapsed(&self) -> Duration {
        self.0.lock().now
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.start.saturating_add(self.0.lock().now)
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().now
    }

    fn pause(&self, d: Duration) -> BoxFuture<'static, ()> {
        if d.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        let mut state = self.0.lock();
        let key = (state.now.saturating_add(d), state.next);
        state.next += 1;
        state.changes += 1;
        state.waits.insert(key, None);
        self.0.watch(&mut state);
        drop(state);
        Box::pin(Pause { key, clock: self.0.clone() })
    }

    fn busy(&self) -> Busy {
        let mut state = self.0.lock();
        state.busy += 1;
        state.changes += 1;
        drop(state);
        Busy::holding(Working(self.0.clone()))
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestClock({})", self.now())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that somebody watches for the moment to jump.
    fn watch(self: &Arc<Self>, state: &mut State) {
        let watched = state.watcher.as_ref().is_some_and(|w| !w.is_finished());
        if watched || state.busy > 0 || state.waits.is_empty() {
            return;
        }
        // Outside of a runtime nobody can wait; `advance` moves the clock there.
        let Ok(runtime) = Handle::try_current() else { return };
        state.watcher = Some(runtime.spawn(self.clone().jump_when_still()));
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "sockets live in real time; a jump waits for them"
    )]
    async fn jump_when_still(self: Arc<Self>) {
        let mut seen = None;
        let mut late = 0;
        loop {
            tokio::time::sleep(SETTLE).await;
            let mut state = self.lock();
            if state.busy > 0 || state.waits.is_empty() {
                state.watcher = None;
                return;
            }
            if !state.woken.is_empty() && late < LATE {
                late += 1;
                continue;
            }
            late = 0;
            if seen == Some(state.changes)
                && let Some((&(at, _), _)) = state.waits.first_key_value()
            {
                state.jump(at);
            }
            seen = Some(state.changes);
        }
    }
}

impl State {
    /// Moves on and wakes those whose wait is over.
    fn jump(&mut self, to: Duration) {
        self.now = self.now.max(to);
        self.changes += 1;
        let later = self.waits.split_off(&(self.now, u64::MAX));
        self.woken.clear();
        for (key, waker) in std::mem::replace(&mut self.waits, later) {
            if let Some(waker) = waker {
                self.woken.insert(key);
                waker.wake();
            }
        }
    }
}

struct Pause {
    key: (Duration, u64),
    clock: Arc<Shared>,
}

impl Future for Pause {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.lock();
        match state.waits.get_mut(&self.key) {
            Some(waker) => {
                *waker = Some(cx.waker().clone());
                self.clock.watch(&mut state);
                Poll::Pending
            }
            None => {
                state.woken.remove(&self.key);
                state.changes += 1;
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        let mut state = self.clock.lock();
        state.changes += 1;
        state.waits.remove(&self.key);
        state.woken.remove(&self.key);
    }
}

struct Working(Arc<Shared>);

impl Drop for Working {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy -= 1;
        state.changes += 1;
        self.0.watch(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> TestClock {
        TestClock::at("2026-11-24T08:00:00Z".parse().unwrap())
    }

    #[tokio::test]
    async fn hours_pass_in_milliseconds_and_in_order() {
        let clock = clock();
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks = [3, 1, 2].map(|hours| {
            let (clock, order) = (clock.clone(), order.clone());
            tokio::spawn(async move {
                clock.pause(Duration::from_secs(hours * 3600)).await;
                order.lock().unwrap().push(hours);
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
        assert_eq!(clock.elapsed(), Duration::from_secs(3 * 3600));
    }

    #[tokio::test]
    async fn it_stands_still_while_somebody_is_busy() {
        let clock = clock();
        let busy = clock.busy();
        let mut pause = clock.pause(Duration::from_secs(1));
        for _ in 0..20 {
            let poll = std::future::poll_fn(|cx| Poll::Ready(pause.as_mut().poll(cx))).await;
            assert!(poll.is_pending());
            tokio::task::yield_now().await;
        }
        assert_eq!(clock.elapsed(), Duration::ZERO);
        drop(busy);
        pause.await;
        assert_eq!(clock.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_moves_nothing() {
        let clock = clock();
        drop(clock.pause(Duration::from_secs(3600)));
        clock.pause(Duration::from_secs(1)).await;
        assert_eq!(clock.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_jumps_on_many_threads_and_only_between_pieces_of_work() {
        let clock = clock();
        let tasks = [1, 2, 3, 4].map(|hours| {
            let clock = clock.clone();
            tokio::spawn(async move {
                for turn in 1..=3 {
                    clock.pause(Duration::from_secs(hours * 3600)).await;
                    let busy = clock.busy();
                    let before = clock.elapsed();
                    for _ in 0..50 {
                        tokio::task::yield_now().await;
                    }
                    assert_eq!(clock.elapsed(), before, "moved in turn {turn}");
                    drop(busy);
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(clock.elapsed(), Duration::from_secs(12 * 3600));
    }

    #[tokio::test]
    async fn no_wait_at_all_is_over_at_once() {
        let clock = clock();
        let _busy = clock.busy();
        clock.pause(Duration::ZERO).await;
        assert_eq!(clock.elapsed(), Duration::ZERO);
    }

    /// A wait that is over must be noticed before the next one ends, however busy the machine is:
    /// else a time-out that lies far behind it would be burnt.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[allow(clippy::disallowed_methods, reason = "what keeps the machine busy takes real time")]
    async fn it_waits_for_those_it_has_woken() {
        let clock = clock();
        let _far = {
            let mut far = clock.pause(Duration::from_secs(3600));
            let _ = std::future::poll_fn(|cx| Poll::Ready(far.as_mut().poll(cx))).await;
            far
        };
        let waits = clock.clone();
        let task = tokio::spawn(async move {
            let mut near = waits.pause(Duration::from_secs(1));
            let _ = std::future::poll_fn(|cx| Poll::Ready(near.as_mut().poll(cx))).await;
            // Its task is not run for a while, as on a machine with too much to do.
            std::thread::sleep(Duration::from_millis(60));
            near.await;
            waits.elapsed()
        });
        assert_eq!(task.await.unwrap(), Duration::from_secs(1));
    }

    #[test]
    fn it_outlives_a_runtime() {
        let clock = clock();
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build();
        let first = runtime().unwrap();
        let entered = first.enter();
        let pause = clock.pause(Duration::from_secs(3600));
        drop(entered);
        drop(first);
        runtime().unwrap().block_on(pause);
        assert_eq!(clock.elapsed(), Duration::from_secs(3600));
    }

    #[test]
    fn without_a_runtime_it_is_moved_by_hand() {
        let clock = clock();
        let _pause = clock.pause(Duration::from_secs(5));
        clock.advance(Duration::from_secs(7));
        assert_eq!(clock.now().to_string(), "2026-11-24T08:00:07.000Z");
    }
}
