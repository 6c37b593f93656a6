use serde::Serialize;

use crate::{Error, Outcome};

/// So many reasons are told apart; the rest are counted together.
const MAX_CAUSES: usize = 16;

/// What became of everything that was taken in.
///
/// Serialised as `{"sent":N,"delivered":N,"rejected":N,"unknown":N}`.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Taken in: delivered + rejected + unknown.
    pub sent: u64,
    /// Arrived.
    pub delivered: u64,
    /// Refused, no event, or not sent.
    pub rejected: u64,
    /// Nobody can say.
    pub unknown: u64,
    /// Why events were not delivered, the first reasons first.
    #[serde(skip)]
    pub causes: Vec<Cause>,
    /// Why no more input was taken, where the dead letter failed.
    #[serde(skip)]
    pub fault: Option<Error>,
}

/// A reason and how many events it met.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cause {
    /// What became of them.
    pub outcome: Outcome,
    /// Why; empty for all the reasons beyond the first few.
    pub reason: String,
    /// How many.
    pub count: u64,
}

impl Summary {
    pub(super) fn note(&mut self, outcome: Outcome, reason: &str) {
        let known = |c: &&mut Cause| c.outcome == outcome && c.reason == reason;
        if let Some(cause) = self.causes.iter_mut().find(known) {
            cause.count += 1;
        } else if self.causes.len() < MAX_CAUSES {
            self.causes.push(Cause { outcome, reason: reason.to_owned(), count: 1 });
        } else if reason.is_empty() {
            self.causes.push(Cause { outcome, reason: String::new(), count: 1 });
        } else {
            self.note(outcome, "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_bounded_and_still_add_up() {
        let mut summary = Summary::default();
        for i in 0..1000 {
            summary.note(Outcome::Rejected, &format!("field {}", i % 500));
            summary.note(Outcome::Unknown, "no answer");
        }
        assert!(summary.causes.len() <= MAX_CAUSES + 4);
        assert_eq!(summary.causes.iter().map(|c| c.count).sum::<u64>(), 2000);
        assert_eq!(summary.causes[1].count, 1000);
    }

    #[test]
    fn its_json_is_the_four_numbers() {
        let summary =
            Summary { sent: 3, delivered: 1, rejected: 1, unknown: 1, ..Summary::default() };
        assert_eq!(
            serde_json::to_string(&summary).unwrap(),
            r#"{"sent":3,"delivered":1,"rejected":1,"unknown":1}"#
        );
    }
}
