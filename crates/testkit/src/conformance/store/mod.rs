//! The suite of stores: everything that [`Store`] promises.
//!
//! ```
//! use std::sync::Arc;
//! use watchfloor_core::{Store, async_trait};
//! use watchfloor_testkit::conformance::store::{self, StoreWorld};
//!
//! # use std::{collections::BTreeMap, ops::Range, sync::Mutex};
//! # use watchfloor_core::{Error, Kind, Outcome, Result, Write};
//! # type Bytes = bytes::Bytes;
//! # #[derive(Debug, Default)]
//! # struct YourStore(Mutex<BTreeMap<(&'static str, Vec<u8>), Bytes>>);
//! # #[async_trait]
//! # impl Store for YourStore {
//! #     async fn get(&self, space: &'static str, key: &[u8]) -> Result<Option<Bytes>> {
//! #         Ok(self.0.lock().unwrap().get(&(space, key.to_vec())).cloned())
//! #     }
//! #     async fn range(
//! #         &self, space: &'static str, keys: Range<Vec<u8>>, limit: usize,
//! #     ) -> Result<Vec<(Vec<u8>, Bytes)>> {
//! #         let held = self.0.lock().unwrap();
//! #         let within = held.iter().filter(|((s, key), _)| *s == space && keys.contains(key));
//! #         Ok(within.take(limit).map(|((_, k), v)| (k.clone(), v.clone())).collect())
//! #     }
//! #     async fn commit(&self, writes: Vec<Write>) -> Result<()> {
//! #         let mut held = self.0.lock().unwrap();
//! #         for write in &writes {
//! #             if let Write::Expect { space, key, value } = write
//! #                 && held.get(&(*space, key.clone())) != value.as_ref()
//! #             {
//! #                 let e = Error::new(Kind::Conflict, "another value");
//! #                 return Err(e.with_outcome(Outcome::Rejected));
//! #             }
//! #         }
//! #         for write in writes {
//! #             match write {
//! #                 Write::Put { space, key, value } => drop(held.insert((space, key), value)),
//! #                 Write::Delete { space, key } => drop(held.remove(&(space, key))),
//! #                 _ => {}
//! #             }
//! #         }
//! #         Ok(())
//! #     }
//! # }
//! struct Yours(Arc<YourStore>);
//!
//! #[async_trait]
//! impl StoreWorld for Yours {
//!     fn store(&self) -> Arc<dyn Store> {
//!         self.0.clone()
//!     }
//!     // And `reopen`, unless it lives in memory.
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // A new and empty one, each time.
//! store::run(|_| async { Yours(Arc::new(YourStore::default())) }).await;
//! # }
//! ```

mod basics;
mod expects;
mod lasting;
mod ranges;
#[cfg(test)]
mod tests;
mod together;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use watchfloor_core::{Error, Kind, Outcome, Store, Write, async_trait};

use super::{Case, Miss, Report, Setup, Verdict, Worlds, suite};

/// A store, empty at first, and how it is closed and opened again.
///
/// It has no requests and no faults of a product, so that it is no [`World`](super::World).
#[async_trait]
pub trait StoreWorld: Send + Sync + 'static {
    /// The store as it is open now.
    fn store(&self) -> Arc<dyn Store>;

    /// Closes the store and opens the same data again; `false` for one that lives in memory. No
    /// case holds the store meanwhile.
    async fn reopen(&self) -> bool {
        false
    }
}

/// The worlds of stores.
pub type StoreWorlds = Worlds<dyn StoreWorld>;

