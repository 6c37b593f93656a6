//! How many requests are under way at once.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The count of a host, shared by clients whose limits may differ.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    used: Mutex<usize>,
    freed: Notify,
}

impl InFlight {
    /// A place among `limit`, if there is one now.
    pub(crate) fn try_take(self: &Arc<Self>, limit: usize) -> Option<Slot> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        (*used < limit).then(|| {
            *used += 1;
            Slot(self.clone())
        })
    }

    /// A place among `limit`, once there is one.
    pub(crate) async fn take(self: &Arc<Self>, limit: usize) -> Slot {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // Listens before it looks: a place freed in between is not missed.
            freed.as_mut().enable();
            if let Some(slot) = self.try_take(limit) {
                return slot;
            }
            freed.await;
        }
    }
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<InFlight>);

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.used.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        // All are woken: the one that waited longest may have a limit that is still reached.
        self.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_place_is_given_back_when_dropped() {
        let count = Arc::new(InFlight::default());
        let one = count.take(2).now_or_never().unwrap();
        let two = count.take(2).now_or_never().unwrap();
        let mut third = Box::pin(count.take(2));
        assert!(third.as_mut().now_or_never().is_none());
        assert!(count.take(3).now_or_never().is_some());
        drop(two);
        assert!(third.as_mut().now_or_never().is_some());
        drop(one);
    }
}
