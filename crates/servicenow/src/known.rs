//! What an instance says of its tables: choices and lengths. Read when first needed and believed
//! for an hour.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchfloor_core::{Call, Clock, Error, Kind, Result, Timestamp};

use crate::client::Instance;
use crate::states::States;
use crate::wire::{Record, value};

/// How long it is believed.
const LIFE: Duration = Duration::from_secs(3600);
/// How long one goes on without it after a failure that may pass.
const FAILED: Duration = Duration::from_secs(60);

/// How much text the columns hold, in UTF-16 units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) short_description: usize,
    pub(crate) description: usize,
    pub(crate) correlation_id: usize,
    pub(crate) close_notes: usize,
    /// Of the journal that comments go to.
    pub(crate) journal: usize,
    /// Columns that append.
    pub(crate) journals: BTreeSet<String>,
}

impl Default for Limits {
    /// Out of the box.
    fn default() -> Self {
        let journals = ["comments", "work_notes", "comments_and_work_notes", "approval_history"];
        Self {
            short_description: 160,
            description: 4000,
            correlation_id: 100,
            close_notes: 4000,
            journal: 4000,
            journals: journals.map(str::to_owned).into(),
        }
    }
}

impl Limits {
    /// What the rows of `sys_dictionary` say; what they do not say is as out of the box.
    fn read(rows: &[Record], journal: &str) -> Self {
        let mut limits = Self::default();
        for row in rows {
            let element = value(row, "element");
            if value(row, "internal_type").starts_with("journal") && !element.is_empty() {
                limits.journals.insert(element.to_owned());
            }
            let most = value(row, "max_length").replace(',', "");
            let Some(most) = most.parse().ok().filter(|most| *most > 0) else { continue };
            match element {
                "short_description" => limits.short_description = most,
                "description" => limits.description = most,
                "correlation_id" => limits.correlation_id = most,
                "close_notes" => limits.close_notes = most,
                _ if element == journal => limits.journal = most,
                _ => {}
            }
        }
        limits
    }
}

/// What states and close codes there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    /// In the order of preference.
    pub(crate) states: Vec<String>,
    /// Value and label, in every language of the instance.
    pub(crate) close_codes: Vec<(String, String)>,
}

impl Choices {
    /// The table's own rows of `sys_choice`, else those that it has from `task`.
    fn read(rows: &[Record], table: &str, states: &States) -> Self {
        let of = |element: &str| -> Vec<&Record> {
            let of = |name: &str| -> Vec<&Record> {
                let is = |r: &&Record| {
                    value(r, "element") == element
                        && value(r, "name") == name
                        && value(r, "inactive") != "true"
                        && !value(r, "value").is_empty()
                };
                rows.iter().filter(is).collect()
            };
            let own = of(table);
            if own.is_empty() { of("task") } else { own }
        };
        let mut read: Vec<String> =
            of("state").iter().map(|r| value(r, "value").to_owned()).collect();
        states.prefer(&mut read);
        let code = |r: &&Record| (value(r, "value").to_owned(), value(r, "label").to_owned());
        Self { states: read, close_codes: of("close_code").iter().map(code).collect() }
    }
}

/// A value, and until when it is believed.
type Kept<T> = Mutex<Option<(Arc<T>, Timestamp)>>;

#[derive(Debug)]
pub(crate) struct Known {
    clock: Arc<dyn Clock>,
    /// The journal that comments go to.
    journal: &'static str,
    limits: Kept<Limits>,
    choices: Kept<Choices>,
}

impl Known {
    pub(crate) fn new(clock: Arc<dyn Clock>, journal: &'static str) -> Self {
        Self { clock, journal, limits: Mutex::default(), choices: Mutex::default() }
    }

    /// As last read, or as out of the box.
    pub(crate) fn limits_now(&self) -> Arc<Limits> {
        let kept = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map(|(limits, _)| limits.clone()).unwrap_or_default()
    }

    pub(crate) async fn limits(&self, call: &Call, instance: &Instance) -> Result<Arc<Limits>> {
        if let Some(fresh) = self.fresh(&self.limits) {
            return Ok(fresh);
        }
        let read = instance.dictionary(call).await.and_then(some);
        let read = read.map(|rows| Limits::read(&rows, self.journal));
        self.keep(&self.limits, read, "sys_dictionary", Limits::default)
    }

