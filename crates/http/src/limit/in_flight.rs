//! How many requests are under way at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The count of a host, shared by clients whose limits may differ. Whoever waits longest is next:
/// nobody is passed by, so that a client with a high limit does not starve one with a low limit.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    used: usize,
    tickets: u64,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    limit: usize,
    told: oneshot::Sender<()>,
}

impl State {
    /// Gives free places to those who wait, in their order.
    fn hand_out(&mut self) {
        while let Some(first) = self.waiting.first_entry() {
            if self.used >= first.get().limit {
                return;
            }
            self.used += 1;
            if first.remove().told.send(()).is_err() {
                self.used -= 1;
            }
        }
    }
}

impl InFlight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place among `limit`, if there is one now and nobody waits for it.
    pub(crate) fn try_take(self: &Arc<Self>, limit: usize) -> Option<Slot> {
        let mut state = self.state();
        (state.used < limit && state.waiting.is_empty()).then(|| {
            state.used += 1;
            Slot(self.clone())
        })
    }

    /// A place among `limit`, once there is one.
    pub(crate) async fn take(self: &Arc<Self>, limit: usize) -> Slot {
        let (told, mut hears) = oneshot::channel();
        let mut queued = {
            let mut state = self.state();
            let ticket = state.tickets;
            state.tickets += 1;
            state.waiting.insert(ticket, Waiting { limit, told });
            state.hand_out();
            Queued { of: self, ticket, taken: false }
        };
        // The sender goes only after it has spoken.
        let _ = (&mut hears).await;
        queued.taken = true;
        Slot(self.clone())
    }
}

/// A wait; given up when dropped, with the place if it was already given.
struct Queued<'a> {
    of: &'a Arc<InFlight>,
    ticket: u64,
    taken: bool,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        let mut state = self.of.state();
        if state.waiting.remove(&self.ticket).is_none() {
            state.used -= 1;
        }
        state.hand_out();
    }
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<InFlight>);

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.used -= 1;
        state.hand_out();
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
        let two = count.try_take(2).unwrap();
        assert!(count.try_take(2).is_none() && count.try_take(3).is_some());
        let mut third = Box::pin(count.take(2));
        assert!(third.as_mut().now_or_never().is_none());
        drop(two);
        let third = third.now_or_never().unwrap();
        drop((one, third));
        assert_eq!(count.state().used, 0);
    }

    #[test]
    fn places_are_given_in_the_order_of_asking_and_nobody_is_passed_by() {
        let count = Arc::new(InFlight::default());
        let one = count.try_take(1).unwrap();
        let mut waits: Vec<_> = (0..4).map(|_| Box::pin(count.take(1))).collect();
        for wait in &mut waits {
            assert!(wait.as_mut().now_or_never().is_none());
        }
        // A higher limit has room, and waits its turn all the same.
        assert!(count.try_take(9).is_none());
        let mut high = Box::pin(count.take(9));
        assert!(high.as_mut().now_or_never().is_none());
        drop(one);
        for wait in &mut waits[1..] {
            assert!(wait.as_mut().now_or_never().is_none());
        }
        for wait in waits {
            drop(wait.now_or_never().expect("its turn"));
        }
        assert!(high.now_or_never().is_some());
    }

    #[test]
    fn a_wait_that_is_given_up_leaves_no_trace() {
        let count = Arc::new(InFlight::default());
        let one = count.try_take(1).unwrap();
        let mut first = Box::pin(count.take(1));
        let mut second = Box::pin(count.take(1));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        // Its place was given and never taken: the next has it.
        drop(one);
        drop(first);
        let second = second.now_or_never().expect("the place went on");
        let mut third = Box::pin(count.take(1));
        assert!(third.as_mut().now_or_never().is_none());
        drop(third);
        drop(second);
        assert!(count.try_take(1).is_some());
        assert!(count.state().waiting.is_empty());
    }

    #[test]
    fn who_gives_up_at_the_head_lets_the_others_on() {
        let count = Arc::new(InFlight::default());
        let _one = count.try_take(1).unwrap();
        let mut low = Box::pin(count.take(1));
        let mut high = Box::pin(count.take(2));
        assert!(low.as_mut().now_or_never().is_none());
        assert!(high.as_mut().now_or_never().is_none());
        drop(low);
        assert!(high.now_or_never().is_some());
    }
}
