//! Stores with one fault each must break the promise that it is about; the honest one keeps all.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use watchfloor_core::{Error, Kind, Outcome, Result, Store, Write, async_trait};

use super::{StoreWorld, report, worlds};
use crate::conformance::Report;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    DropsExpectations,
    LooksAtTheFirstExpectationAlone,
    ExpectsInItsTurn,
    TakesNoneForEmpty,
    KeepsTheFirstHalf,
    ComparesThenSets,
    IsHalfDoneWhenDropped,
    RangesToTheEnd,
    RangesBackwards,
    IgnoresTheLimit,
    PanicsOnABackwardRange,
    MixesSpaces,
    JoinsSpaceAndKey,
    KeepsWhatIsTakenOut,
    KeepsTheFirstOfTwo,
    ReadsTextKeys,
    CutsLargeValues,
    ReadsOldValues,
    LosesTheLastOnReopening,
    LosesAllOnReopening,
    SaysInternal,
    SaysUnknown,
    RefusesNothing,
}

type Entries = BTreeMap<(String, Vec<u8>), Bytes>;

#[derive(Debug, Default)]
struct Held {
    now: Entries,
    /// Before the last commit.
    before: Entries,
}

/// A store in memory with a flaw; its data outlives it.
#[derive(Clone, Debug)]
struct Broken {
    flaw: Flaw,
    held: Arc<Mutex<Held>>,
}

impl Broken {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    fn place(&self, space: &str, key: &[u8]) -> (String, Vec<u8>) {
        let key = match self.flaw {
            Flaw::ReadsTextKeys => String::from_utf8_lossy(key).into_owned().into_bytes(),
            Flaw::JoinsSpaceAndKey => return (String::new(), [space.as_bytes(), key].concat()),
            _ => key.to_vec(),
        };
        let space = if self.flaw == Flaw::MixesSpaces { "" } else { space };
        (space.to_owned(), key)
    }

    fn holds(&self, entries: &Entries, write: &Write) -> bool {
        let Write::Expect { space, key, value } = write else { return true };
        let there = entries.get(&self.place(space, key));
        match self.flaw {
            Flaw::DropsExpectations => true,
            Flaw::TakesNoneForEmpty => {
                there.cloned().unwrap_or_default() == value.clone().unwrap_or_default()
            }
            _ => there == value.as_ref(),
        }
    }

    fn apply(&self, entries: &mut Entries, write: &Write) {
        match write {
            Write::Put { space, key, value } => {
                let most = if self.flaw == Flaw::CutsLargeValues { 65_536 } else { usize::MAX };
                let value = value.slice(..value.len().min(most));
                entries.insert(self.place(space, key), value);
            }
            Write::Delete { space, key } if self.flaw != Flaw::KeepsWhatIsTakenOut => {
                entries.remove(&self.place(space, key));
            }
            _ => {}
        }
    }

    fn conflict(&self) -> Error {
        let kind = if self.flaw == Flaw::SaysInternal { Kind::Internal } else { Kind::Conflict };
        let unknown = self.flaw == Flaw::SaysUnknown;
        let outcome = if unknown { Outcome::Unknown } else { Outcome::Rejected };
        Error::new(kind, "another value").with_outcome(outcome)
    }

    fn expected(&self, entries: &Entries, writes: &[Write]) -> bool {
        let mut expectations = writes.iter().filter(|w| matches!(w, Write::Expect { .. }));
        match self.flaw {
            Flaw::LooksAtTheFirstExpectationAlone => {
                expectations.next().is_none_or(|first| self.holds(entries, first))
            }
            Flaw::ExpectsInItsTurn => {
                let mut entries = entries.clone();
                writes.iter().all(|write| {
                    let holds = self.holds(&entries, write);
                    self.apply(&mut entries, write);
                    holds
                })
            }
            _ => expectations.all(|write| self.holds(entries, write)),
        }
    }
}

#[async_trait]
impl Store for Broken {
    async fn get(&self, space: &'static str, key: &[u8]) -> Result<Option<Bytes>> {
        let held = self.lock();
        let entries = if self.flaw == Flaw::ReadsOldValues { &held.before } else { &held.now };
        Ok(entries.get(&self.place(space, key)).cloned())
    }

