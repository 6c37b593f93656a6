//! Several endpoints of one product, each with a breaker.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// The breaker of an endpoint for one tenant: it rests after a failure, twice as long after each
/// further one, from 1 s to 60 s.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    failures: u32,
    rests_until: Duration,
}

impl State {
    fn rest(self) -> Duration {
        let doubled = FIRST_REST.saturating_mul(1 << self.failures.saturating_sub(1).min(10));
        doubled.min(LONGEST_REST)
    }
}

impl Breaker {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoint answered.
    pub(crate) fn succeed(&self) {
        *self.state() = State::default();
    }

    /// The endpoint did not, or said that it cannot.
    pub(crate) fn fail(&self, now: Duration) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.rests_until = now.saturating_add(state.rest());
    }
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct RoundRobin(AtomicUsize);

impl RoundRobin {
    /// The next endpoint that does not rest; where all rest, the one whose rest ends first: none is
    /// ever removed for good. One whose rest is over is tried by a single request; the others pass
    /// it by until that one has an answer, or as long again.
    pub(crate) fn pick(&self, breakers: &[&Breaker], now: Duration) -> usize {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        let mut soonest = (Duration::MAX, 0);
        for i in (0..breakers.len()).map(|i| turn.wrapping_add(i) % breakers.len()) {
            let mut state = breakers[i].state();
            if state.rests_until <= now {
                if state.failures > 0 {
                    state.rests_until = now.saturating_add(state.rest());
                }
                return i;
            }
            if state.rests_until < soonest.0 {
                soonest = (state.rests_until, i);
            }
        }
        soonest.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn three() -> ([&'static Breaker; 3], RoundRobin) {
        let breaker = |_| &*Box::leak(Box::<Breaker>::default());
        (std::array::from_fn(breaker), RoundRobin::default())
    }

    #[test]
    fn all_take_turns() {
        let (all, turn) = three();
        let picked: Vec<_> = (0..6).map(|_| turn.pick(&all, S)).collect();
        assert_eq!(picked, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_failing_one_rests_and_is_then_tried_by_one_request() {
        let (all, turn) = three();
        all[1].fail(S);
        assert!((0..9).all(|_| turn.pick(&all, S) != 1));
        assert_eq!((0..9).filter(|_| turn.pick(&all, S * 2) == 1).count(), 1);
        all[1].fail(S * 2);
        assert!((0..9).all(|_| turn.pick(&all, S * 3) != 1), "rests twice as long");
        all[1].succeed();
        assert_eq!((0..9).filter(|_| turn.pick(&all, S * 3) == 1).count(), 3);
    }

    #[test]
    fn none_is_ever_removed() {
        let (all, turn) = three();
        (0..20).for_each(|_| all.iter().for_each(|b| b.fail(S)));
        all[2].succeed();
        all[2].fail(S);
        assert_eq!(turn.pick(&all, S), 2, "the one whose rest ends first");
    }
}
