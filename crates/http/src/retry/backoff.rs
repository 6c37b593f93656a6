//! Full-jitter exponential backoff.

use std::time::Duration;

use watchfloor_core::random;

pub(super) const BASE: Duration = Duration::from_millis(500);
pub(super) const CAP: Duration = Duration::from_secs(20);

/// The ceiling of the wait after the `failed`-th failure, from one: 0.5 s, 1 s, 2 s … 20 s.
pub(super) fn ceiling(failed: u32) -> Duration {
    BASE.saturating_mul(1 << failed.saturating_sub(1).min(10)).min(CAP)
}

/// The wait after the `failed`-th failure: uniform between none and the ceiling, so that clients
/// which failed together do not come back together.
pub(crate) fn after(failed: u32) -> Duration {
    ceiling(failed).mul_f64(random::unit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let millis: Vec<_> = (1..=7).map(|n| ceiling(n).as_millis()).collect();
        assert_eq!(millis, [500, 1000, 2000, 4000, 8000, 16_000, 20_000]);
        assert_eq!(ceiling(u32::MAX), CAP);
    }

    #[test]
    fn the_wait_is_spread_over_the_whole_range() {
        let waits: Vec<_> = (0..400).map(|_| after(7)).collect();
        assert!(waits.iter().all(|w| *w < CAP));
        assert!(waits.iter().any(|w| *w < CAP / 4) && waits.iter().any(|w| *w > CAP * 3 / 4));
    }
}
