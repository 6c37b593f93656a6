//! The configuration file: one TOML text, all of its errors at once.

mod client;
mod document;
mod errors;
mod evidence;
mod state;
mod statements;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchfloor_core::block::GuardConfig;
use watchfloor_core::config::{Node, Problem, Problems, SecretSource, Section, Value};
use watchfloor_core::mask::Mode;

pub use client::ClientSettings;
pub use errors::ConfigErrors;
#[cfg(feature = "store")]
pub(crate) use errors::HELD;
pub use state::StateSettings;

/// The file that is read where none is named.
pub const DEFAULT_FILE: &str = "watchfloor.toml";
/// The variable of the environment that names the file.
pub const FILE_VARIABLE: &str = "WATCHFLOOR_CONFIG";
/// The longest configuration, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A configuration as it was read, right or wrong.
///
/// What is wrong is kept until somebody asks for what the configuration says: then all of it is
/// answered at once, that of the connectors as well.
#[derive(Debug)]
pub struct Config {
    pub(crate) file: PathBuf,
    /// What the parser could not read.
    unread: Vec<Problem>,
    pub(crate) problems: Problems,
    pub(crate) settings: Settings,
    pub(crate) places: Vec<Place>,
    pub(crate) connectors: Vec<(String, Section)>,
}

/// What a configuration says besides its connectors.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// `[client]`
    pub client: ClientSettings,
    /// `[guard]` and `[never_block]`, with the trusted proxies of `[client]`
    pub guard: GuardConfig,
    /// `[evidence]`: what becomes of other people's secrets in what readers make of logs
    pub evidence: Mode,
    /// `[state]`: where what outlives the process is kept; nothing does without it
    pub state: Option<StateSettings>,
    /// `[[owners]]`
    #[cfg(feature = "respond")]
    pub owners: Option<watchfloor_respond::Owners>,
}

/// A desk that an owner names: its name must be a connector's or a type's.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) desk: String,
    pub(crate) key: String,
    pub(crate) line: u32,
}

impl Config {
    /// Which file is read: the one that is named, else that of `WATCHFLOOR_CONFIG`, else
    /// `watchfloor.toml` in the working directory.
    pub fn file(named: Option<&Path>) -> PathBuf {
        choose(named, std::env::var_os(FILE_VARIABLE))
    }

    /// Reads a file; its secrets are looked up as [`Secrets`](crate::Secrets) does.
    ///
    /// An error here means that there is no text to read; what the text says wrong comes with
    /// [`settings`](Self::settings) and [`connect`](Self::connect).
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        let fail = |what: String, hint: &str| {
            let problems = Problems::default();
            problems.add(0, "", what, hint);
            ConfigErrors::new(file, problems.take(), Vec::new())
        };
        let mut text = String::new();
        let read =
            std::fs::File::open(file).and_then(|f| f.take(MAX_BYTES + 1).read_to_string(&mut text));
        match read {
            Ok(n) if n as u64 > MAX_BYTES => {
                return Err(fail(format!("is longer than {MAX_BYTES} bytes"), ""));
            }
            Ok(_) => {}
            Err(e) => {
                let hint = "name one with --config FILE or WATCHFLOOR_CONFIG";
                return Err(fail(format!("cannot be read: {}", e.kind()), hint));
            }
        }
        let base = file.parent().unwrap_or(Path::new(""));
        Ok(Self::parse(&text, file, Arc::new(crate::Secrets::new(base))))
    }

    /// Reads a text. `file` is its name in errors; paths are relative to its directory.
    pub fn parse(text: &str, file: &Path, secrets: Arc<dyn SecretSource>) -> Self {
        let problems = Problems::default();
        let (entries, unread) = document::read(text.strip_prefix('\u{feff}').unwrap_or(text));
        let places = places(&entries);
        let base = file.parent().unwrap_or(Path::new(""));
        let mut root = Section::new("", 0, entries, problems.clone(), secrets).relative_to(base);

        let client = root.section("client").map(ClientSettings::read).unwrap_or_default();
        let mut guard =
            GuardConfig::new().with_trusted_proxies(client.trusted_proxies.iter().copied());
        if let Some(section) = root.section("guard") {
            guard = guard.with_guard(section);
        }
        if let Some(section) = root.section("never_block") {
            guard = guard.with_never_block(section);
        }
        let evidence = root.section("evidence").map(evidence::read).unwrap_or_default();
        #[cfg_attr(
            not(feature = "respond"),
            allow(unused_variables, reason = "respond reads them")
        )]
        let owners = root.sections("owners");
        let connectors = root.section("connectors").map(Section::named).unwrap_or_default();
        let state = root.section("state").and_then(state::read);
        root.finish();

        let settings = Settings {
            client,
            guard,
            evidence,
            state,
            #[cfg(feature = "respond")]
            owners: watchfloor_respond::Owners::read(owners, &problems),
        };
        Self { file: file.into(), unread, problems, settings, places, connectors }
    }

    /// What it says besides its connectors, which are not looked at; every error of the rest.
    /// Nothing is opened.
    pub fn settings(self) -> Result<Settings, ConfigErrors> {
        self.right()?;
        Ok(self.settings)
    }

    /// Whether nothing is wrong so far.
    #[cfg(feature = "store")]
    pub(crate) fn is_right(&self) -> bool {
        self.unread.is_empty() && self.problems.count() == 0
    }

    /// Every error that was met so far.
    pub(crate) fn right(&self) -> Result<(), ConfigErrors> {
        if self.unread.is_empty() && self.problems.count() == 0 {
            return Ok(());
        }
        Err(ConfigErrors::new(&self.file, self.unread.clone(), self.problems.take()))
    }

    /// The names of its connectors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.connectors.iter().map(|(name, _)| name.as_str())
    }
}

fn choose(named: Option<&Path>, variable: Option<OsString>) -> PathBuf {
    match (named, variable.filter(|v| !v.is_empty())) {
        (Some(file), _) => file.into(),
        (None, Some(file)) => file.into(),
        (None, None) => DEFAULT_FILE.into(),
    }
}

/// The tables in `[[owners]]`: each routes the owner's tickets in one desk.
fn places(entries: &BTreeMap<String, Node>) -> Vec<Place> {
    let owners = match entries.get("owners").map(|node| &node.value) {
        Some(Value::List(owners)) => owners.as_slice(),
        _ => &[],
    };
    let tables = owners.iter().enumerate().flat_map(|(i, owner)| {
        let entries = if let Value::Table(entries) = &owner.value { Some(entries) } else { None };
        entries.into_iter().flatten().filter(|(_, node)| matches!(node.value, Value::Table(_))).map(
            move |(desk, node)| Place {
                desk: desk.clone(),
                key: format!("owners[{i}].{desk}"),
                line: node.line,
            },
        )
    });
    tables.collect()
}
