//! The verdicts of a batch: total, the rest, and the exceptions.

use std::sync::Arc;

use crate::{Error, Outcome};

/// What became of each event of a batch.
///
/// Batch calls never return `Err`: no `?` can lose the verdicts of a first half (T36). Only
/// exceptions are stored, so the happy path allocates nothing.
#[derive(Debug)]
#[must_use = "it holds the verdict of every event of the batch"]
pub struct Delivery {
    total: u32,
    rest: Outcome,
    except: Vec<Exception>,
    cause: Option<Error>,
}

/// The verdict of one event that differs from the rest, or that carries a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exception {
    /// Position in the batch.
    pub index: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in the other side's words where it has some; no secret, no document.
    pub reason: Arc<str>,
}

impl Delivery {
    /// Every event of the batch with the same outcome.
    pub fn all(total: usize, outcome: Outcome) -> Self {
        Self { total: size(total), rest: outcome, except: Vec::new(), cause: None }
    }

    /// Every event with the outcome of one failure.
    pub fn failed(total: usize, cause: Error) -> Self {
        Self { total: size(total), rest: cause.outcome(), except: Vec::new(), cause: Some(cause) }
    }

    /// Sets one event's verdict. The last word about an index wins.
    pub fn except(&mut self, index: usize, outcome: Outcome, reason: impl Into<Arc<str>>) {
        debug_assert!(index < self.total as usize, "index {index} of {}", self.total);
        let exception = Exception { index: size(index), outcome, reason: reason.into() };
        match self.except.binary_search_by_key(&exception.index, |e| e.index) {
            Ok(at) => self.except[at] = exception,
            Err(at) => self.except.insert(at, exception),
        }
    }

    /// Names the failure behind the verdicts.
    pub fn with_cause(mut self, cause: Error) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Takes the verdicts of a part of the batch: event `i` of `part` is `indices[i]` of this one.
    pub fn merge(&mut self, part: Self, indices: &[u32]) {
        debug_assert_eq!(part.total as usize, indices.len());
        let mut exceptions = part.except.into_iter().peekable();
        for (i, &index) in indices.iter().enumerate() {
            match exceptions.next_if(|e| e.index as usize == i) {
                Some(e) => self.except(index as usize, e.outcome, e.reason),
                None if part.rest == self.rest => {
                    if let Ok(at) = self.except.binary_search_by_key(&index, |e| e.index) {
                        self.except.remove(at);
                    }
                }
                None => {
                    let reason = part.cause.as_ref().map_or_else(String::new, ToString::to_string);
                    self.except(index as usize, part.rest, reason);
                }
            }
        }
        if part.cause.is_some() {
            self.cause = part.cause;
        }
    }

    /// How many events the batch had.
    pub fn total(&self) -> usize {
        self.total as usize
    }

    /// What became of the event at `index`.
    pub fn outcome(&self, index: usize) -> Outcome {
        self.exception(index).map_or(self.rest, |e| e.outcome)
    }

    /// Why the event at `index` has its outcome, where that is known.
    pub fn reason(&self, index: usize) -> Option<Arc<str>> {
        match self.exception(index) {
            Some(e) => (!e.reason.is_empty()).then(|| e.reason.clone()),
            None => self.cause.as_ref().map(|c| c.to_string().into()),
        }
    }

    fn exception(&self, index: usize) -> Option<&Exception> {
        let at = self.except.binary_search_by_key(&size(index), |e| e.index).ok()?;
        self.except.get(at)
    }

    /// The exceptions, in order of their index.
    pub fn exceptions(&self) -> &[Exception] {
        &self.except
    }

    /// What became of every event that is no exception.
    pub fn rest(&self) -> Outcome {
        self.rest
    }

    /// The failure behind the verdicts, if there was one.
    pub fn cause(&self) -> Option<&Error> {
        self.cause.as_ref()
    }

    /// The verdicts counted; they add up to [`total`](Self::total).
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        counts.add(self.rest, u64::from(self.total) - self.except.len() as u64);
        for e in &self.except {
            counts.add(e.outcome, 1);
        }
        counts
    }
}

fn size(n: usize) -> u32 {
    u32::try_from(n).expect("a batch has fewer than 2^32 events")
}

/// Verdicts, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Took effect.
    pub applied: u64,
    /// Seen and refused by the other side.
    pub rejected: u64,
    /// Never left.
    pub not_sent: u64,
    /// Nobody can say.
    pub unknown: u64,
}

impl Counts {
    /// Counts `n` more with this outcome.
    pub fn add(&mut self, outcome: Outcome, n: u64) {
        *match outcome {
            Outcome::Applied => &mut self.applied,
            Outcome::Rejected => &mut self.rejected,
            Outcome::NotSent => &mut self.not_sent,
            Outcome::Unknown => &mut self.unknown,
        } += n;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.applied + self.rejected + self.not_sent + self.unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn counts_add_up() {
        let mut d = Delivery::all(5, Outcome::Applied);
        d.except(3, Outcome::Rejected, "mapping");
        d.except(1, Outcome::Unknown, "");
        d.except(3, Outcome::Unknown, "later");
        let c = d.counts();
        assert_eq!((c.applied, c.unknown, c.total()), (3, 2, 5));
        assert_eq!(d.reason(3).as_deref(), Some("later"));
    }

    #[test]
    fn t36_a_failed_second_half_keeps_the_first_half_s_verdicts() {
        let mut whole = Delivery::all(4, Outcome::Applied);
        whole.except(0, Outcome::Rejected, "bad");
        let failed = Delivery::failed(
            2,
            Error::new(Kind::Timeout, "no answer").with_outcome(Outcome::Unknown),
        );
        whole.merge(failed, &[2, 3]);
        let outcomes: Vec<_> = (0..4).map(|i| whole.outcome(i)).collect();
        use Outcome::{Applied, Rejected, Unknown};
        assert_eq!(outcomes, [Rejected, Applied, Unknown, Unknown]);
        assert!(whole.cause().is_some());
    }

    #[test]
    fn a_retried_part_replaces_its_verdicts() {
        let mut whole = Delivery::all(3, Outcome::Applied);
        whole.except(1, Outcome::NotSent, "429");
        whole.merge(Delivery::all(1, Outcome::Applied), &[1]);
        assert_eq!(whole.counts().applied, 3);
        assert!(whole.exceptions().is_empty());
    }
}
