//! The events of a file or of standard input, read as there is room for them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::thread;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use tokio::sync::mpsc;
use watchfloor::core::event::{BadLine, Lines};
use watchfloor::core::{Clock, Event, Timestamp};

use super::Ended;

/// What is read at once, in bytes, and how many such pieces may wait.
const CHUNK: usize = 128 << 10;
const WAITING: usize = 2;
/// The least room that a read is offered; what a short one leaves is used by the next.
const LEAST: usize = 16 << 10;

/// Where the events come from.
pub(super) struct Input {
    from: Box<dyn Read + Send>,
    /// How long it is, where that is known.
    pub(super) length: Option<u64>,
    /// Bytes read so far.
    pub(super) read: Arc<AtomicU64>,
}

impl Input {
    /// The file, or standard input for `-`; an error names the file.
    pub(super) fn open(file: &Path) -> Result<Self, String> {
        let read = Arc::default();
        if file == Path::new("-") {
            return Ok(Self { from: Box::new(io::stdin()), length: None, read });
        }
        let unreadable = |e: io::Error| format!("{} cannot be read: {}", file.display(), e.kind());
        let opened = File::open(file).map_err(unreadable)?;
        let about = opened.metadata().map_err(unreadable)?;
        let length = about.is_file().then_some(about.len());
        Ok(Self { from: Box::new(opened), length, read })
    }

    /// Reads in a thread of its own: a read of standard input may never end, and nobody waits for
    /// the thread. It stands still while nobody takes what it read.
    fn chunks(self) -> mpsc::Receiver<io::Result<Bytes>> {
        let (send, receive) = mpsc::channel(WAITING);
        thread::spawn(move || {
            let Self { mut from, read, .. } = self;
            let mut room = BytesMut::new();
            loop {
                if room.len() < LEAST {
                    room = BytesMut::zeroed(CHUNK);
                }
                let chunk = match from.read(&mut room) {
                    Ok(0) => return,
                    Ok(n) => {
                        read.fetch_add(n as u64, Ordering::Relaxed);
                        Ok(room.split_to(n).freeze())
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => Err(e),
                };
                let failed = chunk.is_err();
                if send.blocking_send(chunk).is_err() || failed {
                    return;
                }
            }
        });
        receive
    }
}

/// The events of an input. Where reading fails they end, and [`Ended`] says why.
pub(super) struct Events {
    /// `None` once it has ended.
    chunks: Option<mpsc::Receiver<io::Result<Bytes>>>,
    lines: Lines,
    clock: Arc<dyn Clock>,
    /// When the chunk at hand came.
    now: Timestamp,
    ended: Ended,
}

impl Events {
    pub(super) fn of(input: Input, clock: Arc<dyn Clock>, ended: Ended) -> Self {
        let now = clock.now();
        Self { chunks: Some(input.chunks()), lines: Lines::new(), clock, now, ended }
    }
}

impl Stream for Events {
    type Item = Result<Event, BadLine>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(line) = this.lines.next() {
                return Poll::Ready(Some(line.event(this.now)));
            }
            let Some(chunks) = &mut this.chunks else { return Poll::Ready(None) };
            match ready!(chunks.poll_recv(cx)) {
                Some(Ok(chunk)) => {
                    this.now = this.clock.now();
                    this.lines.push(chunk);
                }
                Some(Err(e)) => {
                    this.ended.because(format!("the input broke off: {}", e.kind()));
                    this.chunks = None;
                    // Half a line is no event.
                    return Poll::Ready(None);
                }
                None => {
                    this.chunks = None;
                    this.lines.end();
                }
            }
        }
    }
}
