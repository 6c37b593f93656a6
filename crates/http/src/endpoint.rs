//! Several endpoints of one product, each with a breaker.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::Notify;

use crate::layer::Host;

/// The first rest after a failure; each further one is twice as long.
pub(crate) const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest rest.
pub(crate) const LONGEST_REST: Duration = Duration::from_secs(60);
/// After so many failures in a row, where no other endpoint is left, requests wait for the end of
/// the rest and for the one that tries it.
pub(crate) const HELD_FROM: u32 = 3;

/// The breaker of an endpoint for one tenant. While the endpoint is well nobody writes to it, so that
/// requests do not wait for one another.
#[derive(Debug, Default)]
pub(crate) struct Breaker(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    /// Failures in a row. Requests that were under way together fail together: they count as one.
    failures: u32,
    rests_until: Duration,
    /// The request that tries it after its rest.
    probe: Option<u64>,
    probes: u64,
    /// Raised by each failure that counts; one of an earlier wave does not.
    wave: u64,
}

impl State {
    fn rest(&self) -> Duration {
        let doubled = FIRST_REST.saturating_mul(1 << self.failures.saturating_sub(1).min(10));
        doubled.min(LONGEST_REST)
    }

    /// Whether its rest is over and nobody tries it yet.
    fn may_be_tried(&self, now: Duration) -> bool {
        self.rests_until <= now && self.probe.is_none()
    }
}

/// What became of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerChange {
    /// The endpoint failed and rests for so long.
    Rests(Duration),
    /// Its rest is over: one request tries it.
    Tried,
    /// It answered again.
    Closed,
}

impl Breaker {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it still rests.
    pub(crate) fn rest_left(&self, now: Duration) -> Duration {
        self.state().rests_until.saturating_sub(now)
    }
}

/// A request's turn on an endpoint. Dropped without a verdict it leaves the breaker as it was, so
/// that another request may try.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) index: usize,
    pub(crate) host: Arc<Host>,
    wave: u64,
    /// Its number among those that try the endpoint after its rest, if it is one of them.
    probe: Option<u64>,
    changed: Arc<Notify>,
}

impl Turn {
    fn of(index: usize, host: &Arc<Host>, changed: &Arc<Notify>) -> Self {
        let wave = host.breaker.state().wave;
        Self { index, host: host.clone(), wave, probe: None, changed: changed.clone() }
    }

    /// The one turn on an endpoint whose rest is over; `None` if somebody was faster.
    fn probing(
        index: usize,
        host: &Arc<Host>,
        now: Duration,
        changed: &Arc<Notify>,
    ) -> Option<Self> {
        let mut state = host.breaker.changing();
        if !state.may_be_tried(now) {
            return None;
        }
        state.probes += 1;
        state.probe = Some(state.probes);
        let (wave, probe) = (state.wave, state.probe);
        Some(Self { index, host: host.clone(), wave, probe, changed: changed.clone() })
    }

    /// Whether it is the one request that tries the endpoint after its rest.
    pub(crate) fn is_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// Whether the endpoint has failed since, and this is not the request that may try it.
    pub(crate) fn is_over(&self) -> bool {
        self.probe.is_none() && self.host.breaker.state().wave != self.wave
    }

    /// The endpoint answered.
    pub(crate) fn succeed(&self) -> Option<BreakerChange> {
        if self.host.breaker.state().failures == 0 {
            return None;
        }
        let mut state = self.host.breaker.changing();
        (state.failures, state.rests_until, state.probe) = (0, Duration::ZERO, None);
        drop(state);
        self.changed.notify_waiters();
        Some(BreakerChange::Closed)
    }

    /// The endpoint did not, or said that it cannot.
    pub(crate) fn fail(&self, now: Duration) -> Option<BreakerChange> {
        let mut state = self.host.breaker.changing();
        if state.wave != self.wave {
            return None;
        }
        state.wave += 1;
        state.failures = state.failures.saturating_add(1);
        state.rests_until = now.saturating_add(state.rest());
        state.probe = None;
        let rest = state.rest();
        drop(state);
        self.changed.notify_waiters();
        Some(BreakerChange::Rests(rest))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.probe.is_some() {
            let mut state = self.host.breaker.changing();
            if state.probe == self.probe {
                state.probe = None;
                drop(state);
                self.changed.notify_waiters();
            }
        }
    }
}

/// No endpoint may be asked now; `rest` is how long the first of them rests, none where it is being
/// tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) rest: Option<Duration>,
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct RoundRobin(AtomicUsize);

