mod apply;
mod look;
mod release;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Mutex;
use watchfloor_core::block::{
    Applied, Basis, BlockBackend, BlockVerdict, Facts, Guard, Held, Plan, PlanParts, Refusal,
};
use watchfloor_core::{
    BlockRequest, Blocklist, Call, Clock, Connector, ConnectorName, Error, Health, Kind, Outcome,
    Result, Target, async_trait,
};

use self::look::Seen;
use crate::ledger::{Ends, Ledger};

/// A [`Blocklist`] over what one device can do.
///
/// A request is guarded, planned, guarded again, applied, and read back; what is held is a lease,
/// counted by owner. One reader or writer at a time: what a plan saw is what it is applied to.
///
/// What the device holds in the container that is Watchfloor's (of PAN-OS: the tag) counts as
/// Watchfloor's, also where this process did not put it there: its end is unknown then, it is
/// never extended, and it is removed when it is released and nobody here claims it.
#[derive(Debug)]
pub struct Controller<B> {
    backend: B,
    guard: Arc<Guard>,
    facts: Arc<Facts>,
    clock: Arc<dyn Clock>,
    ledger: Mutex<Ledger>,
}

impl<B: BlockBackend> Controller<B> {
    /// A controller over a device. The guard is that of the device's connector: what another
    /// connector's guard admits, the device refuses.
    pub fn new(backend: B, guard: Arc<Guard>, facts: Arc<Facts>, clock: Arc<dyn Clock>) -> Self {
        Self { backend, guard, facts, clock, ledger: Mutex::default() }
    }

    /// Its guard, to freeze and thaw it.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Removes what nobody claims any more. A device that ends leases itself has done so already;
    /// for one that does not, this is how a lease ends.
    pub async fn sweep(&self, call: &Call) -> Applied {
        let mut ledger = self.ledger.lock().await;
        let ended = ledger.expired(self.clock.now());
        self.take_away(call, ended, &mut ledger).await
    }

    /// Puts a request into the part of the plan where it belongs.
    fn sort(&self, request: BlockRequest, seen: &Seen, ledger: &Ledger, parts: &mut PlanParts) {
        let now = self.clock.now();
        let held = seen.ends(ledger, &request.target);
        let admitted = match held {
            None => self.guard.admit(request.clone(), &seen.facts, now),
            Some(_) => self.guard.renew(request.clone(), &seen.facts),
        };
        let fitting = admitted.and_then(|a| self.backend.caps().check(&request).map(|()| a));
        match (fitting, held) {
            (Err(refusal), _) => parts.refused.push((request, refusal)),
            (Ok(admitted), None) => parts.add.push(admitted),
            (Ok(admitted), Some(ends)) if ends.lasts(Ends::of(&request, now)) => {
                let held = Held::new(request.target).until(ends.at());
                parts.kept.push((admitted, ledger.merge(held, now)));
            }
            (Ok(admitted), Some(_)) => parts.extend.push(admitted),
        }
    }
}

#[async_trait]
impl<B: BlockBackend> Connector for Controller<B> {
    fn name(&self) -> &ConnectorName {
        self.backend.name()
    }

    async fn check(&self, call: &Call) -> Health {
        self.backend.check(call).await
    }
}

#[async_trait]
impl<B: BlockBackend> Blocklist for Controller<B> {
    async fn plan(&self, call: &Call, want: Vec<BlockRequest>) -> Result<Plan> {
        let mut ledger = self.ledger.lock().await;
        let seen = self.look(call, &mut ledger).await?;
        let mut parts = PlanParts::default();
        let mut basis = Basis::new();
        let mut named = BTreeSet::new();
        for request in want {
            if named.insert(request.target) {
                basis.note(request.target, seen.state(&ledger, &request.target));
                self.sort(request, &seen, &ledger, &mut parts);
            } else {
                let twice = Refusal::new("twice-in-plan", "one plan names a target once");
                parts.refused.push((request, twice));
            }
        }
        Ok(Plan::new(self.name().clone(), basis, parts))
    }

    async fn apply(&self, call: &Call, plan: Plan) -> Applied {
        let applied = self.carry_out(call, plan).await;
        log("apply", self.name(), &applied);
        applied
    }

    async fn release(&self, call: &Call, targets: &[Target], owner: &str) -> Applied {
        let applied = self.give_up(call, targets, owner).await;
        log("release", self.name(), &applied);
        applied
    }

    async fn list(&self, call: &Call) -> Result<Vec<Held>> {
        let mut ledger = self.ledger.lock().await;
        let seen = self.look(call, &mut ledger).await?;
        let now = self.clock.now();
        Ok(seen.held.into_values().map(|held| ledger.merge(held, now)).collect())
    }
}

/// Takes the backend's word on a target out of its answer; none at all is no verdict.
fn said_of(said: &mut BTreeMap<Target, BlockVerdict>, target: &Target) -> BlockVerdict {
    said.remove(target).unwrap_or_else(|| {
        let e = Error::new(Kind::Internal, "the backend gave no verdict");
        BlockVerdict::Failed(e.with_outcome(Outcome::Unknown))
    })
}

fn log(what: &'static str, connector: &ConnectorName, applied: &Applied) {
    for (target, verdict) in &applied.items {
        let reason = verdict.reason();
        let reason = reason.as_deref().unwrap_or_default();
        tracing::info!(%connector, %target, verdict = verdict.as_str(), reason, "block {what}");
    }
}
