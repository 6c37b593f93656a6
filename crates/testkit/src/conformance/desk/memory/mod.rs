//! A ticket product in memory, an honest desk of it, and its world.

mod backend;
mod world;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use watchfloor_core::{
    Call, Clock as _, Error, Kind, Outcome, Priority, Result, StatusCategory, TicketId, TicketKey,
    Timestamp,
};

use super::{HeldTicket, Quirk};
#[cfg(test)]
use crate::conformance::wire::Refusal;
use crate::conformance::wire::Wire;
use crate::{Script, TestClock};

pub use backend::MemoryDesk;
pub use world::MemoryDeskWorld;

/// The longest summary that it takes, in characters.
const SUMMARY: usize = 100;

/// The longest text and comment, in characters.
const TEXT: usize = 2000;

/// The field of [`Demand`](super::DeskWorld::demand), and its value.
const CAUSE: (&str, &str) = ("cause", "upstream");

/// What it does about two tickets with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keys {
    /// Nothing: whoever looks finds both.
    Free,
    /// The same, and a look-up may lag.
    Lagging,
    /// A key can be claimed before its ticket is made.
    Claimed,
    /// It refuses the second.
    Unique,
}

/// A product that keeps tickets in memory, and misbehaves by a [`Script`] without a socket.
///
/// A ticket is opened in status 1; step 11 leads to 2, step 21 from there to 6, which ends it, and
/// 31 back.
pub struct MemoryTickets {
    wire: Wire,
    keys: Keys,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: Vec<Row>,
    claims: HashMap<String, String>,
    lag: u32,
    finds_all: bool,
    drops_summary: bool,
    drops_steps: bool,
    japanese: bool,
    stuck: bool,
    demands: bool,
}

/// What is written into a ticket.
#[derive(Clone, Debug, Default)]
pub(crate) struct New {
    pub(crate) key: String,
    pub(crate) summary: String,
    pub(crate) body: String,
    pub(crate) labels: Vec<String>,
    pub(crate) priority: Priority,
}

/// What an update sets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) summary: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) priority: Option<Priority>,
}

/// A ticket.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) new: New,
    pub(crate) state: &'static str,
    pub(crate) resolution: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) comments: Vec<String>,
    pub(crate) files: Vec<(String, Bytes)>,
    pub(crate) duplicate_of: Option<String>,
    pub(crate) created: Timestamp,
    /// Look-ups that do not see it yet.
    unseen: u32,
}

/// A step that leads from a ticket's status.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) id: &'static str,
    #[allow(dead_code, reason = "an honest desk looks at no name")]
    pub(crate) name: &'static str,
    pub(crate) to: &'static str,
    /// It demands to be told how the ticket ended.
    pub(crate) ends: bool,
    /// It demands a cause.
    pub(crate) cause: bool,
}

