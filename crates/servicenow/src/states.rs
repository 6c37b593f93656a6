//! The states of a table, by value: labels are for people and in their language.

use std::collections::BTreeMap;

use watchfloor_core::StatusCategory::{self, Done, InProgress, New};

/// What is known of a table's states before any is read.
#[derive(Debug)]
struct Model {
    /// In the order in which a step prefers them: resolved before closed before cancelled.
    states: &'static [(&'static str, StatusCategory)],
    /// Those that no record leaves.
    last: &'static [&'static str],
    /// Those that are reached with a close code and notes; also to cancel, so that a code that
    /// the instance does not have never makes a cancelled ticket of a resolved one.
    closing: &'static [&'static str],
    /// Those that instances no longer have.
    old: &'static [&'static str],
}

/// New and old model: 4 and 5 are other ways to be on hold.
const INCIDENT: Model = Model {
    states: &[
        ("1", New),
        ("2", InProgress),
        ("3", InProgress),
        ("4", InProgress),
        ("5", InProgress),
        ("6", Done),
        ("7", Done),
        ("8", Done),
    ],
    last: &["7", "8"],
    closing: &["6", "7", "8"],
    old: &["4", "5"],
};

/// 3 and 7 are other states than in an incident.
const SECURITY_INCIDENT: Model = Model {
    states: &[
        ("10", New),
        ("16", InProgress),
        ("18", InProgress),
        ("19", InProgress),
        ("20", InProgress),
        ("100", InProgress),
        ("3", Done),
        ("7", Done),
    ],
    last: &["3", "7"],
    closing: &["3", "7"],
    old: &[],
};

/// What every other table of tasks begins with.
const TASK: Model = Model {
    states: &[("1", New), ("-5", New), ("2", InProgress), ("3", Done), ("4", Done), ("7", Done)],
    last: &[],
    closing: &[],
    old: &[],
};

/// The states of the configured table.
#[derive(Debug)]
pub(crate) struct States {
    model: &'static Model,
    configured: BTreeMap<String, StatusCategory>,
}

impl States {
    /// What the configuration says of a state goes before what the table is known for.
    pub(crate) fn of(table: &str, configured: BTreeMap<String, StatusCategory>) -> Self {
        let model = match table {
            "incident" => &INCIDENT,
            "sn_si_incident" => &SECURITY_INCIDENT,
            _ => &TASK,
        };
        Self { model, configured }
    }

    /// Where in its life a record in this state is. One of which nothing is known is worked on.
    pub(crate) fn category(&self, state: &str) -> StatusCategory {
        let known = || self.model.states.iter().find(|(s, _)| *s == state).map(|(_, c)| *c);
        let configured = self.configured.get(state).copied();
        configured.or_else(known).unwrap_or(if state.is_empty() { New } else { InProgress })
    }

    pub(crate) fn is_known(&self, state: &str) -> bool {
        self.configured.contains_key(state) || self.model.states.iter().any(|(s, _)| *s == state)
    }

    /// Whether nothing leads out of it.
    pub(crate) fn is_last(&self, state: &str) -> bool {
        self.model.last.contains(&state)
    }

    pub(crate) fn wants_close_code(&self, state: &str) -> bool {
        self.model.closing.contains(&state)
    }

    /// The states to go on with where none can be read.
    pub(crate) fn usual(&self) -> Vec<String> {
        let configured = self.configured.keys().cloned();
        let known = self.model.states.iter().map(|(state, _)| (*state).to_owned());
        let known = known.filter(|state| !self.model.old.contains(&state.as_str()));
        let mut all: Vec<String> = known.chain(configured).collect();
        self.prefer(&mut all);
        all
    }

    /// Puts first what a step should rather lead to, each once.
    pub(crate) fn prefer(&self, states: &mut Vec<String>) {
        let rank = |state: &String| {
            self.model.states.iter().position(|(s, _)| s == state).unwrap_or(usize::MAX)
        };
        states.sort_by_key(rank);
        let mut seen = std::collections::BTreeSet::new();
        states.retain(|state| seen.insert(state.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t19_done_is_a_state_not_a_resolution() {
        let states = States::of("incident", BTreeMap::new());
        let of = |state| states.category(state);
        assert_eq!([of("1"), of("3"), of("7"), of("8")], [New, InProgress, Done, Done]);
        assert_eq!([of(""), of("42")], [New, InProgress]);
    }

    #[test]
    fn the_same_value_means_another_state_in_a_security_incident() {
        let states = States::of("sn_si_incident", BTreeMap::new());
        let of = |state| states.category(state);
        assert_eq!([of("10"), of("16"), of("3"), of("7")], [New, InProgress, Done, Done]);
    }

    #[test]
    fn what_the_configuration_says_goes_first() {
        let states = States::of(
            "u_case",
            BTreeMap::from([("10".to_owned(), New), ("3".to_owned(), InProgress)]),
        );
        assert_eq!([states.category("10"), states.category("3")], [New, InProgress]);
        assert!(states.is_known("10") && !states.is_known("11"));
    }

    #[test]
    fn resolved_goes_before_closed_before_canceled() {
        let states = States::of("incident", BTreeMap::new());
        assert_eq!(states.usual(), ["1", "2", "3", "6", "7", "8"]);
        let mut read = ["9", "8", "7", "6", "2", "6"].map(str::to_owned).to_vec();
        states.prefer(&mut read);
        assert_eq!(read, ["2", "6", "7", "8", "9"]);
    }
}
