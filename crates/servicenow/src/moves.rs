//! The workflow: from every open state to every other.

use watchfloor_core::StatusCategory;
use watchfloor_core::desk::{Move, Required, Status};

use crate::config::Options;
use crate::known::Choices;
use crate::states::States;

/// Close codes that mean "dealt with", as new and old instances have them out of the box.
const USUAL_CODES: [&str; 6] = [
    "Solution provided",
    "Solved (Permanently)",
    "Resolved by request",
    "Workaround provided",
    "Investigation completed",
    "Threat mitigated",
];

/// Why an incident waits: value and label.
const HOLD_REASONS: [(&str, &str); 4] = [
    ("1", "Awaiting Caller"),
    ("3", "Awaiting Problem"),
    ("4", "Awaiting Vendor"),
    ("5", "Awaiting Change"),
];

/// All steps, each with the state that it leaves. An instance may allow fewer; the driver reads back
/// what came of one. `at` is the ticket's state, which a choice list may lack.
pub(crate) fn steps(at: &str, states: &States, choices: &Choices, options: &Options) -> Vec<Move> {
    let mut steps = Vec::new();
    let all = &choices.states;
    let at = Some(at).filter(|at| !all.iter().any(|s| s == at)).map(str::to_owned);
    for from in at.iter().chain(all) {
        if states.is_last(from) {
            continue;
        }
        let done = states.category(from) == StatusCategory::Done;
        for to in all.iter().filter(|to| *to != from) {
            let category = states.category(to);
            // What is resolved is reopened as work in progress, or closed.
            let leads = !done || category == StatusCategory::InProgress || states.is_last(to);
            if leads {
                steps.push(step(from, to, states, choices, options));
            }
        }
    }
    steps
}

fn step(from: &str, to: &str, states: &States, choices: &Choices, options: &Options) -> Move {
    let category = states.category(to);
    let mut step = Move::new(to, Status::new(to, category)).leaving(from);
    let configured = category == StatusCategory::Done && options.close_code.is_some();
    if states.wants_close_code(to) || configured {
        step = step.requires(close_code(choices, options));
        step = step.requires(Required::new("close_notes").or(&options.close_notes));
    }
    if options.table == "incident" && to == "3" {
        let reason = Required::new("hold_reason");
        step =
            step.requires(HOLD_REASONS.iter().fold(reason, |r, (v, shown)| r.allows(*v, *shown)));
    }
    step
}

fn close_code(choices: &Choices, options: &Options) -> Required {
    let mut field = Required::new("close_code").is_resolution();
    for (value, shown) in &choices.close_codes {
        field = field.allows(value, shown);
    }
    match default_code(choices, options) {
        Some(code) => field.or(code),
        None => field,
    }
}

/// The configured code, else the first usual one that the instance has.
pub(crate) fn default_code(choices: &Choices, options: &Options) -> Option<String> {
    if options.close_code.is_some() {
        return options.close_code.clone();
    }
    let there = |code: &&str| {
        choices.close_codes.is_empty() || choices.close_codes.iter().any(|(v, _)| v == code)
    };
    USUAL_CODES.iter().find(|code| there(code)).map(|code| (*code).to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn choices(states: &[&str], codes: &[&str]) -> Choices {
        Choices {
            states: states.iter().map(|s| (*s).to_owned()).collect(),
            close_codes: codes.iter().map(|c| ((*c).to_owned(), format!("shown {c}"))).collect(),
        }
    }

    fn walk(at: &str, states: &[&str]) -> Vec<(String, String)> {
        let of = States::of("incident", BTreeMap::new());
        let steps = steps(at, &of, &choices(states, &[]), &Options::of("incident"));
        steps.into_iter().map(|s| (s.from.unwrap(), s.to.id)).collect()
    }

    #[test]
    fn an_open_record_goes_anywhere_a_resolved_one_is_reopened_or_closed_and_a_closed_one_stays() {
        let all = walk("1", &["1", "2", "6", "7", "8"]);
        let from = |state: &str| -> Vec<&str> {
            all.iter().filter(|(f, _)| f == state).map(|(_, t)| t.as_str()).collect()
        };
        assert_eq!(from("1"), ["2", "6", "7", "8"]);
        assert_eq!(from("2"), ["1", "6", "7", "8"]);
        assert_eq!(from("6"), ["2", "7", "8"]);
        assert_eq!([from("7"), from("8")], [[""; 0], [""; 0]]);
    }

    #[test]
    fn a_state_that_no_choice_names_is_left_like_others() {
        assert_eq!(walk("42", &["2"]), [("42".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn the_close_code_is_the_configured_one_or_a_usual_one_that_is_there() {
        let mut options = Options::of("incident");
        let code = |codes: &[&str], options: &Options| default_code(&choices(&[], codes), options);
        assert_eq!(code(&[], &options).as_deref(), Some("Solution provided"));
        let old = ["Closed/Resolved by Caller", "Solved (Permanently)"];
        assert_eq!(code(&old, &options).as_deref(), Some("Solved (Permanently)"));
        assert_eq!(code(&["own"], &options), None, "nothing is guessed");
        options.close_code = Some("own".to_owned());
        assert_eq!(code(&old, &options).as_deref(), Some("own"));
    }
}
