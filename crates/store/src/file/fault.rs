//! What can be wrong with the file, in words of ours.

use std::io;
use std::path::Path;

use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};
use watchfloor_core::{Error, Kind, Outcome};

/// Why the file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Somebody holds it.
    Held,
    /// Somebody holds it who locks it another way.
    HeldOtherwise,
    /// It is of an older format.
    Old(u8),
    /// It is damaged, or no store at all.
    Damaged,
    /// The system refused.
    Io(io::ErrorKind),
    /// The thread that should have done it has ended.
    Stopped,
}

impl Fault {
    /// Opening failed.
    pub(super) fn of_file(self, path: &Path) -> Error {
        let kind = match self {
            Self::Held | Self::HeldOtherwise => Kind::Conflict,
            _ => Kind::Config,
        };
        let what = format!("{} {self}", path.display());
        Error::new(kind, what).with_operation("store.open")
    }

    /// A read failed.
    pub(super) fn of_read(self) -> Error {
        Error::new(self.kind(), format!("the store {self}")).with_operation("store.read")
    }

    /// A commit failed before anything of it was done.
    pub(super) fn before_commit(self) -> Error {
        Error::new(self.kind(), format!("the store {self}")).with_operation("store.commit")
    }

    /// A commit failed, and what of it is on the disk shows when the file is opened again: all of
    /// it or nothing.
    pub(super) fn of_commit(self) -> Error {
        self.before_commit().with_outcome(Outcome::Unknown)
    }

    fn kind(self) -> Kind {
        match self {
            Self::Io(_) | Self::Stopped => Kind::Unavailable,
            _ => Kind::Internal,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held => f.write_str("is held by another process"),
            Self::HeldOtherwise => {
                f.write_str("is held by another process, of another version; end that one first")
            }
            Self::Old(version) => write!(
                f,
                "is a store of an older format ({version}); open it with the version that wrote it, \
                 or move it away to begin anew without what it knew"
            ),
            Self::Damaged => f.write_str(
                "is damaged, or no store; put it back from a copy, or move it away to begin anew \
                 without what it knew of tickets, tokens and cursors",
            ),
            Self::Io(kind) => write!(f, "cannot be read or written: {kind}"),
            Self::Stopped => f.write_str("has stopped after a fault; start the process again"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Damaged,
            kind => Self::Io(kind),
        }
    }
}

impl From<StorageError> for Fault {
    fn from(e: StorageError) -> Self {
        match e {
            StorageError::Io(e) => e.into(),
            // After a failure of the disk nothing is written until the file is opened again.
            StorageError::PreviousIo | StorageError::DatabaseClosed => Self::Stopped,
            StorageError::Unsupported => Self::Io(io::ErrorKind::Unsupported),
            StorageError::Backend(_) => Self::Io(io::ErrorKind::Other),
            _ => Self::Damaged,
        }
    }
}

impl From<DatabaseError> for Fault {
    fn from(e: DatabaseError) -> Self {
        match e {
            DatabaseError::DatabaseAlreadyOpen => Self::Held,
            DatabaseError::LockProtocolMismatch => Self::HeldOtherwise,
            DatabaseError::UpgradeRequired(version) => Self::Old(version),
            DatabaseError::Storage(e) => e.into(),
            _ => Self::Damaged,
        }
    }
}

impl From<TransactionError> for Fault {
    fn from(e: TransactionError) -> Self {
        match e {
            TransactionError::Storage(e) => e.into(),
            _ => Self::Stopped,
        }
    }
}

impl From<TableError> for Fault {
    fn from(e: TableError) -> Self {
        match e {
            TableError::Storage(e) => e.into(),
            // A database, and none of ours.
            _ => Self::Damaged,
        }
    }
}

impl From<CommitError> for Fault {
    fn from(e: CommitError) -> Self {
        match e {
            CommitError::Storage(e) => e.into(),
            _ => Self::Stopped,
        }
    }
}
