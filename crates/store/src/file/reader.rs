//! The thread that reads.

use std::ops::Range;
use std::sync::mpsc;

use bytes::Bytes;
use futures_channel::oneshot;
use redb::{Database, ReadOnlyTable, ReadableDatabase as _};

use super::ENTRIES;
use super::fault::Fault;

/// Where an answer is awaited.
pub(super) type Answer<T> = oneshot::Sender<Result<T, Fault>>;

type Entry = (Vec<u8>, Bytes);
type Entries = ReadOnlyTable<(&'static str, &'static [u8]), &'static [u8]>;

/// What is asked.
pub(super) enum Read {
    Get { space: &'static str, key: Vec<u8>, answer: Answer<Option<Bytes>> },
    Range { space: &'static str, keys: Range<Vec<u8>>, limit: usize, answer: Answer<Vec<Entry>> },
}

/// Answers until nobody can ask any more. Each read begins after it was asked, so that it sees what
/// was acknowledged before.
pub(super) fn run(database: &Database, asked: &mpsc::Receiver<Read>) {
    let entries = || -> Result<Entries, Fault> { Ok(database.begin_read()?.open_table(ENTRIES)?) };
    while let Ok(read) = asked.recv() {
        // Who does not wait any more needs no answer.
        match read {
            Read::Get { space, key, answer } if !answer.is_canceled() => {
                drop(answer.send(entries().and_then(|entries| get(&entries, space, &key))));
            }
            Read::Range { space, keys, limit, answer } if !answer.is_canceled() => {
                drop(answer.send(entries().and_then(|all| range(&all, space, &keys, limit))));
            }
            _ => {}
        }
    }
}

fn get(entries: &Entries, space: &str, key: &[u8]) -> Result<Option<Bytes>, Fault> {
    let found = entries.get((space, key))?;
    Ok(found.map(|value| Bytes::copy_from_slice(value.value())))
}

fn range(
    entries: &Entries,
    space: &str,
    keys: &Range<Vec<u8>>,
    limit: usize,
) -> Result<Vec<Entry>, Fault> {
    let mut found = Vec::new();
    for entry in entries.range((space, &*keys.start)..(space, &*keys.end))?.take(limit) {
        let (key, value) = entry?;
        found.push((key.value().1.to_vec(), Bytes::copy_from_slice(value.value())));
    }
    Ok(found)
}
