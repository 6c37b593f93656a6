//! Logs and panics of this process, while somebody watches.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Outputs;
use crate::conformance::text_of;

/// So much of a log is kept; more is a failure of the test, not of its memory.
const MOST: usize = 256 << 20;

static WATCHERS: AtomicUsize = AtomicUsize::new(0);
static SEEN: Mutex<Seen> = Mutex::new(Seen { logs: Vec::new(), panics: Vec::new() });

struct Seen {
    logs: Vec<u8>,
    panics: Vec<u8>,
}

/// Takes down every event and span of `tracing` and every record of `log` at trace level, and every
/// panic, of all threads, as long as it lives.
///
/// There is one subscriber and one panic hook of a process; the first watcher sets them, and nobody
/// else may. What it takes down holds what other tests of the process do meanwhile too: look for
/// canaries that are this test's alone.
#[derive(Debug)]
pub struct Watch(());

impl Watch {
    /// Begins.
    ///
    /// # Panics
    /// If somebody else has set a subscriber.
    pub fn start() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let watched = filter_fn(|_| WATCHERS.load(Ordering::SeqCst) > 0);
            let layer = tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_span_events(FmtSpan::FULL)
                .with_writer(|| Logs)
                .with_filter(watched);
            let set = tracing_subscriber::registry().with(layer).try_init();
            set.expect("the only subscriber of this process");
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if WATCHERS.load(Ordering::SeqCst) > 0 {
                    let words = text_of(panic.payload());
                    let _ = writeln!(seen().panics, "{words} at {:?}", panic.location());
                }
                before(panic);
            }));
        });
        WATCHERS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }

    /// Adds what was taken down so far.
    ///
    /// # Panics
    /// If there is more than can be kept.
    pub fn into(self, outputs: &mut Outputs) {
        let seen = seen();
        assert!(seen.logs.len() < MOST, "more logs than can be searched");
        outputs.add("logs", seen.logs.clone());
        outputs.add("panics", seen.panics.clone());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if WATCHERS.fetch_sub(1, Ordering::SeqCst) == 1 {
            let mut seen = seen();
            (seen.logs, seen.panics) = (Vec::new(), Vec::new());
        }
    }
}

fn seen() -> MutexGuard<'static, Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Logs;

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut seen = seen();
        if seen.logs.len() < MOST {
            seen.logs.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
