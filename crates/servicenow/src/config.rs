use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::config::Section;
use watchfloor_core::desk::Desk;
use watchfloor_core::{ConnectorName, StatusCategory};
use watchfloor_http::{Auth, Env, Factory, Ports, Settings, base_url};

use crate::desk::Incidents;
use crate::error::ByBody;
use crate::map;

/// Makes ServiceNow connectors: `type = "servicenow"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceNow;

/// What a connector does with its table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The table of tasks.
    pub table: String,
    /// The journal that comments go to: `work_notes`, which the team reads, or `comments`, which the
    /// caller reads too.
    pub comment_as: &'static str,
    /// What a new record has beside what it is opened with: `caller_id`, `category` …
    pub fields: BTreeMap<String, String>,
    /// Where in its life a record in this state is, where the table's own states are others than
    /// those that it is known for.
    pub states: BTreeMap<String, StatusCategory>,
    /// The close code where nobody says one.
    pub close_code: Option<String>,
    /// The close notes where nobody says any.
    pub close_notes: String,
}

impl Options {
    /// The usual for a table.
    pub fn of(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            comment_as: "work_notes",
            fields: BTreeMap::new(),
            states: BTreeMap::new(),
            close_code: None,
            close_notes: "Closed by Watchfloor.".to_owned(),
        }
    }

    fn read(section: &mut Section) -> Option<Self> {
        let table =
            section.parsed_or("table", r#"such as "incident""#, table, "incident".to_owned());
        let journals = [("work_notes", "work_notes"), ("comments", "comments")];
        let comment_as = section.one_of_or("comment_as", &journals, "work_notes");
        let mut options = Self::of("");
        options.fields = fields(section);
        options.states = states(section);
        options.close_code = filled(section, "close_code");
        if let Some(notes) = filled(section, "close_notes") {
            options.close_notes = notes;
        }
        (options.table, options.comment_as) = (table?, comment_as?);
        Some(options)
    }
}

impl Factory for ServiceNow {
    fn type_name(&self) -> &'static str {
        "servicenow"
    }

    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports> {
        let url = base_url(section, "url", r#"such as "https://acme.service-now.com""#);
        let options = Options::read(section);
        let auth = Auth::read_for(section, "x-sn-apikey");
        let settings = defaults().or_as_in(section);
        let (url, options, auth, settings) = (url?, options?, auth?, settings?);
        let client = env.layer.client(name, vec![url.clone()], auth, settings, ByBody);
        let client = section.made("url", client)?;
        let clock = env.clock.clone();
        let incidents = Incidents::new(name.clone(), url, options, client, clock.clone());
        let desk = Desk::new(incidents, clock).with_store(env.store.clone());
        Some(Ports::of_desk(Arc::new(desk)))
    }
}

fn table(text: &str) -> Result<String, String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if text.is_empty() || !text.bytes().all(word) {
        return Err(format!("{text:?} is no name of a table"));
    }
    Ok(text.to_owned())
}

/// Text that is there and not empty.
fn filled(section: &mut Section, key: &'static str) -> Option<String> {
    let text = section.text(key)?;
    if text.trim().is_empty() {
        section.problem(key, "is empty", "leave the key out for what is usual");
    }
    Some(text)
}

/// Columns and values of new records.
fn fields(section: &mut Section) -> BTreeMap<String, String> {
    let Some(table) = section.section("fields") else { return BTreeMap::new() };
    let fields = table.texts_by_name();
    for name in fields.keys() {
        if let Some(why) = map::not_for_configuration(name) {
            section.problem("fields", format!("{name:?} {why}"), "such as caller_id, category");
        }
    }
    fields
}

/// States by value.
fn states(section: &mut Section) -> BTreeMap<String, StatusCategory> {
    let Some(table) = section.section("states") else { return BTreeMap::new() };
    let mut states = BTreeMap::new();
    for (state, word) in table.texts_by_name() {
        let category = match word.as_str() {
            "new" => StatusCategory::New,
            "in_progress" => StatusCategory::InProgress,
            "done" => StatusCategory::Done,
            _ => {
                let what = format!("{word:?} is none of \"new\", \"in_progress\", \"done\"");
                section.problem("states", what, r#"such as "10" = "new""#);
                continue;
            }
        };
        states.insert(state, category);
    }
    states
}

/// A transaction may run for 60 s; a time-out below that makes every slow create ambiguous.
fn defaults() -> Settings {
    let mut settings = Settings::default();
    settings.attempt_timeout = Duration::from_secs(75);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_take_longer_than_a_transaction() {
        assert!(defaults().attempt_timeout > Duration::from_secs(60));
    }
}
