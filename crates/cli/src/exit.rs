//! How the program ends.

use std::fmt;
use std::process::ExitCode;

use watchfloor::core::Outcome;

use crate::output::plain;

/// The status of a command that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Something was rejected, refused or failed.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The outcome of at least one item is unknown.
    Unknown = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not run to its end.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
}

impl Failure {
    /// The command line or the configuration is wrong.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }

    /// What became of something cannot be told.
    pub(crate) fn unknown(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Unknown, message: message.to_string() }
    }

    /// Something here failed.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Failed, message: message.to_string() }
    }
}

impl From<watchfloor::core::Error> for Failure {
    /// Of a port: what became of the effect decides how the program ends.
    fn from(e: watchfloor::core::Error) -> Self {
        let exit = match e.outcome() {
            Outcome::Unknown => Exit::Unknown,
            _ => Exit::Failed,
        };
        Self { exit, message: plain(&e.to_string()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<std::io::Error> for Failure {
    /// Of standard output: everything else names its file.
    fn from(e: std::io::Error) -> Self {
        Self::failed(format_args!("standard output cannot be written: {}", e.kind()))
    }
}
