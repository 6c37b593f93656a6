//! What a sink said of each event, held against what its product holds.

use std::collections::{HashMap, HashSet};

use watchfloor_core::{Delivery, Event, Outcome};

use crate::conformance::Held;

/// The verdicts of everything that was sent into one world.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    said: Vec<(Event, Outcome)>,
    /// The ids of events that the product refuses.
    refused: HashSet<String>,
}

/// What must be true of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// An event may be unknown: something happened that could leave it so.
    pub(crate) unknown: bool,
    /// Nothing went wrong that ends in a refusal but of what the product refuses.
    pub(crate) all_delivered: bool,
    /// So many more copies of an event than one are no fault.
    pub(crate) more_copies: usize,
    /// The bytes are looked at too.
    pub(crate) bytes: bool,
}

impl Ledger {
    /// Notes the verdicts of a batch; wrong is one that has not exactly one for every event.
    pub(crate) fn note(&mut self, events: &[Event], delivery: &Delivery) -> Result<(), String> {
        let sent = events.len();
        if delivery.total() != sent {
            return Err(format!(
                "{sent} events were sent, and {} have a verdict",
                delivery.total()
            ));
        }
        let counts = delivery.counts();
        if counts.total() != sent as u64 {
            return Err(format!("the counts of {sent} events do not add up: {counts:?}"));
        }
        let indices: Vec<_> = delivery.exceptions().iter().map(|e| e.index as usize).collect();
        if !indices.is_sorted_by(|a, b| a < b) || indices.last().is_some_and(|i| *i >= sent) {
            return Err(format!("the exceptions of {sent} events are these: {indices:?}"));
        }
        let verdicts = events.iter().enumerate().map(|(i, e)| (e.clone(), delivery.outcome(i)));
        self.said.extend(verdicts);
        Ok(())
    }

    /// Notes one verdict.
    pub(crate) fn say(&mut self, event: &Event, outcome: Outcome) {
        self.said.push((event.clone(), outcome));
    }

    /// Notes that the product refuses this event.
    pub(crate) fn refuses(&mut self, event: &Event) {
        self.refused.insert(event.uid().to_owned());
    }

    /// Verdicts noted.
    pub(crate) fn len(&self) -> usize {
        self.said.len()
    }

    /// Whether every verdict is true.
    pub(crate) fn check(&self, held: &[Held], rules: Rules) -> Result<(), String> {
        let mut copies: HashMap<&str, Vec<&Held>> = HashMap::new();
        for copy in held {
            copies.entry(&copy.key).or_default().push(copy);
        }
        for (event, outcome) in &self.said {
            let uid = event.uid();
            let held = copies.get(uid).map_or(&[][..], Vec::as_slice);
            match (outcome, held.len()) {
                (Outcome::Applied, 0) => {
                    return Err(format!("{uid} is called delivered, and the product has it not"));
                }
                (Outcome::Rejected | Outcome::NotSent, 1..) => {
                    return Err(format!("{uid} is called {outcome}, and the product has it"));
                }
                (Outcome::Unknown, _) if !rules.unknown => {
                    let what = "though nothing happened that could leave it so";
                    return Err(format!("{uid} is called unknown, {what}"));
                }
                (Outcome::Rejected | Outcome::NotSent, _)
                    if rules.all_delivered && !self.refused.contains(uid) =>
                {
                    return Err(format!(
                        "{uid} is called {outcome}, and could have been delivered"
                    ));
                }
                (_, n) if n > 1 + rules.more_copies => {
                    return Err(format!("the product has {n} copies of {uid}"));
                }
                _ => {}
            }
            let other = |held: &&&Held| held.bytes.as_ref().is_some_and(|b| **b != *event.json());
            if let Some(changed) = held.iter().find(other).filter(|_| rules.bytes) {
                let bytes = changed.bytes.as_deref().unwrap_or_default();
                let bytes = String::from_utf8_lossy(bytes);
                return Err(format!("{uid} was sent as {} and is held as {bytes}", event.text()));
            }
        }
        let sent: HashSet<&str> = self.said.iter().map(|(e, _)| e.uid()).collect();
        match held.iter().find(|copy| !sent.contains(copy.key.as_str())) {
            Some(foreign) => {
                Err(format!("the product has {}, an id that nobody sent", foreign.key))
            }
            None => Ok(()),
        }
    }
}
