//! Transitions: by target category, one read-back step at a time.

use std::collections::BTreeMap;

use super::plan::{Next, Workflow};
use super::{Desk, DeskBackend, Move, Required, backoff, is_shut_out};
use crate::{
    Call, Error, Kind, Outcome, Result, Retry, StatusCategory, Ticket, TicketId, TicketPatch,
};

/// Steps of one transition, at most: more than any workflow that people use is long.
const STEPS: usize = 16;

impl<B: DeskBackend> Desk<B> {
    /// Under the ticket's turn.
    pub(super) async fn move_to(
        &self,
        call: &Call,
        id: &TicketId,
        to: StatusCategory,
        with: &TicketPatch,
    ) -> Result<Ticket> {
        let mut ticket = self.backend.read(call, id).await?;
        let mut workflow = Workflow::default();
        for _ in 0..STEPS {
            if ticket.status == to {
                return Ok(ticket);
            }
            workflow.learn(&ticket.state, self.backend.moves(call, &ticket).await?);
            ticket = match workflow.next(&ticket.state, ticket.status, to, with) {
                Next::Take(step, mut values) => {
                    if step.to.category == to {
                        let more = with.fields.iter().map(|(n, v)| (n.clone(), v.clone()));
                        let all: BTreeMap<_, _> = more.chain(values).collect();
                        values = all;
                    }
                    self.take_once(call, ticket, &step, &values).await?
                }
                Next::Needs(field) => return Err(self.unmoved(Kind::Invalid, &needs(&field))),
                Next::NoWay => {
                    let what = format!(
                        "no step that this user may take leads from {:?} to {}",
                        ticket.state,
                        name(to)
                    );
                    return Err(self.unmoved(Kind::Refused, &what));
                }
            };
        }
        Err(self.unmoved(Kind::Refused, "the workflow leads nowhere"))
    }

    /// One step, and the ticket as it is after it.
    async fn take_once(
        &self,
        call: &Call,
        before: Ticket,
        step: &Move,
        values: &BTreeMap<String, String>,
    ) -> Result<Ticket> {
        let until = self.reconcile_until(call);
        let mut lost = self.taken(call, &before, step, values).await?;
        let mut again = true;
        let mut attempt = 0;
        loop {
            let unread = match self.backend.read(call, &before.id).await {
                // Also one that a rule of the desk moved on at once.
                Ok(after) if moved(&before, &after, step) => return Ok(after),
                Ok(_) if lost.is_none() => {
                    let what = format!(
                        "the desk took the step to {:?} and left the ticket in {:?}: a rule of the \
                         desk, or a right that this user lacks",
                        step.to.id, before.state
                    );
                    return Err(self.unmoved(Kind::Forbidden, &what));
                }
                Ok(_) => None,
                Err(e) => Some(e),
            };
            // A status is read from the record itself, so a steady "no" is believed once.
            if lost.is_some() && unread.is_none() && attempt >= 3 && again {
                again = false;
                lost = self.taken(call, &before, step, values).await?;
                continue;
            }
            let wait = backoff(attempt);
            let late = self.clock.now().saturating_add(wait) > until;
            let shut_out = unread.as_ref().is_some_and(is_shut_out);
            if late || shut_out || (lost.is_none() && attempt >= 3) {
                let error = lost.or(unread);
                let error = error.unwrap_or_else(|| Error::new(Kind::Timeout, "not read back"));
                return Err(error.with_outcome(Outcome::Unknown).with_retry(Retry::AfterLookup));
            }
            self.clock.pause(wait).await;
            attempt += 1;
        }
    }

    /// Sends a step; an answer that was lost, or a conflict with a change of another, leads to a
    /// look.
    async fn taken(
        &self,
        call: &Call,
        before: &Ticket,
        step: &Move,
        values: &BTreeMap<String, String>,
    ) -> Result<Option<Error>> {
        match self.backend.take(call, &before.id, step, values).await {
            Ok(()) => Ok(None),
            Err(e) if e.outcome() == Outcome::Unknown || e.kind() == Kind::Conflict => Ok(Some(e)),
            Err(e) => Err(e),
        }
    }

    fn unmoved(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, what)
            .with_outcome(Outcome::Rejected)
            .with_operation("desk.transition")
            .with_connector(self.backend.name())
    }
}

fn moved(before: &Ticket, after: &Ticket, step: &Move) -> bool {
    if after.state.is_empty() {
        return after.status == step.to.category;
    }
    after.state == step.to.id || after.state != before.state
}

fn needs(field: &Required) -> String {
    let name = &field.field;
    if field.allowed.is_empty() {
        return format!("the step needs a value for the field {name}");
    }
    let shown: Vec<_> = field.allowed.iter().map(|(_, shown)| shown.as_str()).take(20).collect();
    format!("the step needs a value for the field {name}, one of: {}", shown.join(", "))
}

fn name(category: StatusCategory) -> &'static str {
    match category {
        StatusCategory::New => "new",
        StatusCategory::InProgress => "in progress",
        StatusCategory::Done => "done",
    }
}
