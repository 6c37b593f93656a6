//! Lines of bytes: split without copying, numbered, bounded.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::io;

use bytes::{Bytes, BytesMut};

use super::{BadEvent, Event, MAX_LEN};
use crate::Timestamp;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// How much of a line is held before it is known to be too long: what does not count towards its
/// length may still be a byte order mark and the CR of its end.
const MAX_HELD: usize = MAX_LEN + BOM.len() + 1;

/// Splits chunks of bytes into lines: [`push`](Self::push) what comes, take lines until there are
/// none, [`end`](Self::end) it, take the last.
///
/// LF and CRLF end a line; the last needs no end. Blank lines are not shown but keep their number,
/// a leading byte order mark is dropped. A line shares the chunk it came in; only one that lies
/// across chunks is copied. No more is held than the chunks pushed and one line of [`MAX_LEN`].
///
/// ```
/// # use watchfloor_core::event::Lines;
/// let mut lines = Lines::new();
/// lines.push("{\"a\":1}\r\n\n{\"b\"");
/// lines.push(":2}");
/// lines.end();
/// let read: Vec<_> = lines.map(|l| (l.number, l.bytes)).collect();
/// assert_eq!(read, [(1, "{\"a\":1}".into()), (3, "{\"b\":2}".into())]);
/// ```
#[derive(Debug, Default)]
pub struct Lines {
    chunks: VecDeque<Bytes>,
    /// The start of a line whose end has not come.
    held: BytesMut,
    /// Whether more of that line came than is held.
    over: bool,
    /// Lines that have ended.
    number: u64,
    ended: bool,
}

/// One line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes; the first [`MAX_LEN`] of them if it is longer.
    pub bytes: Bytes,
    /// Whether it is longer than [`MAX_LEN`].
    pub too_long: bool,
}

impl Lines {
    /// No lines yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what comes next.
    pub fn push(&mut self, chunk: impl Into<Bytes>) {
        let chunk = chunk.into();
        if !chunk.is_empty() {
            self.chunks.push_back(chunk);
        }
    }

    /// Says that nothing more comes.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next line's bytes, and whether they are cut.
    fn raw(&mut self) -> Option<(Bytes, bool)> {
        while let Some(mut chunk) = self.chunks.pop_front() {
            let Some(at) = memchr::memchr(b'\n', &chunk) else {
                self.hold(&chunk);
                continue;
            };
            let rest = chunk.split_off(at + 1);
            chunk.truncate(at);
            if !rest.is_empty() {
                self.chunks.push_front(rest);
            }
            if self.held.is_empty() {
                return Some((chunk, false));
            }
            self.hold(&chunk);
            return Some(self.release());
        }
        (self.ended && !self.held.is_empty()).then(|| self.release())
    }

    fn hold(&mut self, part: &[u8]) {
        let room = MAX_HELD - self.held.len();
        self.over |= part.len() > room;
        self.held.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn release(&mut self) -> (Bytes, bool) {
        (std::mem::take(&mut self.held).freeze(), std::mem::take(&mut self.over))
    }
}

/// `None` until more is pushed or, after [`Lines::end`], for good.
impl Iterator for Lines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            let (mut bytes, over) = self.raw()?;
            self.number += 1;
            if !over && bytes.ends_with(b"\r") {
                bytes.truncate(bytes.len() - 1);
            }
            if self.number == 1 && bytes.starts_with(BOM) {
                bytes = bytes.slice(BOM.len()..);
            }
            if bytes.trim_ascii().is_empty() && !over {
                continue;
            }
            let too_long = over || bytes.len() > MAX_LEN;
            bytes.truncate(MAX_LEN);
            return Some(Line { number: self.number, bytes, too_long });
        }
    }
}

impl Line {
    /// The event that the line is, read at `now`.
    pub fn event(self, now: Timestamp) -> Result<Event, BadLine> {
        let Self { number, bytes, too_long } = self;
        if too_long {
            let reason = BadEvent { at: MAX_LEN, reason: "longer than 8 MiB and cut" };
            return Err(BadLine { number, reason, bytes });
        }
        Event::or_back(bytes, now).map_err(|(reason, bytes)| BadLine { number, reason, bytes })
    }
}

/// A line that is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BadLine {
    /// Its number, from 1.
    pub number: u64,
    /// Why it is none.
    pub reason: BadEvent,
    /// The line as it was; cut if it is too long.
    pub bytes: Bytes,
}

impl BadLine {
    /// The line as text; what is not UTF-8 in it is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// Number and reason, without the line.
impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.reason)
    }
}

impl std::error::Error for BadLine {}

/// The lines of a reader, until its end or its first error.
///
/// It reads in chunks of its own, so the reader needs no buffer.
pub fn read_lines<R: io::Read>(reader: R) -> ReadLines<R> {
    ReadLines { reader: Some(reader), lines: Lines::new(), room: BytesMut::new() }
}

/// Made by [`read_lines`].
pub struct ReadLines<R> {
    /// `None` once it has ended or failed.
    reader: Option<R>,
    lines: Lines,
    /// What is left of the current chunk's memory: short reads share it.
    room: BytesMut,
}

/// Memory for what is read, and the least that a read is offered.
const CHUNK: usize = 64 << 10;
const LEAST: usize = 4 << 10;

