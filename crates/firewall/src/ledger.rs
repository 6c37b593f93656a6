use std::collections::{BTreeMap, BTreeSet};

use watchfloor_core::{BlockRequest, Held, LeaseId, Target, Timestamp};

/// What this process did to one device: who claims what, until when, and how sure that is.
///
/// A row is written before the device is called and settled after its answer; what a crash or a
/// dropped call leaves open is settled by the next complete list. It lives as long as the process.
#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeMap<Target, Row>);

#[derive(Debug)]
pub(crate) struct Row {
    /// By owner.
    claims: BTreeMap<String, Claim>,
    /// When the device ends it.
    pub(crate) ends: Ends,
    /// Whether this process put it there.
    made: bool,
    state: State,
    /// What the call that is under way would change.
    next: Option<Change>,
}

#[derive(Debug)]
struct Claim {
    lease: LeaseId,
    /// None: until it is released.
    expires: Option<Timestamp>,
}

#[derive(Debug)]
struct Change {
    owner: String,
    claim: Claim,
    ends: Ends,
}

impl Change {
    fn of(request: &BlockRequest, now: Timestamp) -> Self {
        let expires = request.lease.expires(now);
        Self {
            owner: request.owner.clone(),
            claim: Claim { lease: LeaseId::random(), expires },
            ends: Ends::of(request, now),
        }
    }
}

/// How sure it is that the device holds a row as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A call is under way, or was given up.
    Pending,
    /// The device confirmed it.
    Applied,
    /// The device refused the last change.
    Failed,
    /// Nobody can say yet.
    Unknown,
}

/// When a device ends a block by itself, as far as this process knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Not earlier: the device counts from when the request arrives, this from before it is sent.
    At(Timestamp),
    Never,
    /// Somebody else made it, or it is from before a restart.
    Unknown,
}

impl Ends {
    pub(crate) fn of(request: &BlockRequest, now: Timestamp) -> Self {
        request.lease.expires(now).map_or(Self::Never, Self::At)
    }

    pub(crate) fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Never | Self::Unknown => None,
        }
    }

    /// Whether a block that ends so lasts at least as long as one that ends as `wanted`.
    ///
    /// Of one whose end nobody knows: yes. Replacing what another made could shorten it.
    pub(crate) fn lasts(self, wanted: Self) -> bool {
        match (self, wanted) {
            (Self::Never | Self::Unknown, _) => true,
            (Self::At(at), Self::At(wanted)) => at >= wanted,
            (Self::At(_), Self::Never | Self::Unknown) => false,
        }
    }
}

impl Row {
    fn new(ends: Ends) -> Self {
        Self { claims: BTreeMap::new(), ends, made: false, state: State::Applied, next: None }
    }

    fn live(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let live = move |claim: &Claim| claim.expires.is_none_or(|at| at > now);
        self.claims.iter().filter(move |(_, claim)| live(claim)).map(|(owner, _)| owner.as_str())
    }

    fn claim(&mut self, owner: String, claim: Claim) {
        self.claims.insert(owner, claim);
    }

    /// Everybody who ever claimed it and has not released it, for the basis of a plan.
    pub(crate) fn claimants(&self) -> String {
        let leases = self.claims.iter().map(|(owner, c)| format!("{owner}#{}", c.lease));
        leases.collect::<Vec<_>>().join(",")
    }
}

impl Ledger {
    pub(crate) fn row(&self, target: &Target) -> Option<&Row> {
        self.0.get(target)
    }

    /// Before the device is called to give a target the lease of a request. `held` is how the
    /// device holds it now, if it does.
    pub(crate) fn begin(&mut self, request: &BlockRequest, held: Option<Ends>, now: Timestamp) {
        let held = held.unwrap_or(Ends::Unknown);
        let row = self.0.entry(request.target).or_insert_with(|| Row::new(held));
        row.state = State::Pending;
        row.next = Some(Change::of(request, now));
    }

    /// The owner claims what the device holds already, however it ends.
    pub(crate) fn join(&mut self, request: &BlockRequest, held: Ends, now: Timestamp) {
        let row = self.0.entry(request.target).or_insert_with(|| Row::new(held));
        let change = Change::of(request, now);
        row.claim(change.owner, change.claim);
    }

    /// The device did it.
    pub(crate) fn applied(&mut self, target: &Target) {
        let Some(row) = self.0.get_mut(target) else { return };
        row.state = State::Applied;
        if let Some(change) = row.next.take() {
            row.ends = change.ends;
            row.made = true;
            row.claim(change.owner, change.claim);
        }
    }

    /// The device held it already and changed nothing: the claim stands, the end does not.
    pub(crate) fn joined(&mut self, target: &Target) {
        let Some(row) = self.0.get_mut(target) else { return };
        row.state = State::Applied;
        if let Some(change) = row.next.take() {
            row.claim(change.owner, change.claim);
        }
    }

    /// The device refused the change.
    pub(crate) fn failed(&mut self, target: &Target) {
        if let Some(row) = self.0.get_mut(target) {
            row.state = State::Failed;
            row.next = None;
        }
    }

    /// Nobody can say whether the change took effect.
    pub(crate) fn unknown(&mut self, target: &Target) {
        if let Some(row) = self.0.get_mut(target) {
            row.state = State::Unknown;
        }
    }

    /// Before the device is called to remove it.
    pub(crate) fn removing(&mut self, target: &Target) {
        if let Some(row) = self.0.get_mut(target) {
            row.state = State::Pending;
            row.next = None;
        }
    }

