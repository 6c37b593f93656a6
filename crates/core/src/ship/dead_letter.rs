use std::fmt;
use std::io::Write;

use serde::Serialize;

use crate::event::BadLine;
use crate::{Error, Event, Kind, Result};

/// Takes what was not delivered; an outbox also learns from it what it may forget.
///
/// Every event ends in exactly one of the calls. An error ends the intake of
/// [`ship`](super::ship()).
pub trait DeadLetter: Send {
    /// Rejected, and why. A reason that begins `not sent:` says that it can be sent again as it is.
    fn reject(&mut self, reason: &str, what: Rejected<'_>) -> Result<()>;

    /// Nobody can say whether it arrived; it is counted in any case.
    fn unknown(&mut self, reason: &str, event: &Event) -> Result<()> {
        let _ = (reason, event);
        Ok(())
    }

    /// It arrived.
    fn delivered(&mut self, event: &Event) -> Result<()> {
        let _ = event;
        Ok(())
    }

    /// Nothing more comes.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What was rejected.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Rejected<'a> {
    /// An event, by the sink.
    Event(&'a Event),
    /// A line that is no event.
    Line(&'a BadLine),
}

/// Keeps nothing: rejects are counted alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl DeadLetter for Discard {
    fn reject(&mut self, _: &str, _: Rejected<'_>) -> Result<()> {
        Ok(())
    }
}

/// Writes `{"reason":…,"event":…}` a line: an event's document byte for byte, a line that is no
/// event as a string (what is not UTF-8 in it replaced).
pub struct Ndjson<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write + Send> Ndjson<W> {
    /// Writes to `out`, each line in one piece.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }

    /// What it wrote to.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn put(&mut self, value: impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.line, &value)
            .map_err(|_| Error::new(Kind::Internal, "the dead letter's line is no JSON"))
    }
}

impl<W: Write + Send> DeadLetter for Ndjson<W> {
    fn reject(&mut self, reason: &str, what: Rejected<'_>) -> Result<()> {
        self.line.clear();
        self.line.extend_from_slice(b"{\"reason\":");
        self.put(reason)?;
        self.line.extend_from_slice(b",\"event\":");
        match what {
            Rejected::Event(event) => self.line.extend_from_slice(event.json()),
            Rejected::Line(line) => self.put(line.text())?,
        }
        self.line.extend_from_slice(b"}\n");
        self.out.write_all(&self.line).map_err(|e| failed(&e))
    }

    fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(|e| failed(&e))
    }
}

fn failed(e: &std::io::Error) -> Error {
    Error::new(Kind::Unavailable, format!("the dead letter cannot be written: {}", e.kind()))
}

impl<W> fmt::Debug for Ndjson<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ndjson")
    }
}