impl<R: io::Read> Iterator for ReadLines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<io::Result<Line>> {
        loop {
            if let Some(line) = self.lines.next() {
                return Some(Ok(line));
            }
            let reader = self.reader.as_mut()?;
            if self.room.len() < LEAST {
                self.room = BytesMut::zeroed(CHUNK);
            }
            match reader.read(&mut self.room) {
                Ok(0) => {
                    self.reader = None;
                    self.lines.end();
                }
                Ok(n) => self.lines.push(self.room.split_to(n)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.reader = None;
                    return Some(Err(e));
                }
            }
        }
    }
}

impl<R> fmt::Debug for ReadLines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadLines").field("lines", &self.lines.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    fn split<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<(u64, Vec<u8>)> {
        let mut lines = Lines::new();
        let mut read = Vec::new();
        for chunk in chunks {
            lines.push(chunk.to_vec());
            read.extend(lines.by_ref());
        }
        lines.end();
        read.extend(lines.by_ref());
        assert!(read.iter().all(|l| !l.too_long));
        read.into_iter().map(|l| (l.number, l.bytes.to_vec())).collect()
    }

    const TEXT: &[u8] = b"\xef\xbb\xbf{\"a\":1}\r\n\n  \t\r\n{\"b\":\"\r\xff\"}\nlast \r";

    #[test]
    fn lines_are_numbered_and_blank_ones_skipped() {
        let read = split([TEXT]);
        let wanted: [(u64, &[u8]); 3] =
            [(1, b"{\"a\":1}"), (4, b"{\"b\":\"\r\xff\"}"), (5, b"last ")];
        assert_eq!(read, wanted.map(|(n, l)| (n, l.to_vec())));
        assert!(split([b"\xef\xbb\xbf\n".as_slice()]).is_empty());
        assert_eq!(split([b"\n\xef\xbb\xbfx".as_slice()])[0].1, b"\xef\xbb\xbfx");
    }

    #[test]
    fn chunks_may_end_anywhere() {
        let whole = split([TEXT]);
        for i in 0..=TEXT.len() {
            for j in i..=TEXT.len() {
                assert_eq!(split([&TEXT[..i], &TEXT[i..j], &TEXT[j..]]), whole, "{i} {j}");
            }
        }
        assert_eq!(split(TEXT.chunks(1)), whole);
    }

    #[test]
    fn a_line_within_a_chunk_is_not_copied() {
        let chunk = Bytes::from_static(b"{\"a\":1}\n{\"b\":2}\n");
        let mut lines = Lines::new();
        lines.push(chunk.clone());
        let second = lines.nth(1).unwrap();
        assert_eq!(second.bytes.as_ptr(), chunk[8..].as_ptr());
    }

    #[test]
    fn a_line_over_8_mib_is_cut_and_the_next_one_is_whole() {
        let exact = [b"\xef\xbb\xbf".as_slice(), &vec![b'x'; MAX_LEN], b"\r\n"].concat();
        let over = [vec![b'y'; MAX_LEN + 1], b"\n".to_vec()].concat();
        let far = [vec![b'z'; 3 * MAX_LEN], b"\r\n{}".to_vec()].concat();
        let text = [exact, over, far].concat();
        for size in [text.len(), 64 << 10, MAX_LEN + 1] {
            let mut lines = Lines::new();
            let mut read = Vec::new();
            for chunk in text.chunks(size) {
                lines.push(Bytes::copy_from_slice(chunk));
                read.extend(lines.by_ref().map(|l| (l.number, l.bytes.len(), l.too_long)));
                assert!(lines.held.len() <= MAX_HELD);
            }
            lines.end();
            read.extend(lines.map(|l| (l.number, l.bytes.len(), l.too_long)));
            let wanted =
                [(1, MAX_LEN, false), (2, MAX_LEN, true), (3, MAX_LEN, true), (4, 2, false)];
            assert_eq!(read, wanted, "{size}");
        }
    }

    #[test]
    fn a_bad_line_is_named_and_keeps_its_text() {
        let now = Timestamp::EPOCH;
        let line =
            |bytes: &'static [u8], too_long| Line { number: 7, bytes: bytes.into(), too_long };
        assert!(line(b"{}", false).event(now).is_ok());
        let bad = line(b" plain \xff", false).event(now).unwrap_err();
        assert_eq!(bad.to_string(), "line 7: not UTF-8 at byte 7");
        assert_eq!(bad.text(), " plain \u{fffd}");
        let cut = line(b"{}", true).event(now).unwrap_err();
        assert_eq!(cut.to_string(), "line 7: longer than 8 MiB and cut at byte 8388608");
    }

    struct Broken;

    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }

    #[test]
    fn a_reader_is_read_to_its_end_or_error() {
        let read: Vec<_> = read_lines(TEXT).map(|l| l.unwrap().number).collect();
        assert_eq!(read, [1, 4, 5]);

        let mut lines = read_lines(b"one\ntwo".chain(Broken));
        assert_eq!(lines.next().unwrap().unwrap().bytes, "one");
        assert_eq!(lines.next().unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert!(lines.next().is_none(), "half a line is no line");
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_lines(
            text in "[a\\r\\n \u{feff}]{0,40}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut at: Vec<_> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let parts = at.windows(2).map(|w| &bytes[w[0]..w[1]]);
            prop_assert_eq!(split(parts), split([bytes]));
        }
    }
}
