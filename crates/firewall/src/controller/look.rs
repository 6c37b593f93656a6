use std::collections::BTreeMap;

use watchfloor_core::block::{BlockBackend, Device, Facts, Held};
use watchfloor_core::{Call, Result, Target};

use super::Controller;
use crate::ledger::{Ends, Ledger};

/// What the device held when it was asked, and the facts that the guard judges by.
pub(super) struct Seen {
    pub(super) held: BTreeMap<Target, Held>,
    pub(super) facts: Facts,
}

impl<B: BlockBackend> Controller<B> {
    /// Reads the device, and settles the ledger against it. Complete, or an error.
    pub(super) async fn look(&self, call: &Call, ledger: &mut Ledger) -> Result<Seen> {
        let held = self.backend.list(call).await?;
        ledger.settle(&held);
        let capacity = self.backend.caps().capacity;
        let facts = self.facts.on(Device { held: held.len(), capacity });
        Ok(Seen { held: held.into_iter().map(|h| (h.target, h)).collect(), facts })
    }
}

impl Seen {
    /// When a target ends that the device holds; `None` if it holds none.
    pub(super) fn ends(&self, ledger: &Ledger, target: &Target) -> Option<Ends> {
        let held = self.held.get(target)?;
        let known = || ledger.row(target).map_or(Ends::Unknown, |row| row.ends);
        Some(held.expires.map_or_else(known, Ends::At))
    }

    /// What a plan about the target rests on: whether it is held, and by which leases.
    pub(super) fn state(&self, ledger: &Ledger, target: &Target) -> String {
        match (self.held.get(target), ledger.row(target)) {
            (None, _) => "free".to_owned(),
            (Some(_), None) => "held".to_owned(),
            (Some(_), Some(row)) => format!("held for {}", row.claimants()),
        }
    }
}
