//! A rate limiter (GCRA) that a server's hint can pause.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The next free instant on the monotonic clock. Evenly spaced, without bursts: what a vendor calls
/// "5 a second" is often counted in windows shorter than a second.
#[derive(Debug, Default)]
pub(crate) struct Rate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the next request may go by the rate.
    next: Duration,
    /// When the server wants to hear from us again.
    paused: Duration,
}

impl Rate {
    /// Takes the next place: how long to wait for it. `Err` with the wait where that is `most` or
    /// more; then no place is taken.
    pub(crate) fn take(
        &self,
        now: Duration,
        per_second: Option<f64>,
        most: Duration,
    ) -> Result<Duration, Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if per_second.is_some() { state.next } else { Duration::ZERO };
        let at = next.max(state.paused).max(now);
        let wait = at.saturating_sub(now);
        if !wait.is_zero() && wait >= most {
            return Err(wait);
        }
        if let Some(n) = per_second {
            state.next =
                at.saturating_add(Duration::try_from_secs_f64(1.0 / n).unwrap_or(Duration::MAX));
        }
        Ok(wait)
    }

    /// Lets nothing more go before `until`.
    pub(crate) fn pause(&self, until: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.paused = state.paused.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn requests_are_spaced_evenly() {
        let rate = Rate::default();
        let waits: Vec<_> =
            (0..4).map(|_| rate.take(S, Some(4.0), HOUR).unwrap().as_millis()).collect();
        assert_eq!(waits, [0, 250, 500, 750]);
        assert_eq!(rate.take(S * 10, Some(4.0), HOUR), Ok(Duration::ZERO));
        assert_eq!(rate.take(S * 10, None, HOUR), Ok(Duration::ZERO));
    }

    #[test]
    fn a_place_that_comes_too_late_is_not_taken() {
        let rate = Rate::default();
        assert_eq!(rate.take(S, Some(0.5), S), Ok(Duration::ZERO));
        assert_eq!(rate.take(S, Some(0.5), S), Err(S * 2));
        assert_eq!(rate.take(S, Some(0.5), S * 3), Ok(S * 2));
    }

    #[test]
    fn a_hint_pauses_also_where_no_rate_is_set() {
        let rate = Rate::default();
        rate.pause(S * 30);
        rate.pause(S * 20);
        assert_eq!(rate.take(S, None, HOUR), Ok(S * 29));
        assert_eq!(rate.take(S * 31, None, HOUR), Ok(Duration::ZERO));
    }
}