    async fn range(
        &self,
        space: &'static str,
        keys: Range<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>> {
        assert!(self.flaw != Flaw::PanicsOnABackwardRange || keys.start <= keys.end);
        let within = |key: &[u8]| {
            let end = keys.end.as_slice();
            key >= keys.start.as_slice()
                && (key < end || key == end && self.flaw == Flaw::RangesToTheEnd)
        };
        let held = self.lock();
        let (space, _) = self.place(space, b"");
        let found = held.now.iter().filter(|((s, key), _)| *s == space && within(key));
        let mut found: Vec<_> = found.map(|((_, k), v)| (k.clone(), v.clone())).collect();
        if self.flaw == Flaw::RangesBackwards {
            found.reverse();
        }
        if self.flaw != Flaw::IgnoresTheLimit {
            found.truncate(limit);
        }
        Ok(found)
    }

    async fn commit(&self, mut writes: Vec<Write>) -> Result<()> {
        if self.flaw == Flaw::RefusesNothing && writes.is_empty() {
            return Err(Error::new(Kind::Invalid, "nothing to do"));
        }
        if self.flaw == Flaw::KeepsTheFirstHalf {
            for write in &writes {
                if !self.holds(&self.lock().now, write) {
                    return Err(self.conflict());
                }
                self.apply(&mut self.lock().now, write);
            }
            return Ok(());
        }
        if self.flaw == Flaw::IsHalfDoneWhenDropped && writes.len() > 1 {
            let all = writes.iter().all(|write| matches!(write, Write::Put { .. }));
            if all {
                self.apply(&mut self.lock().now, &writes[0]);
                tokio::task::yield_now().await;
            }
        }
        if self.flaw == Flaw::ComparesThenSets {
            if !self.expected(&self.lock().now, &writes) {
                return Err(self.conflict());
            }
            tokio::task::yield_now().await;
        }
        if self.flaw == Flaw::KeepsTheFirstOfTwo {
            writes.reverse();
        }
        let mut held = self.lock();
        if self.flaw != Flaw::ComparesThenSets && !self.expected(&held.now, &writes) {
            return Err(self.conflict());
        }
        held.before = held.now.clone();
        for write in &writes {
            self.apply(&mut held.now, write);
        }
        Ok(())
    }
}

#[async_trait]
impl StoreWorld for Broken {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    async fn reopen(&self) -> bool {
        let mut held = self.lock();
        match self.flaw {
            Flaw::LosesTheLastOnReopening => held.now = held.before.clone(),
            Flaw::LosesAllOnReopening => *held = Held::default(),
            _ => {}
        }
        true
    }
}

async fn report_of(flaw: Flaw) -> Report {
    report(&worlds(move |_| async move { Broken { flaw, held: Arc::default() } })).await
}

#[tokio::test]
async fn an_honest_store_keeps_every_promise() {
    let report = report_of(Flaw::None).await;
    assert!(report.failed().is_empty() && report.skipped().is_empty(), "{report}");
}

#[tokio::test]
async fn what_ends_with_the_process_is_left_out_of_opening_again() {
    struct Mortal(Broken);
    #[async_trait]
    impl StoreWorld for Mortal {
        fn store(&self) -> Arc<dyn Store> {
            self.0.store()
        }
    }
    let mortal = worlds(|_| async { Mortal(Broken { flaw: Flaw::None, held: Arc::default() }) });
    let report = report(&mortal).await;
    assert!(report.failed().is_empty(), "{report}");
    assert_eq!(report.skipped(), ["reopened", "reopened_after_dropping"]);
}

macro_rules! flaws {
    ($($test:ident: $flaw:ident breaks $($case:ident),+;)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                let report = report_of(Flaw::$flaw).await;
                let broken = report.failed();
                println!("{report}");
                for case in [$(stringify!($case)),+] {
                    assert!(broken.contains(&case), "{case} should be broken:\n{report}");
                }
            }
        )*
    };
}

flaws! {
    a_store_that_drops_expectations_is_caught:
        DropsExpectations breaks expect_none, expect_mismatch, one_winner;
    a_store_that_looks_at_one_expectation_is_caught:
        LooksAtTheFirstExpectationAlone breaks expect_several;
    a_store_that_expects_in_its_turn_is_caught: ExpectsInItsTurn breaks expect_before_writes;
    a_store_that_takes_nothing_for_empty_is_caught: TakesNoneForEmpty breaks expect_mismatch;
    a_store_that_keeps_half_of_a_refused_commit_is_caught: KeepsTheFirstHalf breaks all_or_nothing;
    a_store_whose_last_writer_wins_is_caught: ComparesThenSets breaks one_winner, counter;
    a_store_that_is_half_done_when_dropped_is_caught:
        IsHalfDoneWhenDropped breaks dropped_commit, reopened_after_dropping;
    a_store_whose_range_has_its_end_is_caught: RangesToTheEnd breaks range_bounds;
    a_store_that_ranges_backwards_is_caught: RangesBackwards breaks range_order;
    a_store_that_ignores_the_limit_is_caught: IgnoresTheLimit breaks range_limit;
    a_store_that_panics_on_a_backward_range_is_caught: PanicsOnABackwardRange breaks range_empty;
    a_store_that_mixes_spaces_is_caught: MixesSpaces breaks spaces_apart, range_within_its_space;
    a_store_that_joins_space_and_key_is_caught: JoinsSpaceAndKey breaks spaces_apart;
    a_store_that_keeps_what_is_taken_out_is_caught: KeepsWhatIsTakenOut breaks deleted;
    a_store_that_keeps_the_first_of_two_is_caught: KeepsTheFirstOfTwo breaks same_key_twice;
    a_store_that_reads_keys_as_text_is_caught: ReadsTextKeys breaks binary_keys;
    a_store_that_cuts_large_values_is_caught: CutsLargeValues breaks large_value;
    a_store_that_reads_old_values_is_caught:
        ReadsOldValues breaks put_and_get, acknowledged_is_seen;
    a_store_that_loses_the_last_write_is_caught: LosesTheLastOnReopening breaks reopened;
    a_store_that_loses_everything_is_caught: LosesAllOnReopening breaks reopened;
    a_store_whose_conflict_is_called_otherwise_is_caught: SaysInternal breaks expect_mismatch;
    a_store_whose_conflict_is_unknown_is_caught: SaysUnknown breaks expect_mismatch;
    a_store_that_refuses_to_do_nothing_is_caught: RefusesNothing breaks empty_commit;
}
