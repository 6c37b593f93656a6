//! The retry budget of a host: when nearly everything fails, repeating makes it worse.

use std::sync::atomic::{AtomicU32, Ordering};

pub(super) const FULL: u32 = 500;
pub(super) const COST: u32 = 5;

/// A bucket of tokens: a repeat takes five; a success gives back what its repeats took, or one.
///
/// From full it allows 100 repeats that lead nowhere; then every operation has one attempt, until
/// successes have filled it again.
#[derive(Debug)]
pub(crate) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(FULL))
    }
}

impl Budget {
    /// Takes what one repeat costs; false where there is not enough.
    pub(crate) fn take(&self) -> bool {
        let less = |tokens: u32| tokens.checked_sub(COST);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }

    /// A success after so many repeats.
    pub(crate) fn succeed(&self, repeats: u32) {
        let back = repeats.saturating_mul(COST).max(1);
        let more = |tokens: u32| Some(tokens.saturating_add(back).min(FULL));
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_that_lead_nowhere_end() {
        let budget = Budget::default();
        assert_eq!((0..1000).filter(|_| budget.take()).count(), 100);
        (0..5).for_each(|_| budget.succeed(0));
        assert!(budget.take() && !budget.take());
    }

    #[test]
    fn a_success_gives_back_what_its_repeats_took() {
        let budget = Budget::default();
        for _ in 0..1000 {
            assert!(budget.take() && budget.take());
            budget.succeed(2);
        }
        (0..10_000).for_each(|_| budget.succeed(0));
        assert_eq!((0..1000).filter(|_| budget.take()).count(), 100);
    }
}
