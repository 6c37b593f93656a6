//! How large what is stored may be.

use bytes::Bytes;
use watchfloor_core::{Error, Kind, Outcome, Result, Write};

/// The longest key, in bytes.
pub const MAX_KEY: usize = 64 << 10;
/// The longest value, in bytes.
pub const MAX_VALUE: usize = 16 << 20;
/// The most that one commit may write, in bytes.
pub const MAX_COMMIT: usize = 64 << 20;

/// Refuses a commit that is too large before anything of it is done; answers its size.
pub(crate) fn check(writes: &[Write]) -> Result<usize> {
    let mut whole = 0_usize;
    for write in writes {
        let (key, value) = match write {
            Write::Put { key, value, .. } => (key, value.len()),
            Write::Expect { key, value, .. } => (key, value.as_ref().map_or(0, Bytes::len)),
            Write::Delete { key, .. } => (key, 0),
            _ => return Err(unknown()),
        };
        if key.len() > MAX_KEY {
            return Err(too_large("a key", key.len(), MAX_KEY));
        }
        if value > MAX_VALUE {
            return Err(too_large("a value", value, MAX_VALUE));
        }
        whole = whole.saturating_add(key.len()).saturating_add(value);
    }
    if whole > MAX_COMMIT {
        return Err(too_large("a commit", whole, MAX_COMMIT));
    }
    Ok(whole)
}

/// A compare-and-set that did not hold.
pub(crate) fn conflict(space: &str) -> Error {
    Error::new(Kind::Conflict, "the store holds another value than was expected")
        .with_outcome(Outcome::Rejected)
        .with_operation("store.commit")
        .with("space", space)
}

/// A step that a later version of the port brings.
pub(crate) fn unknown() -> Error {
    Error::new(Kind::Unsupported, "a step that this store does not know")
        .with_outcome(Outcome::Rejected)
        .with_operation("store.commit")
}

fn too_large(what: &str, bytes: usize, most: usize) -> Error {
    Error::new(Kind::TooLarge, format!("{what} of {bytes} bytes; the store takes {most}"))
        .with_outcome(Outcome::Rejected)
        .with_operation("store.commit")
}
