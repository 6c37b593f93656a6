//! Who holds the file: a note beside it. The lock alone decides; the note only gives it a name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use watchfloor_core::{Error, Kind, Timestamp};

/// A note is a line.
const MAX_NOTE: u64 = 4096;

#[derive(Serialize, Deserialize)]
struct Note {
    pid: u32,
    host: String,
    since: Timestamp,
}

/// The note, which goes when this is dropped. Only who has the lock may make one.
pub(super) struct Holder(PathBuf);

impl Holder {
    /// Notes this process. A failure costs the next opener a name and nobody anything else.
    pub(super) fn note(path: &Path, since: Timestamp) -> Self {
        let note = Note { pid: std::process::id(), host: host(), since };
        let at = beside(path, ".holder");
        // Whole or not at all: somebody may be reading it.
        let new = beside(path, ".holder.new");
        if let Err(e) = write(&new, &note).and_then(|()| fs::rename(&new, &at)) {
            // Whoever is named there now has no lock.
            drop(fs::remove_file(&at));
            tracing::warn!(error = %e.kind(), "who holds the store is not noted");
        }
        Self(at)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// The error of who comes second.
pub(super) fn held(path: &Path) -> Error {
    let by = match read(&beside(path, ".holder")) {
        Some(Note { pid, host, since }) => {
            format!("process {pid} on host {host} since {since}")
        }
        None => "another process".to_owned(),
    };
    let what = format!("{} is held by {by}", path.display());
    Error::new(Kind::Conflict, what).with_operation("store.open")
}

/// What the note says; nothing where it names a process that is gone: the one that has the file now
/// has not written its own yet.
fn read(at: &Path) -> Option<Note> {
    let mut text = Vec::new();
    File::open(at).ok()?.take(MAX_NOTE).read_to_end(&mut text).ok()?;
    let note: Note = serde_json::from_slice(&text).ok()?;
    let here = note.host == host() && Path::new("/proc/self").exists();
    let alive = !here || Path::new(&format!("/proc/{}", note.pid)).exists();
    alive.then_some(note)
}

fn write(path: &Path, note: &Note) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(&serde_json::to_vec(note)?)
}

/// A file beside another: its name and more.
fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}

/// The name of this machine.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| fs::read_to_string("/etc/hostname"))
        .or_else(|_| std::env::var("COMPUTERNAME").map_err(io::Error::other));
    let name = name.map(|name| name.trim().to_owned()).unwrap_or_default();
    if name.is_empty() { "unknown".to_owned() } else { name }
}
