//! Business rules and data policies: what an instance says to a change of state.

use serde_json::{Map, Value};

use crate::Answer;

use super::query::Row;
use super::settings::Closing;
use super::state::State;
use super::{error, schema};

/// What becomes of a write.
pub(super) enum Ruling {
    /// It is carried out.
    Go,
    /// It is, but for the state.
    KeepState,
    /// Nothing is done.
    Refuse(Answer),
}

impl State {
    pub(super) fn rule(&self, table: &str, before: &Row, body: &Map<String, Value>) -> Ruling {
        let Some(task) = schema::task(table) else { return Ruling::Go };
        let held = |column: &str| before.get(column).map(String::as_str).unwrap_or_default();
        let after =
            |column: &str| body.get(column).and_then(Value::as_str).unwrap_or_else(|| held(column));
        let (from, to) = (held("state"), after("state"));
        if from == to {
            return Ruling::Go;
        }
        let stuck = self.settings.stuck && task.states.first().is_some_and(|(s, ..)| *s == from);
        if stuck || task.last.contains(&from) {
            let detail = format!(
                "Operation against file '{table}' was aborted by Business Rule 'Prevent reopening'"
            );
            return Ruling::Refuse(error(403, "Operation Failed", &detail));
        }
        let demanded = self.settings.demanded.iter().map(String::as_str);
        let demanded = demanded.filter(|_| task.done.contains(&to));
        let mut missing: Vec<&str> = demanded.filter(|c| after(c).is_empty()).collect();
        let closing = self.settings.closing;
        if task.closing.contains(&to) && closing != Closing::Free {
            let unsaid = ["close_code", "close_notes"].into_iter().filter(|c| after(c).is_empty());
            missing.extend(unsaid);
        }
        if missing.is_empty() {
            return Ruling::Go;
        }
        if closing == Closing::Ignored {
            return Ruling::KeepState;
        }
        let detail = format!(
            "Data Policy Exception: The following fields are mandatory: {}",
            missing.join(", ")
        );
        Ruling::Refuse(error(403, "Operation Failed", &detail))
    }
}
