use std::collections::{BTreeMap, BTreeSet};

use watchfloor_core::block::{
    Admitted, Applied, Basis, BlockBackend, BlockVerdict, Plan, PlanParts, Refusal,
};
use watchfloor_core::{Call, Connector as _, Error, Kind, Outcome, Target};

use super::look::Seen;
use super::{Controller, said_of};
use crate::ledger::{Ends, Ledger};

/// The two calls of a backend that give leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Add,
    Extend,
}

/// A call without a verdict is tried once more, after a look-up.
const ROUNDS: usize = 2;

impl<B: BlockBackend> Controller<B> {
    pub(super) async fn carry_out(&self, call: &Call, plan: Plan) -> Applied {
        let targets: Vec<Target> = plan.targets().collect();
        if plan.connector() != self.name() {
            let why = format!("the plan is for {}", plan.connector());
            let refusal = Refusal::new("other-connector", why);
            return verdicts(targets, &BlockVerdict::Refused(refusal));
        }
        let mut ledger = self.ledger.lock().await;
        let seen = match self.look(call, &mut ledger).await {
            Ok(seen) => seen,
            Err(e) => return Applied::failed(targets, e.with_outcome(Outcome::NotSent)),
        };
        let (basis, parts) = plan.into_parts();
        let mut now = Basis::new();
        for target in &targets {
            now.note(*target, seen.state(&ledger, target));
        }
        if let Some((target, was, is)) = basis.changed(&now) {
            let mut stale = verdicts(targets, &BlockVerdict::StalePlan);
            let what = format!("{target} was {was} when it was planned and is {is} now");
            stale.cause = Some(Error::new(Kind::Conflict, what).with_connector(self.name()));
            return stale;
        }
        self.carry_out_parts(call, parts, &seen, &mut ledger).await
    }

    async fn carry_out_parts(
        &self,
        call: &Call,
        parts: PlanParts,
        seen: &Seen,
        ledger: &mut Ledger,
    ) -> Applied {
        let mut applied = Applied::new();
        for (request, refusal) in parts.refused {
            applied.push(request.target, BlockVerdict::Refused(refusal));
        }
        // Every rule is asked again before the first call: what changed since the plan counts.
        let add = self.readmit(parts.add, seen, &mut applied);
        let extend = self.readmit(parts.extend, seen, &mut applied);
        let kept = parts.kept.into_iter().map(|(admitted, _)| admitted).collect();
        for admitted in self.readmit(kept, seen, &mut applied) {
            let target = admitted.target();
            let ends = seen.ends(ledger, &target).unwrap_or(Ends::Unknown);
            ledger.join(admitted.request(), ends, self.clock.now());
            applied.push(target, BlockVerdict::AlreadyPresent);
            if let Some(at) = ends.at() {
                applied.set_expires(target, at);
            }
        }
        applied.merge(self.give(call, Step::Add, add, seen, ledger).await);
        applied.merge(self.give(call, Step::Extend, extend, seen, ledger).await);
        applied
    }

    fn readmit(&self, items: Vec<Admitted>, seen: &Seen, applied: &mut Applied) -> Vec<Admitted> {
        let mut good = Vec::with_capacity(items.len());
        for admitted in items {
            match self.guard.readmit(&admitted, &seen.facts, self.clock.now()) {
                Ok(()) => good.push(admitted),
                Err(refusal) => applied.push(admitted.target(), BlockVerdict::Refused(refusal)),
            }
        }
        good
    }

    /// Gives leases: ledger, device, read-back; what has no verdict then is given once more.
    async fn give(
        &self,
        call: &Call,
        step: Step,
        mut items: Vec<Admitted>,
        seen: &Seen,
        ledger: &mut Ledger,
    ) -> Applied {
        let mut applied = Applied::new();
        for round in 1..=ROUNDS {
            if items.is_empty() {
                break;
            }
            let now = self.clock.now();
            for item in &items {
                ledger.begin(item.request(), seen.ends(ledger, &item.target()), now);
            }
            let answer = match step {
                Step::Add => self.backend.add(call, &items).await,
                Step::Extend => self.backend.extend(call, &items).await,
            };
            applied.cause = answer.cause;
            let mut said: BTreeMap<_, _> = answer.items.into_iter().collect();
            for item in &items {
                note(ledger, &item.target(), said.get(&item.target()));
            }
            let held = match self.backend.list(call).await {
                Ok(held) => held,
                Err(e) => {
                    // Not read back: the device's word stands, as far as it goes.
                    applied.cause = applied.cause.take().or(Some(e));
                    for target in items.iter().map(Admitted::target) {
                        finish(&mut applied, ledger, target, said_of(&mut said, &target));
                    }
                    return applied;
                }
            };
            ledger.settle(&held);
            let held: BTreeSet<Target> = held.iter().map(|h| h.target).collect();
            let mut open = Vec::new();
            for item in items {
                let target = item.target();
                let said = said_of(&mut said, &target);
                let verdict = match settled(step, said, held.contains(&target)) {
                    Settled::Open(_) if round < ROUNDS => {
                        open.push(item);
                        continue;
                    }
                    Settled::Open(e) => BlockVerdict::Failed(e),
                    Settled::Is(verdict) => verdict,
                };
                finish(&mut applied, ledger, target, verdict);
            }
            items = open;
        }
        applied
    }
}

fn verdicts(targets: Vec<Target>, verdict: &BlockVerdict) -> Applied {
    let mut applied = Applied::new();
    for target in targets {
        applied.push(target, verdict.clone());
    }
    applied
}

fn note(ledger: &mut Ledger, target: &Target, verdict: Option<&BlockVerdict>) {
    match verdict {
        Some(BlockVerdict::Enforced | BlockVerdict::Accepted) => ledger.applied(target),
        Some(BlockVerdict::AlreadyPresent) => ledger.joined(target),
        Some(v) if v.outcome() != Outcome::Unknown => ledger.failed(target),
        _ => ledger.unknown(target),
    }
}

/// Whether an item has its verdict.
enum Settled {
    Is(BlockVerdict),
    /// The look-up shows that it may be tried once more; this is what it is if it may not.
    Open(Error),
}

/// What the device said, corrected by what it lists.
fn settled(step: Step, said: BlockVerdict, held: bool) -> Settled {
    let verdict = match said {
        BlockVerdict::Accepted | BlockVerdict::Enforced if held => BlockVerdict::Enforced,
        BlockVerdict::Accepted | BlockVerdict::Enforced | BlockVerdict::AlreadyPresent if !held => {
            let e = Error::new(Kind::Protocol, "the device took it and does not list it");
            BlockVerdict::Failed(e.with_outcome(Outcome::Rejected))
        }
        BlockVerdict::Failed(e) if e.outcome() == Outcome::Unknown => match (step, held) {
            // It was free before the call: what is there now is the call's.
            (Step::Add, true) => BlockVerdict::Enforced,
            (Step::Add | Step::Extend, false) => {
                return Settled::Open(e.with_outcome(Outcome::NotSent));
            }
            // It was held before: that it is held says nothing of its end.
            (Step::Extend, true) => return Settled::Open(e),
        },
        other => other,
    };
    Settled::Is(verdict)
}

fn finish(applied: &mut Applied, ledger: &Ledger, target: Target, verdict: BlockVerdict) {
    if verdict.outcome() == Outcome::Applied
        && let Some(at) = ledger.row(&target).and_then(|row| row.ends.at())
    {
        applied.set_expires(target, at);
    }
    applied.push(target, verdict);
}
