//! Fault schedules: an operation, and something that goes wrong with each of its requests.
//!
//! The operation runs once with nothing wrong, to learn how many requests it makes. Then it runs
//! again and again, each time in a fresh [`World`]: with every fault of [`faults`] at every request,
//! and with every two of them at every two of the first requests, the one after the last among
//! them, which is made only because of the first fault.
//!
//! ```
//! use watchfloor_testkit::conformance::MemorySink;
//! use watchfloor_testkit::schedule::{self, Depth};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let report = schedule::send(MemorySink::world, Depth::Single).await;
//! println!("{report}");
//! report.assert();
//! # }
//! ```

mod desk;
mod faults;
mod sink;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use watchfloor_core::BoxFuture;

use crate::conformance::{Setup, World, Worlds, within};

pub use desk::{handle, open};
pub use faults::{Effect, Named, faults};
pub use sink::{send, ship};

/// The first requests of an operation among which two faults are set.
const FIRST: u64 = 20;

/// Schedules under way at once: they wait for sockets and time-outs more than they work.
const AT_ONCE: usize = 16;

/// How long one schedule may take: real time, since what hangs does not move the clock.
const LIMIT: Duration = Duration::from_secs(60);

/// How many faults a schedule has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// One.
    Single,
    /// One, and two among the first 20 requests.
    Pairs,
}

/// An operation over a world, and whether all that it promises was kept under these faults; if not,
/// what was seen.
pub type Operation<W> = fn(Arc<W>, Schedule) -> BoxFuture<'static, Result<(), String>>;

/// Which faults meet which requests, from one.
#[derive(Clone, Debug, Default)]
pub struct Schedule(Vec<(u64, Named)>);

impl Schedule {
    /// Faults in it.
    pub fn faults(&self) -> usize {
        self.0.len()
    }

    /// Whether one of them has this effect.
    pub fn has(&self, effect: Effect) -> bool {
        self.0.iter().any(|(_, named)| named.effect == effect)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("with nothing wrong");
        }
        for (i, (nth, named)) in self.0.iter().enumerate() {
            write!(f, "{}request {nth}: {}", if i == 0 { "" } else { "; " }, named.name)?;
        }
        Ok(())
    }
}

/// What came of an operation's schedules.
#[derive(Clone, Debug)]
#[must_use = "it holds what failed"]
#[non_exhaustive]
pub struct Report {
    /// The operation.
    pub operation: &'static str,
    /// The requests that it makes with nothing wrong.
    pub requests: u64,
    /// Schedules that ran.
    pub ran: usize,
    /// Those that failed, and what was seen: fewest faults first, earliest requests first.
    pub failed: Vec<(Schedule, String)>,
}

impl Report {
    /// Panics with the smallest failing schedule, and prints how many ran if none failed.
    ///
    /// # Panics
    /// If a schedule failed.
    #[allow(clippy::print_stdout, reason = "a test's output: how many ran")]
    pub fn assert(&self) {
        assert!(self.failed.is_empty(), "{self}");
        println!("{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operation, requests, ran) = (self.operation, self.requests, self.ran);
        write!(f, "{operation} ({requests} requests): {ran} schedules, ")?;
        let Some((smallest, seen)) = self.failed.first() else {
            return f.write_str("every promise kept");
        };
        write!(f, "{} failed; the smallest: {smallest}: {seen}", self.failed.len())
    }
}

/// Runs an operation under its schedules.
pub async fn explore<W: World + ?Sized>(
    operation: &'static str,
    worlds: &Worlds<W>,
    run: Operation<W>,
    depth: Depth,
) -> Report {
    let world = worlds.fresh().await;
    let (faults, calm) = (faults(&*world), world.clone());
    let first = attempt(worlds, run, Schedule::default(), Some(world)).await;
    let requests = calm.requests();
    let mut report = Report { operation, requests, ran: 1, failed: Vec::new() };
    if let Err(seen) = first {
        report.failed.push((Schedule::default(), seen));
        return report;
    }
    let all = schedules(requests, &faults, depth);
    report.ran += all.len();
    let mut failed = Vec::new();
    let mut running = JoinSet::new();
    for (number, schedule) in all.into_iter().enumerate() {
        if running.len() >= AT_ONCE {
            failed.extend(running.join_next().await.and_then(Result::ok).flatten());
        }
        let worlds = worlds.clone();
        running.spawn(async move {
            let seen = attempt(&worlds, run, schedule.clone(), None).await.err()?;
            Some((number, schedule, seen))
        });
    }
    while let Some(done) = running.join_next().await {
        failed.extend(done.ok().flatten());
    }
    failed.sort_by_key(|(number, ..)| *number);
    report.failed = failed.into_iter().map(|(_, schedule, seen)| (schedule, seen)).collect();
    report
}

/// One schedule in a world of its own.
async fn attempt<W: World + ?Sized>(
    worlds: &Worlds<W>,
    run: Operation<W>,
    schedule: Schedule,
    world: Option<Arc<W>>,
) -> Result<(), String> {
    let world = match world {
        Some(world) => world,
        // Only where an answer is missing it is given up soon: else a busy machine would look like
        // a fault that nobody set.
        None if schedule.has(Effect::Hangs) => worlds.with(Setup::impatient()).await,
        None => worlds.fresh().await,
    };
    for (nth, named) in &schedule.0 {
        if !world.inject(*nth, named.fault_for(&*world)) {
            return Ok(());
        }
    }
    within(LIMIT, run(world, schedule)).await.unwrap_or_else(|stuck| Err(stuck.to_string()))
}

/// One fault each, then two each, the earliest requests first.
fn schedules(requests: u64, faults: &[Named], depth: Depth) -> Vec<Schedule> {
    let mut all = Vec::new();
    for nth in 1..=requests {
        all.extend(faults.iter().map(|fault| Schedule(vec![(nth, fault.clone())])));
    }
    if depth == Depth::Single {
        return all;
    }
    for second in 2..=FIRST.min(requests + 1) {
        for first in 1..second {
            for one in faults {
                let two = |two: &Named| Schedule(vec![(first, one.clone()), (second, two.clone())]);
                all.extend(faults.iter().map(two));
            }
        }
    }
    all
}
