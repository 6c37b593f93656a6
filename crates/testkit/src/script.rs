//! What goes wrong, and when.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use watchfloor_core::Timestamp;

use crate::Fault;

/// Counts the requests of all operations.
const ANY: &str = "*";

/// The faults of one twin, by operation and number, and which of them were met.
#[derive(Debug, Default)]
pub struct Script(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    seen: HashMap<&'static str, u64>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    operation: &'static str,
    nth: u64,
    fault: Fault,
    met: Option<Timestamp>,
}

/// A fault that was met.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Met {
    /// The operation.
    pub operation: &'static str,
    /// Its number, from one.
    pub nth: u64,
    /// What went wrong.
    pub fault: Fault,
    /// When.
    pub at: Timestamp,
}

impl Script {
    /// The `nth` request of an operation, from one and from now on, meets this fault. The operation
    /// `*` is every one: its requests are counted together, and a fault of their own goes first.
    pub fn on(&self, operation: &'static str, nth: u64, fault: Fault) {
        let mut state = self.lock();
        let nth = state.seen.get(operation).copied().unwrap_or_default() + nth;
        state.entries.push(Entry { operation, nth, fault, met: None });
    }

    /// The faults that were met, in the order of the script.
    pub fn met(&self) -> Vec<Met> {
        let met = |e: &Entry| {
            let (operation, nth, fault) = (e.operation, e.nth, e.fault.clone());
            e.met.map(|at| Met { operation, nth, fault, at })
        };
        self.lock().entries.iter().filter_map(met).collect()
    }

    /// The faults that were not.
    pub fn unmet(&self) -> Vec<String> {
        let state = self.lock();
        let unmet = state.entries.iter().filter(|e| e.met.is_none());
        unmet.map(|e| format!("{} #{}: {}", e.operation, e.nth, e.fault)).collect()
    }

    /// How many requests of an operation there were; of all with `*`.
    pub fn count(&self, operation: &str) -> u64 {
        self.lock().seen.get(operation).copied().unwrap_or_default()
    }

    /// Counts a request and gives it its fault.
    pub(crate) fn next(&self, operation: &'static str, now: Timestamp) -> Option<Fault> {
        let mut state = self.lock();
        let numbers = [operation, ANY].map(|counted| {
            let seen = state.seen.entry(counted).or_default();
            *seen += 1;
            (counted, *seen)
        });
        let due = numbers.into_iter().find_map(|number| {
            state.entries.iter().position(|e| (e.operation, e.nth) == number && e.met.is_none())
        })?;
        let entry = &mut state.entries[due];
        entry.met = Some(now);
        Some(entry.fault.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
