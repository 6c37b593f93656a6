//! How far it is, on a terminal.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;
use watchfloor::core::ship::{DeadLetter, Rejected};
use watchfloor::core::{Clock, Event, Result};

use super::input::Input;

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// A bar on standard error while that is a terminal; else nothing.
pub(super) struct Progress {
    counts: Arc<Counts>,
    drawn: Option<(ProgressBar, JoinHandle<()>)>,
}

#[derive(Default)]
struct Counts {
    delivered: AtomicU64,
    others: AtomicU64,
}

impl Progress {
    pub(super) fn start(input: &Input, clock: Arc<dyn Clock>) -> Self {
        let counts = Arc::<Counts>::default();
        if !io::stderr().is_terminal() {
            return Self { counts, drawn: None };
        }
        let bar = bar(input.length);
        let (shown, read, seen) = (bar.clone(), input.read.clone(), counts.clone());
        let drawing = tokio::spawn(async move {
            loop {
                clock.pause(EVERY).await;
                shown.set_position(read.load(Ordering::Relaxed));
                shown.set_message(seen.words());
            }
        });
        Self { counts, drawn: Some((bar, drawing)) }
    }

    /// The dead letter, counted.
    pub(super) fn counting(&self, to: Box<dyn DeadLetter>) -> Counting {
        Counting { to, counts: self.counts.clone() }
    }

    /// Takes it off the terminal.
    pub(super) fn end(self) {
        if let Some((bar, drawing)) = self.drawn {
            drawing.abort();
            bar.finish_and_clear();
        }
    }
}

fn bar(length: Option<u64>) -> ProgressBar {
    let template = match length {
        Some(_) => "{bar:30} {percent:>3} %  {msg}  {binary_bytes_per_sec}  {eta} left",
        None => "{spinner} {binary_bytes}  {msg}  {binary_bytes_per_sec}",
    };
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl Counts {
    fn words(&self) -> String {
        let delivered = self.delivered.load(Ordering::Relaxed);
        match self.others.load(Ordering::Relaxed) {
            0 => format!("{delivered} delivered"),
            others => format!("{delivered} delivered, {others} not"),
        }
    }

    fn other(&self) {
        self.others.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts on the way to a dead letter.
pub(super) struct Counting {
    to: Box<dyn DeadLetter>,
    counts: Arc<Counts>,
}

impl DeadLetter for Counting {
    fn reject(&mut self, reason: &str, what: Rejected<'_>) -> Result<()> {
        self.counts.other();
        self.to.reject(reason, what)
    }

    fn unknown(&mut self, reason: &str, event: &Event) -> Result<()> {
        self.counts.other();
        self.to.unknown(reason, event)
    }

    fn delivered(&mut self, event: &Event) -> Result<()> {
        self.counts.delivered.fetch_add(1, Ordering::Relaxed);
        self.to.delivered(event)
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_sound() {
        for length in [None, Some(10)] {
            let bar = bar(length);
            bar.set_draw_target(ProgressDrawTarget::hidden());
            bar.set_message("2 delivered");
            bar.set_position(5);
        }
    }

    #[test]
    fn what_was_not_delivered_is_said_where_there_is_any() {
        let counts = Counts::default();
        counts.delivered.store(7, Ordering::Relaxed);
        assert_eq!(counts.words(), "7 delivered");
        counts.other();
        assert_eq!(counts.words(), "7 delivered, 1 not");
    }
}
