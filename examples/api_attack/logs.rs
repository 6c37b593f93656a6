//! What the program logs, kept to be searched for secrets.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// A buffer that everything is logged into, ours down to trace level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Begins.
    pub(crate) fn capture() -> Self {
        let logs = Self::default();
        let ours = ["watchfloor", "watchfloor_core", "watchfloor_http", "watchfloor_firewall"];
        let filter = ours.iter().fold(EnvFilter::new("debug"), |filter, name| {
            match format!("{name}=trace").parse() {
                Ok(directive) => filter.add_directive(directive),
                Err(_) => filter,
            }
        });
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(logs.clone())
            .init();
        logs
    }

    /// What was logged so far.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl io::Write for Logs {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Logs {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
