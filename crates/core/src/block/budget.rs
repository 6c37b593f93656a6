use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Timestamp;

const HOUR: Duration = Duration::from_hours(1);

/// The blocks of the last hour, and those that are admitted and not done yet.
#[derive(Debug, Default)]
pub(super) struct Budget(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// When each block of the last hour was handed to the device; never more than the limit.
    spent: VecDeque<Timestamp>,
    reserved: usize,
}

impl Counts {
    fn forget_before(&mut self, now: Timestamp) {
        // A block "in the future" (the wall clock was set back) still counts.
        self.spent.retain(|at| now.since(*at) < HOUR);
    }
}

impl Budget {
    /// Takes a place if `fits(blocks of this hour, places taken and not used)` allows it, both
    /// counted with the new one.
    pub(super) fn reserve<E>(
        self: &Arc<Self>,
        now: Timestamp,
        fits: impl FnOnce(usize, usize) -> Result<(), E>,
    ) -> Result<Permit, E> {
        let mut counts = self.lock();
        counts.forget_before(now);
        fits(counts.spent.len() + counts.reserved + 1, counts.reserved + 1)?;
        counts.reserved += 1;
        drop(counts);
        Ok(Permit { budget: self.clone(), at: now, spent: AtomicBool::new(false) })
    }

    /// Asks again for a place that is taken already.
    pub(super) fn recheck<E>(
        &self,
        now: Timestamp,
        fits: impl FnOnce(usize, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut counts = self.lock();
        counts.forget_before(now);
        fits(counts.spent.len() + counts.reserved, counts.reserved)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the budget: given back when it is dropped unused, charged once when it is used.
#[derive(Debug)]
pub(super) struct Permit {
    budget: Arc<Budget>,
    at: Timestamp,
    spent: AtomicBool,
}

impl Permit {
    pub(super) fn spend(&self) {
        if !self.spent.swap(true, Ordering::AcqRel) {
            let mut counts = self.budget.lock();
            counts.reserved -= 1;
            counts.spent.push_back(self.at);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !*self.spent.get_mut() {
            self.budget.lock().reserved -= 1;
        }
    }
}
