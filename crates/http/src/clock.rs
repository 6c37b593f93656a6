use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use watchfloor_core::{BoxFuture, Clock, Timestamp};

/// The real clock. Its pauses are timers of the tokio runtime they are awaited in.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    #[allow(clippy::disallowed_methods, reason = "this is the clock the ban points to")]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock the ban points to")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::EPOCH.saturating_add(since)
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the clock the ban points to")]
    fn pause(&self, d: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(d))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_goes_forward() {
        let clock = SystemClock::new();
        let before = (clock.now(), clock.monotonic());
        clock.pause(Duration::from_millis(2)).await;
        assert!(clock.now() > before.0 && clock.monotonic() > before.1);
        assert!(before.0 > Timestamp::from_secs(1_700_000_000).unwrap());
    }
}
