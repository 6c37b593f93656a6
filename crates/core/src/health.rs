//! What `check` says of a connector.

use serde::Serialize;

use crate::{Error, Kind};

/// A stage of a check, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// The configuration makes sense.
    Configured,
    /// The connection is encrypted, and the other side is who the URL says. Not looked at where
    /// the URL is plain http, or where no connection comes about at all.
    Tls,
    /// Something speaks the protocol there.
    Reachable,
    /// The credential is accepted.
    Authenticated,
    /// The credential may do what the connector is for.
    Authorised,
    /// It works, and something about it should be looked at.
    Degraded,
}

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
#[non_exhaustive]
pub enum State {
    /// It works.
    Good {
        /// What was seen.
        seen: String,
    },
    /// It does not.
    Bad {
        /// Why.
        why: String,
        /// What to do about it.
        fix: String,
    },
    /// Only a write could tell, or an earlier stage failed. Not a failure by itself.
    Unknown {
        /// Why nobody can say.
        why: String,
    },
}

/// What works and what does not, stage by stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// The stages that were looked at, in order.
    pub stages: Vec<(Stage, State)>,
}

impl Health {
    /// Nothing looked at yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A stage that works.
    pub fn good(mut self, stage: Stage, seen: impl Into<String>) -> Self {
        self.stages.push((stage, State::Good { seen: seen.into() }));
        self
    }

    /// A stage that does not work.
    pub fn bad(mut self, stage: Stage, why: impl Into<String>, fix: impl Into<String>) -> Self {
        self.stages.push((stage, State::Bad { why: why.into(), fix: fix.into() }));
        self
    }

    /// A stage of which nobody can say.
    pub fn unknown(mut self, stage: Stage, why: impl Into<String>) -> Self {
        self.stages.push((stage, State::Unknown { why: why.into() }));
        self
    }

    /// What the failure of the one read that a check makes says of each stage.
    ///
    /// `authorise` says what to grant, for the case that the credential is good and not allowed.
    pub fn of_error(error: &Error, authorise: &str) -> Self {
        let why = error.to_string();
        let answered = "it answered";
        if error.context("stage") == Some("tls") {
            return Self::new().bad(
                Stage::Tls,
                why,
                "ca_file adds the issuer of its certificate, client_cert names us; else the \
                 certificate must be renewed, or the URL use the name that stands in it",
            );
        }
        match error.kind() {
            Kind::Config => Self::new().bad(Stage::Configured, why, "correct the configuration"),
            Kind::Unauthenticated => Self::new().good(Stage::Reachable, answered).bad(
                Stage::Authenticated,
                why,
                "check the credential that is configured",
            ),
            Kind::Forbidden => Self::new()
                .good(Stage::Reachable, answered)
                .good(Stage::Authenticated, "the credential is known")
                .bad(Stage::Authorised, why, authorise),
            Kind::Timeout | Kind::Unavailable => Self::new().bad(
                Stage::Reachable,
                why,
                "check the address, the network and that the service runs",
            ),
            Kind::NotFound | Kind::Protocol => Self::new().bad(
                Stage::Reachable,
                why,
                "check that the URL is that of the product's API",
            ),
            Kind::RateLimited => Self::new().good(Stage::Reachable, answered).bad(
                Stage::Degraded,
                why,
                "lower requests_per_second, or ask for a higher limit",
            ),
            _ => Self::new().good(Stage::Reachable, answered).bad(
                Stage::Degraded,
                why,
                "see the message",
            ),
        }
    }

    /// The check of a connector whose one read says it all.
    pub fn of<T>(read: crate::Result<T>, seen: &str, authorise: &str) -> Self {
        match read {
            Ok(_) => Self::new()
                .good(Stage::Reachable, seen)
                .good(Stage::Authenticated, "the credential is accepted")
                .good(Stage::Authorised, "the read that was tried is allowed"),
            Err(e) => Self::of_error(&e, authorise),
        }
    }

    /// Whether no stage failed.
    pub fn is_good(&self) -> bool {
        !self.stages.iter().any(|(_, state)| matches!(state, State::Bad { .. }))
    }

    /// The first stage that failed.
    pub fn failure(&self) -> Option<(Stage, &str)> {
        self.stages.iter().find_map(|(stage, state)| match state {
            State::Bad { why, .. } => Some((*stage, why.as_str())),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreachable_unauthenticated_and_forbidden_differ() {
        let stage =
            |kind| Health::of_error(&Error::new(kind, "x"), "grant it").failure().map(|(s, _)| s);
        assert_eq!(stage(Kind::Unavailable), Some(Stage::Reachable));
        assert_eq!(stage(Kind::Unauthenticated), Some(Stage::Authenticated));
        assert_eq!(stage(Kind::Forbidden), Some(Stage::Authorised));
        let tls = Error::new(Kind::Unavailable, "x").with("stage", "tls");
        let health = Health::of_error(&tls, "grant it");
        assert_eq!(health.failure().map(|(s, _)| s), Some(Stage::Tls));
        assert_eq!(health.stages.len(), 1, "what comes after it was not looked at");
        assert!(Health::new().unknown(Stage::Authorised, "only a write can tell").is_good());
    }
}