    /// The owner's claim ends, others' stand.
    pub(crate) fn leave(&mut self, target: &Target, owner: &str) {
        if let Some(row) = self.0.get_mut(target) {
            row.claims.remove(owner);
        }
    }

    /// The device does not hold it.
    pub(crate) fn forget(&mut self, target: &Target) {
        self.0.remove(target);
    }

    /// Live claims on a target of others than `owner`.
    pub(crate) fn others(&self, target: &Target, owner: &str, now: Timestamp) -> usize {
        self.row(target).map_or(0, |row| row.live(now).filter(|o| *o != owner).count())
    }

    /// Settles every row against a complete list of what the device holds.
    pub(crate) fn settle(&mut self, held: &[Held]) {
        let held: BTreeSet<Target> = held.iter().map(|h| h.target).collect();
        self.0.retain(|target, _| held.contains(target));
        for row in self.0.values_mut() {
            let Some(change) = row.next.take() else {
                row.state = State::Applied;
                continue;
            };
            // A block that was not there before the call can only be the call's. One that was
            // there may not have been extended: its old end stands.
            if row.ends == Ends::Unknown && !row.made {
                row.ends = change.ends;
                row.made = true;
            }
            row.claim(change.owner, change.claim);
            row.state = State::Applied;
        }
    }

    /// Targets whose claims have all ended.
    pub(crate) fn expired(&self, now: Timestamp) -> Vec<Target> {
        let ended = |row: &Row| !row.claims.is_empty() && row.live(now).next().is_none();
        self.0.iter().filter(|(_, row)| ended(row)).map(|(target, _)| *target).collect()
    }

    /// What the device lists, with what is known here.
    pub(crate) fn merge(&self, mut held: Held, now: Timestamp) -> Held {
        let Some(row) = self.row(&held.target) else { return held };
        let owners = row.live(now).collect::<Vec<_>>().join(", ");
        held.expires = held.expires.or(row.ends.at());
        held.owner = held.owner.or((!owners.is_empty()).then_some(owners));
        held.ours = row.made;
        held
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use watchfloor_core::{Attribution, Lease};

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn request(target: &str, owner: &str, lease: Duration) -> BlockRequest {
        let target = target.parse().unwrap();
        BlockRequest::new(target, Attribution::Peer, Lease::For(lease), "why", owner)
    }

    fn held(target: &str) -> Vec<Held> {
        vec![Held::new(target.parse().unwrap())]
    }

    fn merged(ledger: &Ledger, target: &str, now: Timestamp) -> Held {
        ledger.merge(held(target).remove(0), now)
    }

    #[test]
    fn a_call_given_up_is_settled_by_the_next_list() {
        let now = Timestamp::EPOCH;
        let mut ledger = Ledger::default();
        ledger.begin(&request("203.0.113.1", "soc", HOUR), None, now);
        ledger.begin(&request("203.0.113.2", "soc", HOUR), None, now);
        ledger.settle(&held("203.0.113.1"));
        let there = merged(&ledger, "203.0.113.1", now);
        assert_eq!((there.expires, there.ours), (Some(now.saturating_add(HOUR)), true));
        assert!(ledger.row(&"203.0.113.2".parse().unwrap()).is_none());
    }

    #[test]
    fn an_extension_given_up_keeps_the_old_end() {
        let now = Timestamp::EPOCH;
        let target = "203.0.113.1".parse().unwrap();
        let mut ledger = Ledger::default();
        ledger.begin(&request("203.0.113.1", "soc", HOUR), None, now);
        ledger.applied(&target);
        let end = ledger.row(&target).unwrap().ends;
        ledger.begin(&request("203.0.113.1", "soc", 2 * HOUR), Some(end), now);
        ledger.unknown(&target);
        ledger.settle(&held("203.0.113.1"));
        assert_eq!(ledger.row(&target).unwrap().ends, Ends::At(now.saturating_add(HOUR)));
    }

    #[test]
    fn claims_are_counted_by_owner_and_end_by_themselves() {
        let now = Timestamp::EPOCH;
        let target = "203.0.113.1".parse().unwrap();
        let mut ledger = Ledger::default();
        ledger.begin(&request("203.0.113.1", "a", 2 * HOUR), None, now);
        ledger.applied(&target);
        let end = ledger.row(&target).unwrap().ends;
        ledger.join(&request("203.0.113.1", "b", HOUR), end, now);
        assert_eq!(ledger.others(&target, "a", now), 1);
        assert_eq!(merged(&ledger, "203.0.113.1", now).owner.as_deref(), Some("a, b"));
        let later = now.saturating_add(HOUR);
        assert_eq!(ledger.others(&target, "a", later), 0, "b's claim has ended");
        assert!(ledger.expired(later).is_empty());
        assert_eq!(ledger.expired(later.saturating_add(HOUR)), [target]);
    }

    #[test]
    fn what_another_made_has_no_known_end() {
        let now = Timestamp::EPOCH;
        let target = "203.0.113.1".parse().unwrap();
        let mut ledger = Ledger::default();
        ledger.begin(&request("203.0.113.1", "a", HOUR), None, now);
        ledger.joined(&target);
        ledger.settle(&held("203.0.113.1"));
        let there = merged(&ledger, "203.0.113.1", now);
        assert_eq!((there.expires, there.ours, there.owner.as_deref()), (None, false, Some("a")));
        assert!(Ends::Unknown.lasts(Ends::At(now)));
    }
}
