//! What a check looks at: nothing that it does has an effect.

use watchfloor_core::{Call, Error, Health, Kind, Result, Stage};

use crate::client::Rows;
use crate::desk::Incidents;

/// Tables beside the one of the tickets: what is lost without them, and what to grant.
const TABLES: [(&str, &str, &str); 4] = [
    (
        "sys_journal_field",
        "comments cannot be read, so none is added",
        "grant read on sys_journal_field to the user",
    ),
    (
        "sys_choice",
        "states and close codes are taken to be those of a new instance",
        "grant read on sys_choice to the user",
    ),
    (
        "sys_dictionary",
        "lengths are taken to be 160 and 4000 characters",
        "grant read on sys_dictionary to the user, such as the role personalize_dictionary",
    ),
    (
        "sys_user_group",
        "groups cannot be given by name",
        "grant read on sys_user_group to the user, or configure groups by sys_id",
    ),
];

impl Incidents {
    pub(crate) async fn health(&self, call: &Call) -> Health {
        let table = self.instance.table();
        let seen = format!("a record of {table} may be read");
        let grant = "give the user read and write on the table, such as the role sn_incident_write";
        let read = self.instance.probe(call, table).await;
        let is_good = read.is_ok();
        let mut health = Health::of(read, &seen, grant);
        if is_good {
            for (table, lost, fix) in TABLES {
                if let Some(why) = unread(self.instance.probe(call, table).await) {
                    health = health.bad(Stage::Degraded, format!("{table}: {why}; {lost}"), fix);
                }
            }
            if let Some(why) = self.wrong_close_code(call).await {
                health = health.bad(Stage::Degraded, why, "choose one of the instance's own codes");
            }
        }
        self.instance.health(health)
    }

    /// A configured close code that the instance does not have.
    async fn wrong_close_code(&self, call: &Call) -> Option<String> {
        let code = self.options.close_code.as_deref()?;
        let choices = self.known.choices(call, &self.instance, &self.states).await.ok()?;
        let codes = &choices.close_codes;
        let there = codes.is_empty() || codes.iter().any(|(value, _)| value == code);
        (!there).then(|| format!("{code:?} is none of the close codes of the table"))
    }
}

/// Why a table cannot be read, if so. One without a row is fine, one whose rows are hidden is not.
fn unread(read: Result<Rows>) -> Option<String> {
    match read {
        Ok(rows) if rows.hidden(1) > 0 => Some("an ACL hides its rows".to_owned()),
        Ok(_) => None,
        Err(e) if passes(&e) => None,
        Err(e) => Some(e.message().to_owned()),
    }
}

/// What says nothing of rights.
fn passes(e: &Error) -> bool {
    matches!(e.kind(), Kind::Unavailable | Kind::Timeout | Kind::RateLimited)
}
