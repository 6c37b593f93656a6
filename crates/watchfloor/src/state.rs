//! The store of `[state]`.

use std::sync::Arc;

use watchfloor_core::{Clock, Store};

use crate::Config;

impl Config {
    /// Opens the store where one is configured and nothing is wrong so far: a configuration that
    /// cannot work makes no file and holds none.
    #[cfg(feature = "store")]
    pub(crate) fn open_store(&self, clock: &dyn Clock) -> Option<Arc<dyn Store>> {
        use crate::config::HELD;
        use watchfloor_core::Kind;
        use watchfloor_store::RedbStore;

        let state = self.settings.state.as_ref().filter(|_| self.is_right())?;
        match RedbStore::open(&state.path, clock) {
            Ok(store) => Some(Arc::new(store)),
            Err(e) => {
                let hint = match e.kind() {
                    Kind::Conflict => HELD,
                    _ => "",
                };
                self.problems.add(state.line, "state.path", e.message(), hint);
                None
            }
        }
    }

    /// Without the feature there is none; that `[state]` asks for one was reported.
    #[cfg(not(feature = "store"))]
    #[allow(clippy::unused_self, reason = "as with the feature")]
    pub(crate) fn open_store(&self, _: &dyn Clock) -> Option<Arc<dyn Store>> {
        None
    }
}
