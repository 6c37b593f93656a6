use std::collections::{BTreeMap, BTreeSet};

use watchfloor_core::block::{Applied, BlockBackend, BlockVerdict, Held};
use watchfloor_core::{Call, Error, Kind, Outcome, Target};

use super::{Controller, said_of};
use crate::ledger::Ledger;

impl<B: BlockBackend> Controller<B> {
    /// Ends the owner's claims, and removes what nobody else claims. Never held back by the guard:
    /// a frozen or exhausted controller still releases.
    pub(super) async fn give_up(&self, call: &Call, targets: &[Target], owner: &str) -> Applied {
        let mut ledger = self.ledger.lock().await;
        let now = self.clock.now();
        let mut claimed = Applied::new();
        let mut free = Vec::new();
        for target in targets.iter().copied().collect::<BTreeSet<_>>() {
            match ledger.others(&target, owner, now) {
                0 => free.push(target),
                owners => {
                    ledger.leave(&target, owner);
                    claimed.push(target, BlockVerdict::StillClaimed { owners });
                }
            }
        }
        claimed.merge(self.take_away(call, free, &mut ledger).await);
        claimed
    }

    /// Removes targets and reads back that they are gone.
    pub(super) async fn take_away(
        &self,
        call: &Call,
        targets: Vec<Target>,
        ledger: &mut Ledger,
    ) -> Applied {
        let mut applied = Applied::new();
        if targets.is_empty() {
            return applied;
        }
        for target in &targets {
            ledger.removing(target);
        }
        let answer = self.backend.remove(call, &targets).await;
        applied.cause = answer.cause;
        let mut said: BTreeMap<_, _> = answer.items.into_iter().collect();
        let listed = self.backend.list(call).await;
        for target in targets {
            let said = said_of(&mut said, &target);
            let verdict = match &listed {
                Ok(held) => settled(said, &target, held),
                Err(_) => said,
            };
            match &verdict {
                BlockVerdict::Failed(e) if e.outcome() == Outcome::Unknown => {
                    ledger.unknown(&target);
                }
                BlockVerdict::Failed(_) => ledger.failed(&target),
                _ => ledger.forget(&target),
            }
            applied.push(target, verdict);
        }
        match listed {
            Ok(held) => ledger.settle(&held),
            Err(e) => applied.cause = applied.cause.take().or(Some(e)),
        }
        applied
    }
}

/// What the device said, corrected by what it lists.
fn settled(said: BlockVerdict, target: &Target, held: &[Held]) -> BlockVerdict {
    if held.iter().any(|h| h.target == *target) {
        let e = match said {
            BlockVerdict::Failed(e) => e,
            _ => Error::new(Kind::Protocol, "the device says that it is removed and lists it"),
        };
        return BlockVerdict::Failed(e.with_outcome(Outcome::Rejected));
    }
    if let Some(network) = held.iter().find(|h| h.target.contains(target)) {
        return BlockVerdict::StillCovered { by: network.target };
    }
    match said {
        BlockVerdict::NotPresent => BlockVerdict::NotPresent,
        BlockVerdict::Failed(e) if e.outcome() != Outcome::Unknown => BlockVerdict::NotPresent,
        _ => BlockVerdict::Released,
    }
}
