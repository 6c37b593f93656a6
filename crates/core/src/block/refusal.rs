use std::fmt;

use serde::Serialize;

use super::{BadTarget, Target};
use crate::{Error, Kind};

/// Why a block is not done: the rule, and what it matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The rule's name, as in [`Guard::RULES`](super::Guard::RULES).
    pub rule: &'static str,
    /// The network that the target ran into, where there is one.
    pub by: Option<Target>,
    /// The rest of the sentence, for people.
    pub why: String,
}

impl Refusal {
    /// A refusal by a rule that matched no network.
    pub fn new(rule: &'static str, why: impl Into<String>) -> Self {
        Self { rule, by: None, why: why.into() }
    }

    /// The same, with the network that was matched.
    pub fn by(mut self, network: Target) -> Self {
        self.by = Some(network);
        self
    }
}

impl fmt::Display for Refusal {
    /// `never-block.resolver: overlaps 192.0.2.53, a resolver of this host`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.rule)?;
        match &self.by {
            Some(network) => write!(f, "overlaps {network}, {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl From<BadTarget> for Refusal {
    fn from(bad: BadTarget) -> Self {
        Self::new("canonical-target", bad.to_string())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(Kind::Refused, refusal.to_string())
    }
}
