//! One file, two threads: one writes, one reads.

mod fault;
mod holder;
mod reader;
mod writer;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use bytes::Bytes;
use futures_channel::oneshot;
use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase as _, TableDefinition};
use watchfloor_core::{Clock, Result, Store, Write, async_trait};

use crate::limits;
use fault::Fault;
use holder::Holder;
use reader::Read;
use writer::Commit;

/// All entries, by space and key: a range within one space never meets another.
const ENTRIES: TableDefinition<'_, (&str, &[u8]), &[u8]> = TableDefinition::new("entries");

/// How much of the file is kept in memory, in bytes.
const CACHE: usize = 16 << 20;

/// A store in one file, which one process holds at a time.
///
/// A commit is acknowledged when it is on the disk. Those that come while one is being written are
/// gathered into one write. A `commit` whose future is dropped is done or not, never half. The work
/// is done by two threads of the store, so that any runtime may poll the futures and none waits for
/// the disk.
///
/// Dropping it ends what is under way, which waits for the disk; then the file is free.
pub struct RedbStore {
    path: PathBuf,
    /// `None` only while it is dropped.
    threads: Option<Threads>,
}

struct Threads {
    commits: mpsc::Sender<Commit>,
    reads: mpsc::Sender<Read>,
    writer: JoinHandle<()>,
    reader: JoinHandle<()>,
    holder: Holder,
    /// The last to go: the file is free when it is dropped.
    database: Arc<Database>,
}

impl RedbStore {
    /// Opens the file, or makes it; its folder must be there. Blocks as long as the disk takes,
    /// after a crash as long as the file is read once.
    ///
    /// [`Kind::Conflict`](watchfloor_core::Kind::Conflict) where somebody holds it, who is named;
    /// [`Kind::Config`](watchfloor_core::Kind::Config) where it is no store of this version or may
    /// not be opened, with what to do.
    pub fn open(path: &Path, clock: &dyn Clock) -> Result<Self> {
        let fail = |fault: Fault| fault.of_file(path);
        let file = private(path).map_err(|e| fail(e.into()))?;
        // What reads a damaged file may panic.
        let opened = catch_unwind(AssertUnwindSafe(|| database(file)));
        let database = match opened.unwrap_or(Err(Fault::Damaged)) {
            Ok(database) => Arc::new(database),
            Err(Fault::Held) => return Err(holder::held(path)),
            Err(fault) => return Err(fail(fault)),
        };
        let holder = Holder::note(path, clock.now());
        let (commits, incoming) = mpsc::channel();
        let (reads, asked) = mpsc::channel();
        let db = database.clone();
        let writer = spawn("store-writer", move || writer::run(&db, &incoming));
        let db = database.clone();
        let reader = spawn("store-reader", move || reader::run(&db, &asked));
        let writer = writer.map_err(|e| fail(e.into()))?;
        let reader = reader.map_err(|e| fail(e.into()))?;
        let threads = Threads { commits, reads, writer, reader, holder, database };
        Ok(Self { path: path.to_owned(), threads: Some(threads) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    async fn read<T>(&self, read: impl FnOnce(reader::Answer<T>) -> Read) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        if let Some(threads) = &self.threads {
            // Not sent: the answer is dropped with it.
            drop(threads.reads.send(read(answer)));
        }
        let answered = answered.await.unwrap_or(Err(Fault::Stopped));
        answered.map_err(Fault::of_read)
    }
}

#[async_trait]
impl Store for RedbStore {
    async fn get(&self, space: &'static str, key: &[u8]) -> Result<Option<Bytes>> {
        let key = key.to_vec();
        self.read(|answer| Read::Get { space, key, answer }).await
    }

    async fn range(
        &self,
        space: &'static str,
        keys: Range<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>> {
        if keys.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        self.read(|answer| Read::Range { space, keys, limit, answer }).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<()> {
        let bytes = limits::check(&writes)?;
        if writes.is_empty() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let handed = self
            .threads
            .as_ref()
            .is_some_and(|threads| threads.commits.send(Commit { writes, bytes, answer }).is_ok());
        if !handed {
            return Err(Fault::Stopped.before_commit());
        }
        // Who wrote it ended without a word: whether it is on the disk nobody knows.
        answered.await.unwrap_or_else(|_| Err(Fault::Stopped.of_commit()))
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        let Some(Threads { commits, reads, writer, reader, holder, database }) =
            self.threads.take()
        else {
            return;
        };
        drop((commits, reads));
        // A thread that ended by a fault has said so to whom it concerned.
        drop(writer.join());
        drop(reader.join());
        // While the file is held: the note of the next holder must not be the one that goes.
        drop(holder);
        drop(database);
    }
}

impl fmt::Debug for RedbStore {
    /// Without what it holds: tokens are among it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Opens the database in a file.
fn database(file: File) -> Result<Database, Fault> {
    let backend = FileBackend::new(file)?;
    let database = Builder::new().set_cache_size(CACHE).create_with_backend(backend)?;
    // Made once, so that no read meets a file without it.
    if database.begin_read()?.open_table(ENTRIES).is_err() {
        let transaction = database.begin_write()?;
        drop(transaction.open_table(ENTRIES)?);
        transaction.commit()?;
    }
    Ok(database)
}

/// The file, which nobody else may read: there are tokens in it.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata()?.permissions().mode();
        if mode & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(mode & 0o700))?;
        }
    }
    Ok(file)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}
