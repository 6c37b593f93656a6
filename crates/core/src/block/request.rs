use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Target;
use crate::{Attribution, Timestamp};

/// What to block, for how long, and why. Storable; what comes back out of storage is guarded again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlockRequest {
    /// What to block.
    pub target: Target,
    /// How it is known that the target is who did it. A person who names it vouches for it:
    /// [`Attribution::Attested`].
    pub attribution: Attribution,
    /// For how long. Never absent: an absent expiry must not mean for ever (T23).
    pub lease: Lease,
    /// What to do to it.
    #[serde(default)]
    pub measure: Measure,
    /// Why, for people.
    pub reason: String,
    /// Who claims the block; it ends when nobody claims it any more.
    pub owner: String,
    /// What it is based on: ids of alerts, tickets, log lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

impl BlockRequest {
    /// A plain block without evidence.
    pub fn new(
        target: Target,
        attribution: Attribution,
        lease: Lease,
        reason: impl Into<String>,
        owner: impl Into<String>,
    ) -> Self {
        Self {
            target,
            attribution,
            lease,
            measure: Measure::Block,
            reason: reason.into(),
            owner: owner.into(),
            evidence: Vec::new(),
        }
    }

    /// The same with another measure.
    pub fn with_measure(mut self, measure: Measure) -> Self {
        self.measure = measure;
        self
    }

    /// The same with one more piece of evidence.
    pub fn with_evidence(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }
}

/// How long a block lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Lease {
    /// So long from the moment it is applied; stored in milliseconds.
    #[serde(rename = "for_ms", with = "millis")]
    For(Duration),
    /// Until it is released. The guard refuses it unless the configuration allows it.
    #[serde(rename = "permanent")]
    Permanent,
}

impl Lease {
    /// When it ends if it begins at `now`; `None` for a permanent one.
    pub fn expires(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::For(ttl) => Some(now.saturating_add(ttl)),
            Self::Permanent => None,
        }
    }
}

/// What is done to a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// Its traffic is dropped.
    #[default]
    Block,
    /// What exceeds a rate is answered with a status.
    Throttle {
        /// Requests let through …
        n: u32,
        /// … in each such time; stored in milliseconds.
        #[serde(rename = "per_ms", with = "millis")]
        per: Duration,
        /// The HTTP status of the others, as a rule 429.
        status: u16,
    },
    /// It must prove first that it is no machine.
    Challenge,
}

impl Measure {
    /// The measure in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Throttle { .. } => "throttle",
            Self::Challenge => "challenge",
        }
    }
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_request_comes_back_the_same() {
        let throttle = Measure::Throttle { n: 5, per: Duration::from_mins(1), status: 429 };
        let request = BlockRequest::new(
            "203.0.113.7".parse().unwrap(),
            Attribution::Peer,
            Lease::For(Duration::from_hours(1)),
            "credential stuffing",
            "soc",
        )
        .with_measure(throttle)
        .with_evidence("wf-1");
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(
            json,
            r#"{"target":"203.0.113.7","attribution":"peer","lease":{"for_ms":3600000},"#
                .to_owned()
                + r#""measure":{"throttle":{"n":5,"per_ms":60000,"status":429}},"#
                + r#""reason":"credential stuffing","owner":"soc","evidence":["wf-1"]}"#
        );
        assert_eq!(serde_json::from_str::<BlockRequest>(&json).unwrap(), request);
    }

    #[test]
    fn t23_an_absent_lease_is_an_error_and_permanent_must_be_said() {
        let read = |lease: &str| {
            serde_json::from_str::<BlockRequest>(&format!(
                r#"{{"target":"203.0.113.7","attribution":"peer"{lease},"reason":"","owner":"x"}}"#
            ))
        };
        assert!(read("").is_err());
        assert!(read(r#","lease":null"#).is_err());
        assert_eq!(read(r#","lease":"permanent""#).unwrap().lease, Lease::Permanent);
    }
}
