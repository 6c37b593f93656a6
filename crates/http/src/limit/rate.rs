//! A rate limiter (GCRA) that a server's hint can pause.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// The next free instant on the monotonic clock. Evenly spaced, without bursts: what a vendor calls
/// "5 a second" is often counted in windows shorter than a second.
///
/// Places are given in the order of asking. A pause moves all that are still to come, by as much as
/// time stands still for them; they keep their order and their distance.
#[derive(Debug, Default)]
pub(crate) struct Rate(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    /// When the next request may go by the rate.
    next: Duration,
    /// When the server wants to hear from us again.
    paused: Duration,
    /// How far pauses have moved places, all in all.
    moved: Duration,
    /// Places before `next` that were given up.
    free: BTreeSet<Duration>,
}

/// A place; given back when dropped before [`Place::used`].
#[derive(Debug)]
pub(crate) struct Place<'a> {
    rate: &'a Rate,
    at: Duration,
    moved: Duration,
    /// Whether others are spaced from it.
    spaced: bool,
}

impl Rate {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next place. `Err` with the wait for it where that is `most` or more; then no place
    /// is taken.
    pub(crate) fn take(
        &self,
        now: Duration,
        per_second: Option<f64>,
        most: Duration,
    ) -> Result<Place<'_>, Duration> {
        let Some(per_second) = per_second else {
            let state = self.state();
            let at = state.paused.max(now);
            fits(at, now, most)?;
            return Ok(Place { rate: self, at, moved: state.moved, spaced: false });
        };
        let mut state = self.changing();
        let moved = state.moved;
        if !state.free.is_empty() {
            state.free = state.free.split_off(&now);
        }
        let free = state.free.first().copied();
        let at = free.unwrap_or_else(|| state.next.max(state.paused).max(now));
        fits(at, now, most)?;
        if free.is_some() {
            state.free.pop_first();
        } else {
            let gap = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::MAX);
            state.next = at.saturating_add(gap);
        }
        Ok(Place { rate: self, at, moved, spaced: true })
    }

    /// Lets nothing more go before `until`, also nobody who has a place and waits for it.
    pub(crate) fn pause(&self, now: Duration, until: Duration) {
        let mut state = self.changing();
        let by = until.saturating_sub(state.paused.max(now));
        if by.is_zero() {
            return;
        }
        state.paused = until;
        state.moved = state.moved.saturating_add(by);
        if state.next > now {
            state.next = state.next.saturating_add(by);
        }
        state.free = state.free.iter().map(|at| at.saturating_add(by)).collect();
    }

    /// Whether the server wants to hear nothing now.
    pub(crate) fn is_paused(&self, now: Duration) -> bool {
        self.state().paused > now
    }
}

fn fits(at: Duration, now: Duration, most: Duration) -> Result<(), Duration> {
    let wait = at.saturating_sub(now);
    if wait.is_zero() || wait < most { Ok(()) } else { Err(wait) }
}

impl Place<'_> {
    /// How long until it may be used; a pause makes it longer while one waits.
    pub(crate) fn wait(&self, now: Duration) -> Duration {
        self.now_at(&self.rate.state()).saturating_sub(now)
    }

    fn now_at(&self, state: &State) -> Duration {
        self.at.saturating_add(state.moved.saturating_sub(self.moved))
    }

    /// The request goes.
    pub(crate) fn used(mut self) {
        self.spaced = false;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.spaced {
            let mut state = self.rate.changing();
            let at = self.now_at(&state);
            state.free.insert(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    /// The wait of the next request, which goes.
    fn wait(rate: &Rate, now: Duration, per_second: Option<f64>) -> u128 {
        let place = rate.take(now, per_second, HOUR).unwrap();
        let wait = place.wait(now);
        place.used();
        wait.as_millis()
    }

    #[test]
    fn requests_are_spaced_evenly() {
        let rate = Rate::default();
        let waits: Vec<_> = (0..4).map(|_| wait(&rate, S, Some(4.0))).collect();
        assert_eq!(waits, [0, 250, 500, 750]);
        assert_eq!(wait(&rate, S * 10, Some(4.0)), 0);
        assert_eq!(wait(&rate, S * 10, None), 0);
    }

    #[test]
    fn a_place_that_comes_too_late_is_not_taken() {
        let rate = Rate::default();
        let taken = |most| {
            let place = rate.take(S, Some(0.5), most)?;
            let wait = place.wait(S);
            place.used();
            Ok::<_, Duration>(wait)
        };
        assert_eq!(taken(S), Ok(Duration::ZERO));
        assert_eq!(taken(S), Err(S * 2));
        assert_eq!(taken(S * 3), Ok(S * 2));
    }

    #[test]
    fn a_hint_pauses_also_where_no_rate_is_set() {
        let rate = Rate::default();
        rate.pause(S, S * 30);
        rate.pause(S, S * 20);
        assert!(rate.is_paused(S * 29) && !rate.is_paused(S * 30));
        assert_eq!(wait(&rate, S, None), 29_000);
        assert_eq!(wait(&rate, S * 31, None), 0);
    }

    #[test]
    fn a_hint_reaches_those_who_wait_and_they_keep_their_distance() {
        let rate = Rate::default();
        let places: Vec<_> = (0..3).map(|_| rate.take(S, Some(2.0), HOUR).unwrap()).collect();
        let free = rate.take(S, None, HOUR).unwrap();
        rate.pause(S, S * 31);
        rate.pause(S * 2, S * 41);
        let waits: Vec<_> = places.iter().map(|p| p.wait(S * 2).as_millis()).collect();
        assert_eq!(waits, [39_000, 39_500, 40_000]);
        assert_eq!(free.wait(S * 2), S * 39);
        // Who comes now comes after them.
        assert_eq!(wait(&rate, S * 2, Some(2.0)), 40_500);
    }

    #[test]
    fn a_place_that_is_given_up_is_the_next_ones() {
        let rate = Rate::default();
        let mut places: Vec<_> = (0..4).map(|_| rate.take(S, Some(1.0), HOUR).unwrap()).collect();
        drop(places.remove(2));
        assert_eq!(wait(&rate, S, Some(1.0)), 2000);
        assert_eq!(wait(&rate, S, Some(1.0)), 4000);
        drop(places.remove(1));
        rate.pause(S, S * 11);
        assert_eq!(wait(&rate, S, Some(1.0)), 11_000);
        drop(places);
        assert_eq!(rate.state().free.len(), 2);
        assert_eq!(wait(&rate, HOUR, Some(1.0)), 0);
        assert!(rate.state().free.is_empty(), "what is past is forgotten");
    }
}
