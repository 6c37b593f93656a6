//! The seam for time: what is waited for goes through here, so that tests can jump.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::Timestamp;

/// A boxed future, as the object-safe seams return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Time as Watchfloor reads it and waits for it.
///
/// Backoff, polling, leases and deadlines use a `Clock`. The time-outs of a socket are real timers
/// and live in the transport of the HTTP layer: a clock that jumps must not cut off a real answer.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; never steps back.
    fn monotonic(&self) -> Duration;

    /// Resolves once `d` has passed on this clock.
    fn pause(&self, d: Duration) -> BoxFuture<'static, ()>;

    /// Says that work which needs no waiting is under way until the guard is dropped.
    ///
    /// A clock that jumps does not jump meanwhile. For every other clock it does nothing.
    fn busy(&self) -> Busy {
        Busy::idle()
    }
}

/// Holds a jumping clock still; see [`Clock::busy`].
pub struct Busy(
    #[allow(dead_code, reason = "held for its drop alone")] Option<Box<dyn Any + Send + Sync>>,
);

impl Busy {
    /// A guard that holds nothing.
    pub const fn idle() -> Self {
        Self(None)
    }

    /// A guard that drops `held` when it goes.
    pub fn holding(held: impl Any + Send + Sync) -> Self {
        Self(Some(Box::new(held)))
    }
}

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Busy")
    }
}
