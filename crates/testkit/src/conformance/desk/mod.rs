//! The suite of ticket desks: everything that [`TicketDesk`] promises.
//!
//! ```
//! use watchfloor_testkit::conformance::{MemoryDesk, desk};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // The factory of your world stands in the place of this one.
//! desk::run(MemoryDesk::world).await;
//! # }
//! ```

mod act;
mod changes;
mod comments;
mod faults;
mod files;
pub(crate) mod memory;
mod opening;
mod several;
mod steps;
mod stopped;
#[cfg(test)]
mod tests;
mod texts;
mod twin;
mod world;

use std::future::Future;
use std::sync::Arc;

use watchfloor_core::{
    Comment, Error, Marker, Result, RichText, TicketDesk, TicketDraft, TicketId, TicketKey,
};

use super::{CUSTOMER, Case, Miss, Report, Setup, Verdict, Worlds, suite};
use crate::Fault;

pub(crate) use act::{Act, Place};
pub(crate) use faults::texts_of;
pub use twin::TwinDesk;
pub use world::{DeskWorld, HeldTicket, Quirk};

/// The worlds of desks.
pub type DeskWorlds = Worlds<dyn DeskWorld>;

/// Worlds made by this factory.
pub fn worlds<W, F>(make: impl Fn(Setup) -> F + Send + Sync + 'static) -> DeskWorlds
where
    W: DeskWorld,
    F: Future<Output = W> + Send + 'static,
{
    Worlds::new(move |setup| {
        let made = make(setup);
        async move { Arc::new(made.await) as Arc<dyn DeskWorld> }
    })
}

/// Runs the suite and panics with the whole report if a promise is broken.
///
/// # Panics
/// If a promise is broken.
pub async fn run<W, F>(make: impl Fn(Setup) -> F + Send + Sync + 'static)
where
    W: DeskWorld,
    F: Future<Output = W> + Send + 'static,
{
    report(&worlds(make)).await.assert();
}

/// Runs the suite.
pub async fn report(worlds: &DeskWorlds) -> Report {
    suite("TicketDesk", cases(), worlds).await
}

/// The cases, in their order.
pub fn cases() -> Vec<Case<dyn DeskWorld>> {
    cases! {
        opening::open_creates: "a ticket that is opened is there, once, with its key and its words",
        opening::open_again: "opening it again finds it, and makes nothing",
        opening::find_and_get: "what is found by its key is what stands under its id",
        opening::not_there: "what is not there is not found, and no failure looks like that",
        opening::exact_keys: "a key is that key alone, to the letter",
        opening::strangers: "a stranger's ticket is no hit, also where the product passes over the condition",
        opening::foreign_draft: "another tenant's draft is refused, and nothing is asked",
        opening::check_changes_nothing: "a check has no effect on the other side, and tells a failure",
        several::concurrent_openers: "of openers at the same moment one creates, and all have the same ticket",
        several::two_desks: "openers in two processes end with one live ticket once both have settled",
        several::two_desks_with_lag: "the same where a search lags",
        several::duplicates: "of two tickets with one key the oldest stays, the other is closed, tied to it, and it is said once",
        comments::comment_once: "a comment with one marker is there once, however often it is said",
        comments::two_comments: "two comments with the same words and two markers are both there",
        comments::concurrent_comments: "a comment that many make at the same moment is there once",
        comments::marker_kept: "a comment too long for the product keeps its marker, and its whole text is attached",
        changes::update_changes: "an update changes what it names and nothing else",
        changes::update_again: "an update that changes nothing sends nothing but reads",
        changes::update_dropped: "a field that the product drops silently is named in an error",
        steps::each_category: "a ticket is moved to each category, and is there",
        steps::other_language: "the same whatever language the workflow speaks",
        steps::already_there: "a move to where the ticket is sends nothing but reads",
        steps::demanded_field: "a field that a step demands is named where it is missing, and filled where it is given",
        steps::no_way: "where no step leads, it is an error that changes nothing",
        steps::step_dropped: "a step that the product drops silently is no success",
        steps::done_by_status: "a ticket is done by its status, whatever its resolution says",
        files::attach_once: "a file is there once, byte for byte, however often it is attached",
        files::two_files: "files that differ in name or in size are all there",
        texts::multi_byte: "text of every script arrives as it was sent",
        texts::long_text: "what is too long is cut between characters, and the whole is attached",
        texts::one_line: "a summary with line breaks becomes one line",
        texts::markup: "what looks like markup is text",
        faults::open_lost: "after an answer to an opener is lost there is one ticket or an honest unknown, and then one",
        faults::comment_lost: "the same of a comment",
        faults::update_lost: "the same of an update",
        faults::move_lost: "the same of a move",
        faults::attach_lost: "the same of a file",
        faults::same_ids: "a key and a marker are the same on each attempt",
        faults::refused: "what the product refuses is rejected and not there, at whichever request",
        faults::refused_credential: "a credential that is refused is not tried again and again",
        faults::refused_while_unsure: "nor is it while an effect is unsettled",
        faults::busy: "a server that asks to wait is obeyed",
        faults::busy_for_long: "a server that asks to wait for very long is not obeyed for ever",
        faults::nothing_arrives: "what never arrived is never called done, and it ends",
        faults::failure_inside: "a failure inside a success is a failure",
        faults::secrets_stay_secret: "no secret and no customer's text stands in an error, a check, a URL or `Debug`",
        stopped::deadline_past: "nothing is sent after its deadline",
        stopped::dropped: "what is dropped at any request and done again is there once",
        stopped::dropped_for_another: "what is dropped at any request and opened by another process is there once, or an honest unknown",
    }
}

/// A draft that holds a customer's text.
pub(crate) fn draft(world: &dyn DeskWorld, key: &str) -> TicketDraft {
    let mut draft = world.scope().draft(TicketKey::given(key), format!("{key}: {CUSTOMER}"));
    draft.body = RichText::new().text(format!("They tried the order numbers of {CUSTOMER}."));
    draft.labels = vec!["watchfloor".to_owned()];
    draft
}

/// A comment that holds a customer's text.
pub(crate) fn comment(what: &str) -> Comment {
    let text = RichText::new().text(format!("We blocked the client of {CUSTOMER}."));
    Comment::new(Marker::derive("suite", what), text)
}

/// Opens the draft's ticket where nothing is wrong.
async fn open(world: &dyn DeskWorld, draft: &TicketDraft) -> Result<TicketId, Miss> {
    match world.port().open(&world.call(), draft).await {
        Ok(opened) => Ok(opened.ticket().id.clone()),
        Err(e) => Err(failed(format!("nothing is wrong, and a ticket is not opened: {e}"))),
    }
}

/// The one ticket with this key.
fn only(world: &dyn DeskWorld, key: &TicketKey) -> Result<HeldTicket, String> {
    let mut held = with_key(world, key);
    match held.len() {
        1 => Ok(held.remove(0)),
        n => Err(format!("the product has {n} tickets with one key")),
    }
}

fn with_key(world: &dyn DeskWorld, key: &TicketKey) -> Vec<HeldTicket> {
    world.tickets().into_iter().filter(|t| t.key == key.as_str()).collect()
}

/// The ticket of this id.
fn held(world: &dyn DeskWorld, id: &TicketId) -> Result<HeldTicket, String> {
    let found = world.tickets().into_iter().find(|t| t.id == *id);
    found.ok_or_else(|| format!("the product has no ticket {id}, which was opened"))
}

/// Makes the product behave so.
fn with(world: &dyn DeskWorld, quirk: &Quirk) -> Verdict {
    let skip = || skipped(format!("this world's product has not: {quirk}"));
    world.quirk(quirk).then_some(()).ok_or_else(skip)
}

fn another(world: &dyn DeskWorld) -> Result<Arc<dyn TicketDesk>, Miss> {
    world.another().ok_or_else(|| skipped("this world makes no second desk"))
}

/// On a good day.
fn well<T>(what: &str, result: Result<T>) -> Result<T, Miss> {
    result.map_err(|e: Error| match e.kind() {
        watchfloor_core::Kind::Unsupported => skipped(format!("{what}: it is not offered")),
        _ => failed(format!("nothing is wrong, and {what} fails: {e}")),
    })
}

fn failed(what: impl Into<String>) -> Miss {
    Miss::Failed(what.into())
}

fn skipped(why: impl Into<String>) -> Miss {
    Miss::Skipped(why.into())
}

/// Lets the next requests meet this fault, as many as no desk needs.
fn always(world: &dyn DeskWorld, fault: &Fault) -> Verdict {
    from(world, 1, fault)
}

/// The same of those from this one on.
fn from(world: &dyn DeskWorld, first: u64, fault: &Fault) -> Verdict {
    (first..first + 200).try_for_each(|nth| once(world, nth, fault.clone()))
}

fn once(world: &dyn DeskWorld, nth: u64, fault: Fault) -> Verdict {
    let name = fault.to_string();
    let skip = || skipped(format!("this world cannot let a request meet: {name}"));
    world.inject(nth, fault).then_some(()).ok_or_else(skip)
}
