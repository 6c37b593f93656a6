use std::collections::BTreeMap;

use super::{Admitted, BlockRequest, Held, Refusal, Target};
use crate::ConnectorName;

/// What would be done about a list of requests. Nothing has been written.
///
/// [`Blocklist::apply`](crate::Blocklist::apply) carries out exactly this or says that it is stale
/// (T41). Its parts cannot be changed from outside, and it cannot be applied twice.
#[derive(Debug)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct Plan {
    connector: ConnectorName,
    basis: Basis,
    parts: PlanParts,
}

/// The parts of a [`Plan`]; each request stands in exactly one of them.
#[derive(Debug, Default)]
pub struct PlanParts {
    /// Not held: to be blocked.
    pub add: Vec<Admitted>,
    /// Held for a shorter time: to be extended.
    pub extend: Vec<Admitted>,
    /// Held already, for as long or longer: nothing to do on the device, one claim more.
    pub kept: Vec<(Admitted, Held)>,
    /// Not to be done, and why.
    pub refused: Vec<(BlockRequest, Refusal)>,
}

impl Plan {
    /// A plan for a connector, made on this basis.
    pub fn new(connector: ConnectorName, basis: Basis, parts: PlanParts) -> Self {
        Self { connector, basis, parts }
    }

    /// The connector it is for.
    pub fn connector(&self) -> &ConnectorName {
        &self.connector
    }

    /// What would be blocked.
    pub fn add(&self) -> &[Admitted] {
        &self.parts.add
    }

    /// What is held and would be held longer.
    pub fn extend(&self) -> &[Admitted] {
        &self.parts.extend
    }

    /// What is held long enough already, with what holds it.
    pub fn kept(&self) -> &[(Admitted, Held)] {
        &self.parts.kept
    }

    /// What would not be done, and why.
    pub fn refused(&self) -> &[(BlockRequest, Refusal)] {
        &self.parts.refused
    }

    /// What the plan was made on.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Whether applying it would change nothing on the device.
    pub fn is_noop(&self) -> bool {
        self.parts.add.is_empty() && self.parts.extend.is_empty()
    }

    /// Every target it names, refused ones included.
    pub fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        let parts = &self.parts;
        let admitted = parts.add.iter().chain(&parts.extend);
        admitted
            .chain(parts.kept.iter().map(|(admitted, _)| admitted))
            .map(Admitted::target)
            .chain(parts.refused.iter().map(|(request, _)| request.target))
    }

    /// Takes it apart, to be carried out.
    pub fn into_parts(self) -> (Basis, PlanParts) {
        (self.basis, self.parts)
    }
}

/// What was true of each target when a plan was made: the plan is stale when that has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis(BTreeMap<Target, String>);

impl Basis {
    /// Nothing noted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes what is true of a target, in words that are equal only if it is the same.
    pub fn note(&mut self, target: Target, state: impl Into<String>) {
        self.0.insert(target, state.into());
    }

    /// The first target of which something else is true now, with what was and what is.
    pub fn changed<'a>(&'a self, now: &'a Self) -> Option<(Target, &'a str, &'a str)> {
        self.0.iter().find_map(|(target, was)| {
            let is = now.0.get(target).map_or("unknown", String::as_str);
            (was != is).then_some((*target, was.as_str(), is))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basis_says_what_changed() {
        let target: Target = "203.0.113.7".parse().unwrap();
        let (mut then, mut now) = (Basis::new(), Basis::new());
        then.note(target, "free");
        assert_eq!(then.changed(&now), Some((target, "free", "unknown")));
        now.note(target, "held");
        now.note("203.0.113.8".parse().unwrap(), "held");
        assert_eq!(then.changed(&now), Some((target, "free", "held")));
        now.note(target, "free");
        assert_eq!(then.changed(&now), None);
    }
}
