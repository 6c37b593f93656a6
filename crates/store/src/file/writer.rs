//! The thread that writes: what waits is written together.

use std::sync::mpsc;

use futures_channel::oneshot;
use redb::{Database, ReadableTable as _, Table};
use watchfloor_core::{Result, Write};

use super::ENTRIES;
use super::fault::Fault;
use crate::limits;

/// The most commits, and bytes, that are gathered into one write to the disk.
const MOST: usize = 1024;
const MOST_BYTES: usize = 16 << 20;

/// A commit whose size was looked at.
pub(super) struct Commit {
    pub(super) writes: Vec<Write>,
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Result<()>>,
}

type Entries<'a> = Table<'a, (&'static str, &'static [u8]), &'static [u8]>;

/// Writes until nobody can commit any more, and what was handed over by then.
pub(super) fn run(database: &Database, incoming: &mpsc::Receiver<Commit>) {
    while let Ok(first) = incoming.recv() {
        let mut bytes = first.bytes;
        let mut group = vec![first];
        while group.len() < MOST && bytes < MOST_BYTES {
            let Ok(next) = incoming.try_recv() else { break };
            bytes += next.bytes;
            group.push(next);
        }
        write(database, group);
    }
}

/// Writes a group as if one after another, and answers each when all of it is on the disk: a
/// conflict with what another one has just written counts only once that is there.
fn write(database: &Database, group: Vec<Commit>) {
    let verdicts = match apply(database, &group) {
        Ok(verdicts) => verdicts,
        Err(fault) => {
            tracing::error!(%fault, "the store cannot write");
            let failed = |_: &Commit| Err(fault.of_commit());
            group.iter().map(failed).collect()
        }
    };
    for (commit, verdict) in group.into_iter().zip(verdicts) {
        // Who does not wait any more is not told.
        drop(commit.answer.send(verdict));
    }
}

fn apply(database: &Database, group: &[Commit]) -> Result<Vec<Result<()>>, Fault> {
    let transaction = database.begin_write()?;
    let mut verdicts = Vec::with_capacity(group.len());
    {
        let mut entries = transaction.open_table(ENTRIES)?;
        for commit in group {
            verdicts.push(match refused(&entries, &commit.writes)? {
                Some(space) => Err(limits::conflict(space)),
                None => {
                    put(&mut entries, &commit.writes)?;
                    Ok(())
                }
            });
        }
    }
    if verdicts.iter().any(Result::is_ok) {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(verdicts)
}

/// The space of the first expectation that does not hold.
fn refused(entries: &Entries<'_>, writes: &[Write]) -> Result<Option<&'static str>, Fault> {
    for write in writes {
        if let Write::Expect { space, key, value } = write {
            let there = entries.get((*space, key.as_slice()))?;
            if there.as_ref().map(redb::AccessGuard::value) != value.as_deref() {
                return Ok(Some(space));
            }
        }
    }
    Ok(None)
}

fn put(entries: &mut Entries<'_>, writes: &[Write]) -> Result<(), Fault> {
    for write in writes {
        match write {
            Write::Put { space, key, value } => {
                entries.insert((*space, key.as_slice()), value.as_ref())?;
            }
            Write::Delete { space, key } => {
                entries.remove((*space, key.as_slice()))?;
            }
            // The rest demands something, and was looked at.
            _ => {}
        }
    }
    Ok(())
}