impl RoundRobin {
    /// The next endpoint that does not rest. One whose rest is over is tried by a single request;
    /// the others pass it by until that one has an answer. Where all rest, the one whose rest ends
    /// first is asked all the same, up to its third failure in a row; then all wait for its end.
    pub(crate) fn pick(
        &self,
        hosts: &[Arc<Host>],
        now: Duration,
        changed: &Arc<Notify>,
    ) -> Result<Turn, Held> {
        let turn = if hosts.len() > 1 { self.0.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let mut soonest = (Duration::MAX, 0);
        let mut wakes: Option<Duration> = None;
        for i in (0..hosts.len()).map(|i| turn.wrapping_add(i) % hosts.len()) {
            let state = hosts[i].breaker.state();
            if state.failures == 0 {
                drop(state);
                return Ok(Turn::of(i, &hosts[i], changed));
            }
            if state.may_be_tried(now) {
                drop(state);
                if let Some(turn) = Turn::probing(i, &hosts[i], now, changed) {
                    return Ok(turn);
                }
                continue;
            }
            if state.rests_until < soonest.0 {
                soonest = (state.rests_until, i);
            }
            if state.probe.is_none() {
                let left = state.rests_until.saturating_sub(now);
                wakes = Some(wakes.map_or(left, |w| w.min(left)));
            }
        }
        let host = &hosts[soonest.1];
        if host.breaker.state().failures < HELD_FROM {
            return Ok(Turn::of(soonest.1, host, changed));
        }
        Err(Held { rest: wakes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    struct Three {
        hosts: [Arc<Host>; 3],
        turn: RoundRobin,
        changed: Arc<Notify>,
    }

    impl Three {
        fn new() -> Self {
            let hosts = std::array::from_fn(|_| Arc::default());
            Self { hosts, turn: RoundRobin::default(), changed: Arc::default() }
        }

        fn pick(&self, now: Duration) -> Turn {
            self.turn.pick(&self.hosts, now, &self.changed).unwrap()
        }

        /// A turn on this one, whatever its state.
        fn on(&self, i: usize) -> Turn {
            Turn::of(i, &self.hosts[i], &self.changed)
        }

        fn alone(&self, now: Duration) -> Result<Turn, Held> {
            self.turn.pick(&self.hosts[..1], now, &self.changed)
        }
    }

    #[test]
    fn one_alone_tries_however_many_saw_that_it_may_be_tried() {
        let three = Three::new();
        three.on(0).fail(Duration::ZERO);
        let try_it = || Turn::probing(0, &three.hosts[0], S, &three.changed);
        let first = try_it().unwrap();
        assert!(first.is_probe() && try_it().is_none());
        drop(first);
        assert!(try_it().is_some());
    }

    #[test]
    fn all_take_turns() {
        let three = Three::new();
        let picked: Vec<_> = (0..6).map(|_| three.pick(S).index).collect();
        assert_eq!(picked, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_failing_one_rests_and_is_then_tried_by_one_request() {
        let three = Three::new();
        let picked = |now| (0..9).map(move |_| now).map(|now| three.pick(now));
        let one = |turns: &[Turn]| turns.iter().filter(|t| t.index == 1).count();
        three.on(1).fail(S);
        assert_eq!(one(&picked(S).collect::<Vec<_>>()), 0);
        let turns: Vec<_> = picked(S * 2).collect();
        assert_eq!(one(&turns), 1, "a single probe");
        let probe = turns.iter().find(|t| t.index == 1).unwrap();
        assert!(probe.is_probe());
        assert_eq!(probe.fail(S * 2), Some(BreakerChange::Rests(S * 2)));
        drop(turns);
        assert_eq!(one(&picked(S * 3).collect::<Vec<_>>()), 0, "rests twice as long");
        let turns: Vec<_> = picked(S * 4).collect();
        let probe = turns.iter().find(|t| t.index == 1).unwrap();
        assert_eq!(probe.succeed(), Some(BreakerChange::Closed));
        assert_eq!(one(&picked(S * 4).collect::<Vec<_>>()), 3);
    }

    #[test]
    fn a_probe_that_is_given_up_does_not_leave_the_breaker_stuck() {
        let three = Three::new();
        three.on(0).fail(S);
        let probe = three.alone(S * 2).unwrap();
        assert!(probe.is_probe());
        assert!(!three.alone(S * 2).unwrap().is_probe(), "one at a time");
        drop(probe);
        assert!(three.alone(S * 2).unwrap().is_probe());
    }

    #[test]
    fn what_fails_together_counts_once() {
        let three = Three::new();
        let together: Vec<_> = (0..64).map(|_| three.alone(S).unwrap()).collect();
        let counted = together.iter().filter(|t| t.fail(S).is_some()).count();
        assert_eq!(counted, 1);
        assert!(together.iter().all(Turn::is_over));
        assert_eq!(three.hosts[0].breaker.rest_left(S), S);
    }

    #[test]
    fn none_is_ever_removed() {
        let three = Three::new();
        let fail = |i: usize| _ = three.on(i).fail(S);
        // All rest: the one whose rest ends first is asked.
        (0..3).for_each(fail);
        (0..2).for_each(fail);
        assert_eq!(three.pick(S).index, 2);
        // After three failures in a row of each, at the end of its rest.
        (0..20).for_each(|_| (0..3).for_each(fail));
        let held = three.turn.pick(&three.hosts, S, &three.changed).unwrap_err();
        assert_eq!(held.rest, Some(LONGEST_REST));
        let probes: Vec<_> = (0..3).map(|_| three.pick(S * 61)).collect();
        assert!(probes.iter().all(Turn::is_probe));
        let held = three.turn.pick(&three.hosts, S * 61, &three.changed).unwrap_err();
        assert_eq!(held.rest, None, "all are being tried");
    }
}