/// Worlds made by this factory, each with an empty store of its own.
pub fn worlds<W, F>(make: impl Fn(Setup) -> F + Send + Sync + 'static) -> StoreWorlds
where
    W: StoreWorld,
    F: Future<Output = W> + Send + 'static,
{
    Worlds::new(move |setup| {
        let made = make(setup);
        async move { Arc::new(made.await) as Arc<dyn StoreWorld> }
    })
}

/// Runs the suite and panics with the whole report if a promise is broken.
///
/// # Panics
/// If a promise is broken.
pub async fn run<W, F>(make: impl Fn(Setup) -> F + Send + Sync + 'static)
where
    W: StoreWorld,
    F: Future<Output = W> + Send + 'static,
{
    report(&worlds(make)).await.assert();
}

/// Runs the suite.
pub async fn report(worlds: &StoreWorlds) -> Report {
    suite("Store", cases(), worlds).await
}

/// The cases, in their order.
pub fn cases() -> Vec<Case<dyn StoreWorld>> {
    cases! {
        basics::absent: "a key that nobody set has no value, and taking it out is no error",
        basics::put_and_get: "what was put is got, and a second put takes the place of the first",
        basics::deleted: "what was taken out is gone",
        basics::empty_value: "an empty value is there",
        basics::empty_commit: "a commit without writes is done",
        basics::same_key_twice: "of several writes to one key the last counts",
        basics::binary_keys: "every byte may stand in keys and values",
        basics::large_value: "a value of a megabyte comes back byte for byte",
        basics::spaces_apart: "the same key in another space is another entry",
        ranges::range_order: "a range comes in the order of its keys, byte by byte",
        ranges::range_bounds: "a range begins with its first key and ends before its last",
        ranges::range_limit: "a range has at most as many entries as asked for, the first ones",
        ranges::range_empty: "a range of nothing, or from behind, is empty",
        ranges::range_within_its_space: "a range has entries of its own space alone",
        expects::expect_value: "a commit that expects the value that is there is done",
        expects::expect_none: "a commit that expects nothing is done where nothing is",
        expects::expect_mismatch: "an expectation that does not hold is a conflict, rejected",
        expects::expect_several: "every expectation must hold, wherever it stands",
        expects::expect_before_writes: "expectations hold against what was there before the commit",
        expects::all_or_nothing: "a commit that is refused changes nothing, in no space",
        together::one_winner: "of many that expect the same exactly one is done",
        together::counter: "a counter that many raise by compare-and-set loses nothing",
        together::acknowledged_is_seen: "a read sees every commit that was acknowledged before",
        together::dropped_commit: "a commit that is dropped is there whole or not at all",
        lasting::reopened: "what was acknowledged is there when the store is opened again",
        lasting::reopened_after_dropping: "a commit that was dropped is whole or not there after opening again",
    }
}

/// The space that most cases use.
const SPACE: &str = "conformance";
/// Another one, whose name begins alike.
const OTHER: &str = "conformance2";

fn failed(what: impl Into<String>) -> Miss {
    Miss::Failed(what.into())
}

/// What failed that nothing speaks against.
fn unexpected(what: &'static str) -> impl Fn(Error) -> Miss {
    move |e| failed(format!("{what} failed without a reason: {e}"))
}

fn same<T: PartialEq + fmt::Debug>(what: &str, seen: &T, want: &T) -> Verdict {
    if seen == want {
        return Ok(());
    }
    Err(failed(format!("{what}: {seen:?}, and it should be {want:?}")))
}

fn put(space: &'static str, key: &[u8], value: impl Into<Bytes>) -> Write {
    Write::Put { space, key: key.to_vec(), value: value.into() }
}

fn delete(space: &'static str, key: &[u8]) -> Write {
    Write::Delete { space, key: key.to_vec() }
}

fn expect(space: &'static str, key: &[u8], value: Option<&[u8]>) -> Write {
    Write::Expect { space, key: key.to_vec(), value: value.map(Bytes::copy_from_slice) }
}

async fn get(store: &dyn Store, space: &'static str, key: &[u8]) -> Result<Option<Bytes>, Miss> {
    store.get(space, key).await.map_err(unexpected("a read"))
}

async fn range(
    store: &dyn Store,
    space: &'static str,
    from: &[u8],
    to: &[u8],
    limit: usize,
) -> Result<Vec<(Vec<u8>, Bytes)>, Miss> {
    let got = store.range(space, from.to_vec()..to.to_vec(), limit).await;
    got.map_err(unexpected("a range"))
}

/// The keys of a range.
async fn keys(
    store: &dyn Store,
    space: &'static str,
    from: &[u8],
    to: &[u8],
    limit: usize,
) -> Result<Vec<Vec<u8>>, Miss> {
    Ok(range(store, space, from, to, limit).await?.into_iter().map(|(key, _)| key).collect())
}

async fn commit(store: &dyn Store, writes: Vec<Write>) -> Verdict {
    store.commit(writes).await.map_err(unexpected("a commit"))
}

/// Whether a key has this value.
async fn holds(store: &dyn Store, space: &'static str, key: &[u8], want: Option<&[u8]>) -> Verdict {
    let seen = get(store, space, key).await?;
    same(&format!("the value of {key:?} in {space}"), &seen.as_deref(), &want)
}

/// Whether a commit is refused as a conflict that changed nothing.
async fn conflicts(store: &dyn Store, writes: Vec<Write>) -> Verdict {
    match store.commit(writes).await {
        Ok(()) => Err(failed("a commit was done though what it expects does not hold")),
        Err(e) if e.kind() != Kind::Conflict => {
            Err(failed(format!("it is a conflict, and says {:?}: {e}", e.kind())))
        }
        Err(e) if e.outcome() != Outcome::Rejected => {
            Err(failed(format!("it was rejected, and says {}: {e}", e.outcome())))
        }
        Err(_) => Ok(()),
    }
}
