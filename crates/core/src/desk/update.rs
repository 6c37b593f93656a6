//! Updates: only what changes is sent, and what the product dropped of it is named.

use super::{Desk, DeskBackend, backoff, is_shut_out};
use crate::{Call, Error, Kind, Outcome, Result, Retry, Ticket, TicketId, TicketPatch};

impl<B: DeskBackend> Desk<B> {
    /// Under the ticket's turn.
    pub(super) async fn update_once(
        &self,
        call: &Call,
        id: &TicketId,
        patch: &TicketPatch,
    ) -> Result<Ticket> {
        if patch.resolution.is_some() {
            return Err(self.refused(
                Kind::Invalid,
                "a resolution belongs to a transition, not to an update".to_owned(),
            ));
        }
        let patch = &self.backend.resolved(call, patch).await?;
        let wanted = self.backend.as_held(patch);
        let names: Vec<&str> = wanted.fields.keys().map(String::as_str).collect();
        let before = self.backend.read_with(call, id, &names).await?;
        // The product's own id, where people gave another name of the ticket.
        let id = &before.id.clone();
        let change = difference(&wanted, &before);
        if change == TicketPatch::default() {
            return Ok(before);
        }
        self.attach_whole_patch(call, id, patch).await?;
        let lost = match self.backend.write(call, id, &change).await {
            Ok(()) => None,
            Err(e) if e.outcome() == Outcome::Unknown => Some(e),
            Err(e) => return Err(e),
        };
        self.written(call, id, &names, &change, &before, lost).await
    }

    /// Reads back what was written; after a lost answer until it is there or time is up.
    async fn written(
        &self,
        call: &Call,
        id: &TicketId,
        names: &[&str],
        change: &TicketPatch,
        before: &Ticket,
        lost: Option<Error>,
    ) -> Result<Ticket> {
        let until = self.reconcile_until(call);
        let mut attempt = 0;
        loop {
            let unread = match self.backend.read_with(call, id, names).await {
                Ok(after) => match (dropped(change, before, &after), &lost) {
                    (dropped, _) if dropped.is_empty() => return Ok(after),
                    (dropped, None) => {
                        let what = format!(
                            "the desk took the update and left {} as before: a field that this \
                             user may not write, or a rule of the desk",
                            dropped.join(", ")
                        );
                        return Err(self.refused(Kind::Forbidden, what));
                    }
                    _ => None,
                },
                Err(e) => Some(e),
            };
            let wait = backoff(attempt);
            let late = self.clock.now().saturating_add(wait) > until;
            let shut_out = unread.as_ref().is_some_and(is_shut_out);
            if late || shut_out || (lost.is_none() && attempt >= 3) {
                let unread = unread.map(|e| e.with_outcome(Outcome::Unknown));
                let error = lost.or(unread);
                let error = error.unwrap_or_else(|| Error::new(Kind::Timeout, "not read back"));
                return Err(error.with_retry(Retry::AfterLookup));
            }
            self.clock.pause(wait).await;
            attempt += 1;
        }
    }

    pub(super) fn refused(&self, kind: Kind, what: String) -> Error {
        let error = Error::new(kind, what).with_outcome(Outcome::Rejected);
        error.with_operation("desk.update").with_connector(self.backend.name())
    }
}

/// What of the patch is not so yet. What the ticket does not tell counts as different.
fn difference(wanted: &TicketPatch, held: &Ticket) -> TicketPatch {
    let mut change = TicketPatch::new();
    change.summary = wanted.summary.clone().filter(|s| *s != held.summary);
    let same_body = |text: &str| held.body.as_deref().is_some_and(|b| words(b).eq(words(text)));
    change.body = wanted.body.clone().filter(|body| !same_body(&body.to_string()));
    change.priority = wanted.priority.filter(|p| held.priority != Some(*p));
    change.assignee = wanted.assignee.clone().filter(|a| held.assignee.as_ref() != Some(a));
    let differs = |(name, value): &(&String, &String)| held.fields.get(*name) != Some(*value);
    change.fields =
        wanted.fields.iter().filter(differs).map(|(n, v)| (n.clone(), v.clone())).collect();
    change
}

/// What was written and, as far as the ticket tells, is still as before. A product may hold a value
/// in its own form, so only what did not move at all counts, and of one-valued fields what is other
/// than it was set to.
fn dropped(change: &TicketPatch, before: &Ticket, after: &Ticket) -> Vec<String> {
    let mut dropped = Vec::new();
    let mut check = |name: &str, so: bool| {
        if !so {
            dropped.push(name.to_owned());
        }
    };
    if let Some(summary) = &change.summary {
        check("summary", after.summary == *summary || after.summary != before.summary);
    }
    if change.body.is_some() && before.body.is_some() {
        check("body", after.body != before.body);
    }
    if change.priority.is_some() && after.priority.is_some() {
        check("priority", after.priority == change.priority);
    }
    if change.assignee.is_some() && after.assignee.is_some() {
        check("assignee", after.assignee == change.assignee);
    }
    for (name, value) in &change.fields {
        if let Some(held) = after.fields.get(name) {
            check(name, held == value);
        }
    }
    dropped
}

/// The words of a text: products differ in what they make of the rest.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty())
}