    pub(crate) async fn choices(
        &self,
        call: &Call,
        instance: &Instance,
        states: &States,
    ) -> Result<Arc<Choices>> {
        if let Some(fresh) = self.fresh(&self.choices) {
            return Ok(fresh);
        }
        let read = instance.choices(call).await.and_then(some);
        let read = read.map(|rows| Choices::read(&rows, instance.table(), states));
        let usual = || Choices { states: states.usual(), ..Choices::default() };
        let read =
            read.and_then(|read| if read.states.is_empty() { Err(none()) } else { Ok(read) });
        self.keep(&self.choices, read, "sys_choice", usual)
    }

    fn fresh<T>(&self, kept: &Kept<T>) -> Option<Arc<T>> {
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (value, until) = kept.as_ref()?;
        (self.clock.now() < *until).then(|| value.clone())
    }

    /// Keeps what was read. A ticket matters more than a list: without it one goes on with what is
    /// known, but for a credential that is refused, which is not tried again.
    fn keep<T>(
        &self,
        kept: &Kept<T>,
        read: Result<T>,
        table: &str,
        usual: impl FnOnce() -> T,
    ) -> Result<Arc<T>> {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (value, life) = match read {
            Ok(value) => (Arc::new(value), LIFE),
            Err(e) if e.kind() == Kind::Unauthenticated => return Err(e),
            Err(e) => {
                tracing::warn!(error = %e, table, "not read; going on with what is usual");
                let before = kept.take().map(|(value, _)| value);
                let passes = matches!(
                    e.kind(),
                    Kind::Unavailable | Kind::Timeout | Kind::RateLimited | Kind::Protocol
                );
                let value = before.unwrap_or_else(|| Arc::new(usual()));
                (value, if passes { FAILED } else { LIFE })
            }
        };
        let until = self.clock.now().saturating_add(life);
        *kept = Some((value.clone(), until));
        Ok(value)
    }
}

/// A list without a row says that an ACL hides them: no instance has none.
fn some(rows: Vec<Record>) -> Result<Vec<Record>> {
    if rows.is_empty() { Err(none()) } else { Ok(rows) }
}

fn none() -> Error {
    Error::new(Kind::Forbidden, "no row is shown: an ACL hides them")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn rows(json: serde_json::Value) -> Vec<Record> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn lengths_are_read_and_what_is_not_told_is_as_out_of_the_box() {
        let rows = rows(serde_json::json!([
            { "element": "short_description", "max_length": "80", "internal_type": "string" },
            { "element": "description", "max_length": "4,000" },
            { "element": "correlation_id", "max_length": "many" },
            { "element": "u_diary", "max_length": "1000", "internal_type": "journal_input" },
            { "element": "comments", "max_length": "500", "internal_type": "journal_input" },
        ]));
        let limits = Limits::read(&rows, "work_notes");
        assert_eq!((limits.short_description, limits.description), (80, 4000));
        assert_eq!((limits.correlation_id, limits.journal), (100, 4000));
        assert!(limits.journals.contains("u_diary") && limits.journals.contains("work_notes"));
        assert_eq!(Limits::read(&rows, "comments").journal, 500);
    }

    #[test]
    fn a_table_s_own_choices_take_the_place_of_those_of_task_and_inactive_ones_are_none() {
        let row = |name: &str, element: &str, value: &str, inactive: &str| {
            serde_json::json!({
                "name": name, "element": element, "value": value, "label": format!("L{value}"),
                "inactive": inactive,
            })
        };
        let rows = rows(serde_json::json!([
            row("task", "state", "3", "false"),
            row("incident", "state", "7", "false"),
            row("incident", "state", "6", "false"),
            row("incident", "state", "5", "true"),
            row("task", "close_code", "done", "false"),
        ]));
        let states = States::of("incident", BTreeMap::new());
        let read = Choices::read(&rows, "incident", &states);
        assert_eq!(read.states, ["6", "7"]);
        assert_eq!(read.close_codes, [("done".to_owned(), "Ldone".to_owned())]);
    }
}
