use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;

/// What must survive the process: claims, ledger, outbox, cursors.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The value of a key.
    async fn get(&self, space: &'static str, key: &[u8]) -> Result<Option<Bytes>>;

    /// The entries of a range of keys in order, at most `limit` of them.
    async fn range(
        &self,
        space: &'static str,
        keys: Range<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>>;

    /// All of the writes or none; [`Kind::Conflict`](crate::Kind::Conflict), rejected, where an
    /// [`Expect`](Write::Expect) does not hold against what was there before the commit, wherever in
    /// it that stands. Of several writes to one key the last counts. A read that begins after it is
    /// done sees it. A future that is dropped leaves the commit done or not, never half.
    async fn commit(&self, writes: Vec<Write>) -> Result<()>;
}

/// One step of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Write {
    /// Sets a value.
    Put {
        /// The table.
        space: &'static str,
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Bytes,
    },
    /// Takes a value out.
    Delete {
        /// The table.
        space: &'static str,
        /// The key.
        key: Vec<u8>,
    },
    /// Demands that a key has this value, or none.
    Expect {
        /// The table.
        space: &'static str,
        /// The key.
        key: Vec<u8>,
        /// The value it must have.
        value: Option<Bytes>,
    },
}

const _: fn(&dyn Store) = |_| {};
