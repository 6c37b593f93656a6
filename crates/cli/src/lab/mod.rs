//! Five systems as twins on loopback, and a folder with the configuration that leads to them.

mod credentials;
mod folder;
mod twins;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchfloor::DEFAULT_FILE;
use watchfloor::core::Clock;

use credentials::Credentials;
use folder::Folder;
use twins::Twins;
pub(crate) use twins::{Held, Holds};

/// The configuration, its addresses left open.
const CONFIG: &str = include_str!("watchfloor.toml");
/// Some events to send: a few lines of the recorded attack.
const EVENTS: &str = include_str!("events.ndjson");
/// The name of the file that holds them.
const EVENTS_FILE: &str = "events.ndjson";

/// What the configuration's `[state]` makes: the store, and the note of who holds it.
const STATE_FILES: [&str; 2] = ["watchfloor.redb", "watchfloor.redb.holder"];

/// A running lab. It ends when dropped, and its folder is gone then.
#[derive(Debug)]
pub(crate) struct Lab {
    twins: Twins,
    folder: Folder,
}

impl Lab {
    /// Starts the twins and writes the folder: `dir`, else a new one below the system's folder for
    /// temporary files.
    pub(crate) async fn open(dir: Option<&Path>, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let credentials = Credentials::random();
        let twins = Twins::start(&credentials, clock).await;
        let twins = twins.map_err(|e: io::Error| format!("no port on loopback: {}", e.kind()))?;
        let mut folder = Folder::make(dir)?;
        for (name, secret) in credentials.files() {
            folder.write(name, secret)?;
        }
        folder.write(DEFAULT_FILE, &twins.lead_to(CONFIG))?;
        folder.write(EVENTS_FILE, EVENTS)?;
        for name in STATE_FILES {
            folder.will_have(name);
        }
        Ok(Self { twins, folder })
    }

    /// Its folder, as an absolute path.
    pub(crate) fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir().join(DEFAULT_FILE)
    }

    /// Some events to send.
    pub(crate) fn events(&self) -> PathBuf {
        self.dir().join(EVENTS_FILE)
    }

    /// What each twin holds.
    pub(crate) fn held(&self) -> Vec<Held> {
        self.twins.held()
    }

    /// Removes the folder; answers what of it stays, and why.
    pub(crate) fn close(mut self) -> Vec<String> {
        self.folder.remove()
    }
}
