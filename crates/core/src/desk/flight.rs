//! One flight per key: whoever comes second waits and then sees what the first did.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::lock::{Mutex as Turn, OwnedMutexGuard};

#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<String, Arc<Turn<()>>>>);

impl Flights {
    /// Waits for its turn on `key`.
    pub(super) async fn turn(&self, key: String) -> OwnedMutexGuard<()> {
        let turn = {
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Turns that nobody holds or waits for are let go here, so that keys do not pile up.
            flights.retain(|_, turn| Arc::strong_count(turn) > 1);
            flights.entry(key).or_default().clone()
        };
        turn.lock_owned().await
    }
}
