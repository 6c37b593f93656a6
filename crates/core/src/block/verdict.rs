use std::collections::BTreeMap;

use serde::Serialize;

use super::{Refusal, Target};
use crate::{Error, Outcome, Timestamp};

/// What became of each target of a plan, or of a release.
#[derive(Debug, Default)]
#[must_use = "it holds the verdict of every target"]
#[non_exhaustive]
pub struct Applied {
    /// A verdict per target.
    pub items: Vec<(Target, BlockVerdict)>,
    /// The failure behind the verdicts, if there was one.
    pub cause: Option<Error>,
    expires: BTreeMap<Target, Timestamp>,
}

impl Applied {
    /// No verdict yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One failure for all of them.
    pub fn failed(targets: impl IntoIterator<Item = Target>, cause: Error) -> Self {
        let failed = |t| (t, BlockVerdict::Failed(cause.clone()));
        let items = targets.into_iter().map(failed).collect();
        Self { items, cause: Some(cause), expires: BTreeMap::new() }
    }

    /// Adds the verdict of a target.
    pub fn push(&mut self, target: Target, verdict: BlockVerdict) {
        self.items.push((target, verdict));
    }

    /// Adds all verdicts of another; its cause stands where this has none.
    pub fn merge(&mut self, other: Self) {
        self.items.extend(other.items);
        self.expires.extend(other.expires);
        self.cause = self.cause.take().or(other.cause);
    }

    /// Says when a target's block ends.
    pub fn set_expires(&mut self, target: Target, at: Timestamp) {
        self.expires.insert(target, at);
    }

    /// When a target's block ends, at the earliest; `None` where that is not known.
    pub fn expires(&self, target: &Target) -> Option<Timestamp> {
        self.expires.get(target).copied()
    }

    /// The verdict of a target; the last one where there are several.
    pub fn verdict(&self, target: &Target) -> Option<&BlockVerdict> {
        self.items.iter().rev().find(|(t, _)| t == target).map(|(_, verdict)| verdict)
    }

    /// Whether every target is as it was wanted.
    pub fn is_good(&self) -> bool {
        self.items.iter().all(|(_, verdict)| verdict.outcome() == Outcome::Applied)
    }
}

/// What became of one target.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BlockVerdict {
    /// The device holds it: read back.
    Enforced,
    /// The device took it, and nobody could read it back yet.
    Accepted,
    /// The device held it already; its expiry is not changed.
    AlreadyPresent,
    /// The device holds it no longer.
    Released,
    /// The device did not hold it.
    NotPresent,
    /// One claim is given up; others still claim the block.
    StillClaimed {
        /// How many.
        owners: usize,
    },
    /// Released, and still blocked as part of a network that is held.
    StillCovered {
        /// The network.
        by: Target,
    },
    /// A rule refuses it.
    Refused(Refusal),
    /// What the plan was made on has changed; nothing of it was done.
    StalePlan,
    /// It failed; the error's outcome says whether it may have taken effect.
    Failed(Error),
}

impl BlockVerdict {
    /// The verdict in one word, as the program prints it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Accepted => "accepted",
            Self::AlreadyPresent => "already_present",
            Self::Released => "released",
            Self::NotPresent => "not_present",
            Self::StillClaimed { .. } => "still_claimed",
            Self::StillCovered { .. } => "still_covered",
            Self::Refused(_) => "refused",
            Self::StalePlan => "stale_plan",
            Self::Failed(e) if e.outcome() == Outcome::Unknown => "unknown",
            Self::Failed(_) => "failed",
        }
    }

    /// What it says of the effect that was wanted.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Enforced
            | Self::Accepted
            | Self::AlreadyPresent
            | Self::Released
            | Self::NotPresent
            | Self::StillClaimed { .. } => Outcome::Applied,
            Self::Refused(_) | Self::StillCovered { .. } => Outcome::Rejected,
            Self::StalePlan => Outcome::NotSent,
            // A failure is no success, whatever the error says of its own effect.
            Self::Failed(e) if e.outcome() == Outcome::Applied => Outcome::Unknown,
            Self::Failed(e) => e.outcome(),
        }
    }

    /// Why, where it is not what was wanted.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(refusal.to_string()),
            Self::StillCovered { by } => Some(format!("part of {by}, which is blocked")),
            Self::StillClaimed { owners } => Some(format!("{owners} more claim it")),
            Self::StalePlan => Some("what the plan was made on has changed".to_owned()),
            Self::Failed(e) => Some(e.to_string()),
            _ => None,
        }
    }
}

/// A block that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Held {
    /// What is blocked.
    pub target: Target,
    /// When it ends; `None` where nobody knows, or it does not end.
    pub expires: Option<Timestamp>,
    /// Who claims it; several are separated by a comma.
    pub owner: Option<String>,
    /// Whether this process made it; else it is another's, or from before a restart.
    pub ours: bool,
}

impl Held {
    /// A block that is there, of which no more is known.
    pub fn new(target: Target) -> Self {
        Self { target, expires: None, owner: None, ours: false }
    }

    /// The same, ending then.
    pub fn until(mut self, expires: Option<Timestamp>) -> Self {
        self.expires = expires;
        self
    }

    /// The same, claimed by this process for `owner`.
    pub fn ours(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self.ours = true;
        self
    }
}
