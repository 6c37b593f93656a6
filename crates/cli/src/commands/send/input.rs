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

/// What is read at once, in bytes, and how many such pieces of a pipe may wait.
const CHUNK: usize = 128 << 10;
const WAITING: usize = 2;
/// The least room that a read of a pipe is offered; what a short one leaves is used by the next.
const LEAST: usize = 16 << 10;

/// Where the events come from.
pub(super) struct Input {
    from: Source,
    /// How long it is, where that is known.
    pub(super) length: Option<u64>,
    /// Bytes read so far.
    pub(super) read: Arc<AtomicU64>,
}

enum Source {
    /// A regular file: its reads end soon, and the only thread that they hold up is the one that
    /// wants the events.
    File(File),
    /// Anything else is read by a thread of its own, since a read of a pipe may never end. It
    /// stands still while nobody takes what it read, and nobody waits for it.
    Pipe(mpsc::Receiver<io::Result<Bytes>>),
    Ended,
}

impl Input {
    /// The file, or standard input for `-`; an error names the file.
    pub(super) fn open(file: &Path) -> Result<Self, String> {
        let read = Arc::default();
        if file == Path::new("-") {
            return Ok(Self { from: Source::pipe(io::stdin()), length: None, read });
        }
        let unreadable = |e: io::Error| format!("{} cannot be read: {}", file.display(), e.kind());
        let opened = File::open(file).map_err(unreadable)?;
        let about = opened.metadata().map_err(unreadable)?;
        if about.is_file() {
            return Ok(Self { from: Source::File(opened), length: Some(about.len()), read });
        }
        if about.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        Ok(Self { from: Source::pipe(opened), length: None, read })
    }
}

impl Source {
    fn pipe(mut from: impl Read + Send + 'static) -> Self {
        let (send, receive) = mpsc::channel(WAITING);
        thread::spawn(move || {
            let mut room = BytesMut::new();
            loop {
                if room.len() < LEAST {
                    room = BytesMut::zeroed(CHUNK);
                }
                let chunk = match from.read(&mut room) {
                    Ok(0) => return,
                    Ok(n) => Ok(room.split_to(n).freeze()),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => Err(e),
                };
                let failed = chunk.is_err();
                if send.blocking_send(chunk).is_err() || failed {
                    return;
                }
            }
        });
        Self::Pipe(receive)
    }

    /// What comes next; `None` at the end.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        match self {
            Self::File(file) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                let read = file.take(CHUNK as u64).read_to_end(&mut chunk);
                Poll::Ready(read.map(|n| (n > 0).then(|| chunk.into())))
            }
            Self::Pipe(chunks) => Poll::Ready(ready!(chunks.poll_recv(cx)).transpose()),
            Self::Ended => Poll::Ready(Ok(None)),
        }
    }
}

/// The events of an input. Where reading fails they end, and [`Ended`] says why.
pub(super) struct Events {
    input: Input,
    lines: Lines,
    clock: Arc<dyn Clock>,
    /// When the chunk at hand came.
    now: Timestamp,
    ended: Ended,
}

impl Events {
    pub(super) fn of(input: Input, clock: Arc<dyn Clock>, ended: Ended) -> Self {
        let now = clock.now();
        Self { input, lines: Lines::new(), clock, now, ended }
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
            if matches!(this.input.from, Source::Ended) {
                return Poll::Ready(None);
            }
            match ready!(this.input.from.poll_chunk(cx)) {
                Ok(Some(chunk)) => {
                    this.now = this.clock.now();
                    this.input.read.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                    this.lines.push(chunk);
                }
                Ok(None) => {
                    this.input.from = Source::Ended;
                    this.lines.end();
                }
                Err(e) => {
                    this.input.from = Source::Ended;
                    this.ended.because(format!("the input broke off: {}", e.kind()));
                    // Half a line is no event.
                    return Poll::Ready(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::StreamExt as _;
    use watchfloor::http::SystemClock;

    use super::*;

    fn events(from: Source, ended: &Ended) -> Events {
        let input = Input { from, length: None, read: Arc::default() };
        Events::of(input, Arc::new(SystemClock::new()), ended.clone())
    }

    async fn uids(from: Source, ended: &Ended) -> Vec<String> {
        events(from, ended).map(|e| e.unwrap().uid().to_owned()).collect().await
    }

    fn line(n: usize) -> String {
        format!("{{\"metadata\":{{\"uid\":\"u-{n}\"}}}}\n")
    }

    /// Gives a byte at a time, then fails.
    struct Breaking(Vec<u8>);

    impl Read for Breaking {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            room[0] = self.0.remove(0);
            Ok(1)
        }
    }

    #[tokio::test]
    async fn a_file_is_read_to_its_end_across_pieces() {
        let path = std::env::temp_dir().join(format!("watchfloor-input-{}", std::process::id()));
        let text: String = (0..20_000).map(line).collect();
        assert!(text.len() > 3 * CHUNK);
        std::fs::write(&path, text.trim_end()).unwrap();
        let input = Input::open(&path).unwrap();
        assert_eq!(input.length, Some(text.len() as u64 - 1));
        assert!(matches!(input.from, Source::File(_)));
        let (ended, read) = (Ended::default(), input.read.clone());
        let stream = Events::of(input, Arc::new(SystemClock::new()), ended.clone());
        let uids: Vec<_> = stream.map(|e| e.unwrap().uid().to_owned()).collect().await;
        std::fs::remove_file(&path).unwrap();
        assert!(uids.into_iter().eq((0..20_000).map(|n| format!("u-{n}"))));
        assert_eq!(read.load(Ordering::Relaxed), text.len() as u64 - 1);
        assert_eq!(ended.early(), None);
    }

    #[tokio::test]
    async fn an_input_that_breaks_off_says_so_and_half_a_line_is_no_event() {
        let ended = Ended::default();
        let text = format!("{}{}{{\"half\":1}}", line(0), line(1)).into_bytes();
        assert_eq!(uids(Source::pipe(Breaking(text)), &ended).await, ["u-0", "u-1"]);
        assert_eq!(ended.early().unwrap(), "the input broke off: connection reset");
    }

    #[tokio::test]
    async fn a_pipe_is_read_no_further_than_somebody_takes() {
        struct Endless(Arc<AtomicUsize>);
        impl Read for Endless {
            fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
                room.fill(b'\n');
                self.0.fetch_add(room.len(), Ordering::SeqCst);
                Ok(room.len())
            }
        }
        let read = Arc::<AtomicUsize>::default();
        let Source::Pipe(mut chunks) = Source::pipe(Endless(read.clone())) else {
            panic!("a pipe")
        };
        for taken in 1..50 {
            chunks.recv().await.unwrap().unwrap();
            // Those taken, those that wait, and the one that waits for room among them.
            assert!(read.load(Ordering::SeqCst) <= (taken + WAITING + 1) * CHUNK);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let why = |path: &str| Input::open(Path::new(path)).err().unwrap();
        assert_eq!(why("/no/such"), "/no/such cannot be read: entity not found");
        assert_eq!(why("/"), "/ cannot be read: is a directory");
    }
}