/// Why the product refuses something.
type No = (Kind, &'static str);

const ABSENT: No = (Kind::NotFound, "there is no such ticket");

pub(crate) fn category(state: &str) -> StatusCategory {
    match state {
        "1" => StatusCategory::New,
        "2" => StatusCategory::InProgress,
        _ => StatusCategory::Done,
    }
}

impl MemoryTickets {
    /// One without a ticket.
    pub fn new(clock: TestClock, keys: Keys) -> Self {
        Self { wire: Wire::new(clock), keys, state: Mutex::default() }
    }

    /// What goes wrong, by the number of the request; the operations are those of a
    /// [`DeskBackend`](watchfloor_core::desk::DeskBackend).
    pub fn script(&self) -> &Script {
        &self.wire.script
    }

    /// One request, made as an honest connector makes it.
    async fn ask<T>(
        &self,
        call: &Call,
        operation: &'static str,
        repeats: bool,
        mut work: impl FnMut(&mut State) -> Result<T, No>,
    ) -> Result<T> {
        let work = |_| work(&mut self.lock());
        let done = self.wire.ask(call, operation, repeats, work).await?;
        done.map_err(|(kind, what)| Error::new(kind, what).with_outcome(Outcome::Rejected))
    }

    pub(crate) async fn create(&self, call: &Call, new: &New) -> Result<Row> {
        let now = self.wire.clock.now();
        let unique = self.keys == Keys::Unique;
        self.ask(call, "create", false, |state| state.create(new, now, unique)).await
    }

    pub(crate) async fn lookup(&self, call: &Call, key: &TicketKey) -> Result<Vec<Row>> {
        self.ask(call, "lookup", true, |state| Ok(state.lookup(key.as_str()))).await
    }

    /// One look-up without any care.
    #[cfg(test)]
    pub(crate) async fn look(&self, key: &TicketKey) -> Result<Vec<Row>, Refusal> {
        self.wire.pass("lookup", |_| self.lock().lookup(key.as_str())).await
    }

    #[cfg(test)]
    pub(crate) fn clock(&self) -> &TestClock {
        &self.wire.clock
    }

    pub(crate) async fn claim(&self, call: &Call, key: &TicketKey, owner: &str) -> Result<String> {
        let key = key.as_str();
        let claim = |state: &mut State| {
            Ok(state.claims.entry(key.to_owned()).or_insert_with(|| owner.to_owned()).clone())
        };
        self.ask(call, "claim", true, claim).await
    }

    pub(crate) async fn read(&self, call: &Call, id: &TicketId) -> Result<Row> {
        self.ask(call, "read", true, |state| state.row(id).cloned()).await
    }

    pub(crate) async fn write(&self, call: &Call, id: &TicketId, change: &Change) -> Result<()> {
        self.ask(call, "write", true, |state| state.write(id, change)).await
    }

    pub(crate) async fn comments(&self, call: &Call, id: &TicketId) -> Result<Vec<String>> {
        self.ask(call, "comments", true, |state| Ok(state.row(id)?.comments.clone())).await
    }

    pub(crate) async fn add_comment(&self, call: &Call, id: &TicketId, text: &str) -> Result<()> {
        let add = |state: &mut State| {
            if text.chars().count() > TEXT {
                return Err((Kind::Invalid, "the comment is too long"));
            }
            state.row(id)?.comments.push(text.to_owned());
            Ok(())
        };
        self.ask(call, "add_comment", false, add).await
    }

    pub(crate) async fn steps(&self, call: &Call, id: &TicketId) -> Result<Vec<Step>> {
        self.ask(call, "moves", true, |state| state.steps(id)).await
    }

    pub(crate) async fn take(
        &self,
        call: &Call,
        id: &TicketId,
        step: &str,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<()> {
        self.ask(call, "take", false, |state| state.take(id, step, &value)).await
    }

    pub(crate) async fn tie(&self, call: &Call, id: &TicketId, kept: &TicketId) -> Result<()> {
        let tie = |state: &mut State| {
            state.row(id)?.duplicate_of = Some(kept.to_string());
            Ok(())
        };
        self.ask(call, "retire", true, tie).await
    }

    pub(crate) async fn files(&self, call: &Call, id: &TicketId) -> Result<Vec<(String, u64)>> {
        let told = |(name, bytes): &(String, Bytes)| (name.clone(), bytes.len() as u64);
        let files = |state: &mut State| Ok(state.row(id)?.files.iter().map(told).collect());
        self.ask(call, "attached", true, files).await
    }

    pub(crate) async fn attach(
        &self,
        call: &Call,
        id: &TicketId,
        name: &str,
        bytes: &Bytes,
    ) -> Result<()> {
        let attach = |state: &mut State| {
            state.row(id)?.files.push((name.to_owned(), bytes.clone()));
            Ok(())
        };
        self.ask(call, "attach", false, attach).await
    }

    pub(crate) async fn greet(&self, call: &Call) -> Result<()> {
        self.ask(call, "check", true, |_| Ok(())).await
    }

    fn held(&self) -> Vec<HeldTicket> {
        let held = |row: &Row| HeldTicket {
            summary: row.new.summary.clone(),
            body: Some(row.new.body.clone()),
            labels: row.new.labels.clone(),
            comments: row.comments.clone(),
            files: row.files.clone(),
            duplicate_of: row.duplicate_of.clone().map(TicketId::from),
            ..HeldTicket::new(row.id.as_str().into(), row.new.key.as_str(), category(row.state))
        };
        self.lock().rows.iter().map(held).collect()
    }

    fn plant(&self, key: &TicketKey) -> TicketId {
        let summary = "made by hand".to_owned();
        let new = New { key: key.to_string(), summary, ..New::default() };
        let row = self.lock().add(new, self.wire.clock.now());
        row.id.into()
    }

    fn behave(&self, quirk: &Quirk) -> bool {
        let mut state = self.lock();
        match quirk {
            Quirk::Lag(n) if self.keys == Keys::Lagging => state.lag = *n,
            Quirk::Lag(_) => return false,
            Quirk::IgnoresConditions => state.finds_all = true,
            Quirk::DropsSummary => state.drops_summary = true,
            Quirk::DropsSteps => state.drops_steps = true,
            Quirk::Localised => state.japanese = true,
            Quirk::Stuck => state.stuck = true,
            Quirk::Resolution(id, says) => {
                let Ok(row) = state.row(id) else { return false };
                row.resolution = says.then(|| "fixed".to_owned());
            }
        }
        true
    }

    fn demand(&self) -> (String, String) {
        self.lock().demands = true;
        (CAUSE.0.to_owned(), CAUSE.1.to_owned())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn row(&mut self, id: &TicketId) -> Result<&mut Row, No> {
        self.rows.iter_mut().find(|row| row.id == id.as_str()).ok_or(ABSENT)
    }

    fn add(&mut self, new: New, created: Timestamp) -> Row {
        let row = Row {
            id: (1001 + self.rows.len()).to_string(),
            new,
            state: "1",
            resolution: None,
            cause: None,
            comments: Vec::new(),
            files: Vec::new(),
            duplicate_of: None,
            created,
            unseen: self.lag,
        };
        self.rows.push(row.clone());
        row
    }

    fn create(&mut self, new: &New, now: Timestamp, unique: bool) -> Result<Row, No> {
        fits(&new.summary, Some(&new.body))?;
        if unique && self.rows.iter().any(|row| row.new.key == new.key) {
            return Err((Kind::Conflict, "this key has a ticket"));
        }
        Ok(self.add(new.clone(), now))
    }

    fn lookup(&mut self, key: &str) -> Vec<Row> {
        let all = self.finds_all;
        let mut found = Vec::new();
        for row in self.rows.iter_mut().filter(|row| all || row.new.key == key) {
            if row.unseen == 0 {
                found.push(row.clone());
            }
            row.unseen = row.unseen.saturating_sub(1);
        }
        found
    }

    fn write(&mut self, id: &TicketId, change: &Change) -> Result<(), No> {
        let drops_summary = self.drops_summary;
        let row = self.row(id)?;
        fits(change.summary.as_ref().unwrap_or(&row.new.summary), change.body.as_deref())?;
        if let Some(summary) = change.summary.clone().filter(|_| !drops_summary) {
            row.new.summary = summary;
        }
        if let Some(body) = change.body.clone() {
            row.new.body = body;
        }
        row.new.priority = change.priority.unwrap_or(row.new.priority);
        Ok(())
    }

    fn steps(&mut self, id: &TicketId) -> Result<Vec<Step>, No> {
        let (stuck, cause, japanese) = (self.stuck, self.demands, self.japanese);
        let name = |name, other| if japanese { other } else { name };
        let step = |id, name, to| Step { id, name, to, ends: false, cause: false };
        Ok(match self.row(id)?.state {
            "1" if stuck => Vec::new(),
            "1" => vec![step("11", name("Start", "着手"), "2")],
            "2" => {
                let end = step("21", name("Done", "完了"), "6");
                vec![Step { ends: true, cause, ..end }]
            }
            _ => vec![step("31", name("Reopen", "再開"), "2")],
        })
    }

    fn take(
        &mut self,
        id: &TicketId,
        step: &str,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<(), No> {
        let steps = self.steps(id)?;
        let step = steps.into_iter().find(|s| s.id == step);
        let step = step.ok_or((Kind::Conflict, "no such step leads from here"))?;
        let (ended, cause) = (value("resolution"), value(CAUSE.0));
        if step.ends && ended.is_none() || step.cause && cause.as_deref() != Some(CAUSE.1) {
            return Err((Kind::Invalid, "the step demands a field"));
        }
        let dropped = self.drops_steps;
        let row = self.row(id)?;
        if !dropped {
            row.state = step.to;
            row.resolution = ended.filter(|_| step.ends);
            row.cause = cause.or(row.cause.take());
        }
        Ok(())
    }
}

fn fits(summary: &str, body: Option<&str>) -> Result<(), No> {
    let long = |text: &str, most| text.chars().count() > most;
    if long(summary, SUMMARY) || body.is_some_and(|body| long(body, TEXT)) {
        return Err((Kind::Invalid, "the text is too long"));
    }
    if summary.contains(['\n', '\r']) {
        return Err((Kind::Invalid, "the summary has several lines"));
    }
    Ok(())
}

impl fmt::Debug for MemoryTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryTickets")
    }
}
