use std::path::{Path, PathBuf};

use watchfloor_core::{CallId, Result};
use watchfloor_store::RedbStore;
use watchfloor_testkit::TestClock;

/// A folder for a store, gone with the test.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("watchfloor-{}", CallId::random()));
        std::fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.join("watchfloor.redb")
    }

    pub(crate) fn note(&self) -> PathBuf {
        self.0.join("watchfloor.redb.holder")
    }

    pub(crate) fn open(&self) -> Result<RedbStore> {
        open(&self.path())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn open(path: &Path) -> Result<RedbStore> {
    RedbStore::open(path, &TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()))
}
