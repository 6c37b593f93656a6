use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use watchfloor_core::{Result, Store, Write, async_trait};

use crate::limits;

type Spaces = BTreeMap<&'static str, BTreeMap<Vec<u8>, Bytes>>;

/// A store that ends with the process: for tests, and for who embeds Watchfloor without a file.
///
/// It keeps every promise of the [`Store`] but to survive. A clone is the same store.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Spaces>>);

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Spaces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, space: &'static str, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.lock().get(space).and_then(|entries| entries.get(key)).cloned())
    }

    async fn range(
        &self,
        space: &'static str,
        keys: Range<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let spaces = self.lock();
        let entries = spaces.get(space).into_iter().flat_map(|entries| entries.range(keys.clone()));
        Ok(entries.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<()> {
        limits::check(&writes)?;
        let mut spaces = self.lock();
        for write in &writes {
            if let Write::Expect { space, key, value } = write
                && spaces.get(space).and_then(|entries| entries.get(key)) != value.as_ref()
            {
                return Err(limits::conflict(space));
            }
        }
        for write in writes {
            match write {
                Write::Put { space, key, value } => {
                    spaces.entry(space).or_default().insert(key, value);
                }
                Write::Delete { space, key } => {
                    spaces.entry(space).or_default().remove(&key);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryStore {
    /// Without what it holds: tokens may be among it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore")
    }
}
