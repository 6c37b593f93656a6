//! ServiceNow: OAuth, the Table API and the Attachment API.

mod attachment;
mod cells;
mod query;
mod rules;
mod schema;
mod session;
mod settings;
mod state;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use watchfloor_core::Clock;

use crate::{Answer, Fault, Request, Twin};

use cells::utc;
use query::Row;
pub use settings::Closing;
use state::State;

/// An instance with one integration user, who has the roles for incidents. Times that it displays
/// are in the user's zone and format, five hours behind UTC.
#[derive(Debug)]
pub struct ServiceNow {
    clock: Arc<dyn Clock>,
    client_id: String,
    client_secret: String,
    basic: Option<String>,
    state: Mutex<State>,
}

/// A record as the instance holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldRecord {
    /// Its fields, raw.
    pub fields: BTreeMap<String, String>,
    /// The name of its assignment group.
    pub group: String,
    /// Its work notes, oldest first.
    pub work_notes: Vec<String>,
    /// Its comments, which its caller sees, oldest first.
    pub comments: Vec<String>,
    /// Its attachments: name and content.
    pub files: Vec<(String, Bytes)>,
}

impl ServiceNow {
    /// An instance that gives tokens for these client credentials.
    pub fn new(clock: Arc<dyn Clock>, client_id: &str, client_secret: &str) -> Self {
        let (client_id, client_secret) = (client_id.to_owned(), client_secret.to_owned());
        Self { clock, client_id, client_secret, basic: None, state: Mutex::default() }
    }

    /// It accepts this `Authorization` header too, such as `Basic …`.
    pub fn accept(mut self, authorization: &str) -> Self {
        self.basic = Some(authorization.to_owned());
        self
    }

    /// It takes this user's name and password, as Basic and in the grant `password`.
    pub fn user(self, name: &str, password: &str) -> Self {
        self.lock().session.users.insert(name.to_owned(), password.to_owned());
        self
    }

    /// It takes this key in `x-sn-apikey`.
    pub fn api_key(self, key: &str) -> Self {
        self.lock().session.keys.insert(key.to_owned());
        self
    }

    /// A refresh token is good for one use, which brings the next.
    pub fn rotating_refresh_tokens(self) -> Self {
        self.lock().session.rotating = true;
        self
    }

    /// A rate limit rule: so many requests in each hour of the clock.
    pub fn requests_per_hour(self, most: u64) -> Self {
        self.lock().session.per_hour = Some(most);
        self
    }

    /// What becomes of a record that is closed without a close code and notes.
    pub fn closing(self, closing: Closing) -> Self {
        self.lock().settings.closing = closing;
        self
    }

    /// Adds a group; answers its `sys_id`.
    pub fn add_group(&self, name: &str) -> String {
        let mut state = self.lock();
        let id = state.new_id();
        state.insert("sys_user_group", [("sys_id", id.clone()), ("name", name.to_owned())]);
        id
    }

    /// Adds a person; answers the `sys_id`.
    pub fn add_user(&self, user_name: &str, email: &str, active: bool) -> String {
        let mut state = self.lock();
        let id = state.new_id();
        let row = [
            ("sys_id", id.clone()),
            ("user_name", user_name.to_owned()),
            ("email", email.to_owned()),
            ("name", format!("The person {user_name}")),
            ("active", active.to_string()),
        ];
        state.insert("sys_user", row);
        id
    }

    /// A record of a table with this `correlation_id`, made by somebody else; answers its `sys_id`.
    pub fn plant(&self, table: &str, key: &str) -> String {
        let mut state = self.lock();
        let (id, number) = (state.new_id(), state.new_number(table));
        let task = schema::task(table);
        let prefix = task.map_or("TASK", |t| t.prefix);
        let first = task.and_then(|t| t.states.first()).map_or("1", |(state, ..)| state);
        let now = utc(self.clock.now());
        let row = [
            ("sys_id", id.clone()),
            ("number", format!("{prefix}{number:07}")),
            ("state", first.to_owned()),
            ("short_description", "by hand".to_owned()),
            ("correlation_id", key.to_owned()),
            ("sys_created_on", now.clone()),
            ("sys_updated_on", now),
            ("sys_mod_count", "0".to_owned()),
        ];
        state.insert(table, row);
        id
    }

    /// Sets a field of a record, past all rules.
    pub fn set(&self, table: &str, sys_id: &str, column: &str, value: &str) {
        let mut state = self.lock();
        let rows = state.tables.entry(table.to_owned()).or_default();
        if let Some(row) = rows.iter_mut().find(|row| row["sys_id"] == sys_id) {
            row.insert(column.to_owned(), value.to_owned());
        }
    }

    /// Takes the user's roles away.
    pub fn forbid(&self) {
        self.lock().settings.forbidden = true;
    }

    /// Takes away the right to write a column: it is dropped from a write, which succeeds.
    pub fn lock_column(&self, column: &str) {
        self.lock().settings.locked.insert(column.to_owned());
    }

    /// Passes over every condition on a column, as if the instance did not know it.
    pub fn pass_over(&self, column: &str) {
        self.lock().settings.passed_over.insert(column.to_owned());
    }

    /// Hides a record from the user: it is absent, and still counted by limits and totals.
    pub fn hide(&self, sys_id: &str) {
        self.lock().settings.hidden.insert(sys_id.to_owned());
    }

    /// Hides every row of a table, such as `sys_journal_field`; they are still counted.
    pub fn hide_rows(&self, table: &str) {
        self.lock().settings.hidden_tables.insert(table.to_owned());
    }

    /// Refuses every request for a table.
    pub fn deny_table(&self, table: &str) {
        self.lock().settings.denied_tables.insert(table.to_owned());
    }

    /// Shows choices in Japanese, and has them in no other language.
    pub fn speak_japanese(&self) {
        self.lock().settings.japanese = true;
    }

    /// Lets a column hold so many characters; what is longer is cut without a word.
    pub fn set_length(&self, column: &str, most: usize) {
        self.lock().settings.set_length(column, most);
    }

    /// No record leaves the state in which it is made.
    pub fn stick(&self) {
        self.lock().settings.stuck = true;
    }

    /// Adds a column to tasks, without which none is ended.
    pub fn demand(&self, column: &str) {
        self.lock().settings.demanded.insert(column.to_owned());
    }

    /// A record made from now on is not among what its first so many look-ups find, as where a read
    /// replica lags.
    pub fn lag(&self, look_ups: u32) {
        self.lock().settings.lag = look_ups;
    }

    /// A refresh token, as a client is given one when a person has agreed.
    pub fn consent(&self) -> String {
        self.lock().session.new_refresh_token()
    }

    /// How many tokens were given out.
    pub fn tokens_given(&self) -> u64 {
        self.lock().session.tokens
    }

    /// The records of a table.
    pub fn held(&self, table: &str) -> Vec<HeldRecord> {
        let state = self.lock();
        let record = |fields: &Row| {
            let journal = |element: &str| {
                let rows = state.rows("sys_journal_field");
                let of = |j: &&Row| j["element_id"] == fields["sys_id"] && j["element"] == element;
                rows.iter().filter(of).map(|j| j["value"].clone()).collect()
            };
            let files = state.rows("sys_attachment");
            let files = files.iter().filter(|f| f["table_sys_id"] == fields["sys_id"]);
            let content = |id: &str| state.files.get(id).cloned().unwrap_or_default();
            let group = fields.get("assignment_group").map_or("", String::as_str);
            HeldRecord {
                fields: fields.clone(),
                group: state.name_of("assignment_group", group),
                work_notes: journal("work_notes"),
                comments: journal("comments"),
                files: files.map(|f| (f["file_name"].clone(), content(&f["sys_id"]))).collect(),
            }
        };
        state.rows(table).iter().map(record).collect()
    }

    /// The page of a developer instance that sleeps.
    pub fn hibernating() -> Answer {
        let page = "<html><body class=\"instance-hibernating-page\">Instance Hibernating page</body></html>";
        Answer::new(200).body("text/html", page)
    }

    /// What is left of an answer whose transaction took too long: its first half, then the error.
    pub fn cancelled(answer: &Answer) -> Answer {
        let half = &answer.bytes()[..answer.bytes().len() / 2];
        let message = "Transaction cancelled: maximum execution time exceeded";
        let error = format!(
            r#""error": {{"message":"{message}","detail":"maximum execution time exceeded"}},"status": "failure"}}"#
        );
        Answer::new(200).body("application/json", [half, error.as_bytes()].concat())
    }

    /// The queue of the API's semaphore is full: nothing was done.
    pub fn queue_full() -> Answer {
        Answer::new(429)
    }

    /// The session has too many requests under way: this one is dropped.
    pub fn dropped() -> Answer {
        Answer::new(202)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, request: &Request) -> Option<Answer> {
        if let Some(refused) = self.unauthenticated(request) {
            return Some(refused);
        }
        let json = |header| {
            let names = request.header(header).unwrap_or_default();
            names.contains("application/json") || (header == "accept" && names.contains("*/*"))
        };
        let file = attachment(request).is_some();
        let writes = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") && !file;
        if (!json("accept") && !file) || (writes && !json("content-type")) {
            return Some(error(400, "Invalid content-type or accept header", ""));
        }
        self.lock().settings.forbidden.then(denied)
    }

    fn answer(&self, request: &Request) -> Answer {
        if let Some(refused) = self.refuse(request) {
            return refused;
        }
        if let Some(rest) = attachment(request) {
            return self.attachment(request, &rest);
        }
        match (target(request), request.method.as_str()) {
            (Some((table, _)), _) if !table::known(&table) => {
                error(400, &format!("Invalid table {table}"), "")
            }
            (Some((table, None)), "GET") => self.list(request, &table),
            (Some((table, None)), "POST") => self.insert(request, &table),
            (Some((table, Some(id))), "GET") => self.read(request, &table, &id),
            (Some((table, Some(id))), "PATCH" | "PUT") => self.update(request, &table, &id),
            (Some((table, Some(id))), "DELETE") => self.delete(&table, &id),
            _ => error(400, "Requested URI does not represent any resource", &request.path),
        }
    }
}

fn denied() -> Answer {
    let detail = "ACL Exception Insert Failed due to security constraints";
    error(403, "Operation Failed", detail)
}

fn no_record() -> Answer {
    let detail = "Record doesn't exist or ACL restricts the record retrieval";
    error(404, "No Record found", detail)
}

fn error(status: u16, message: &str, detail: &str) -> Answer {
    let detail = if detail.is_empty() { Value::Null } else { json!(detail) };
    Answer::json(
        status,
        &json!({ "error": { "message": message, "detail": detail }, "status": "failure" }),
    )
}

/// `table`, and the record's id, of a Table API path with or without a version.
fn target(request: &Request) -> Option<(String, Option<String>)> {
    let segments = request.segments();
    let rest = match &segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["api", "now", "table", ..] => 3,
        ["api", "now", "v1" | "v2", "table", ..] => 4,
        _ => return None,
    };
    let table = segments.get(rest)?.clone();
    (segments.len() <= rest + 2).then(|| (table, segments.get(rest + 1).cloned()))
}

/// What follows in a path of the Attachment API.
fn attachment(request: &Request) -> Option<Vec<String>> {
    let segments = request.segments();
    match &segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["api", "now", "attachment", ..] => Some(segments[3..].to_vec()),
        ["api", "now", "v1", "attachment", ..] => Some(segments[4..].to_vec()),
        _ => None,
    }
}

impl Twin for ServiceNow {
    fn operation(&self, request: &Request) -> &'static str {
        if request.path == "/oauth_token.do" {
            return "token";
        }
        if attachment(request).is_some() {
            return if request.method == "POST" { "attach" } else { "attachments" };
        }
        match (target(request), request.method.as_str()) {
            (Some((table, None)), "GET") => match table.as_str() {
                "sys_user_group" => "group",
                "sys_user" => "user",
                "sys_choice" => "choices",
                "sys_dictionary" => "dictionary",
                "sys_journal_field" => "journal",
                _ => "list",
            },
            (Some((_, None)), "POST") => "create",
            (Some((_, Some(_))), "GET") => "read",
            (Some((_, Some(_))), "PATCH" | "PUT") => "update",
            (Some((_, Some(_))), "DELETE") => "delete",
            _ => "unknown",
        }
    }

    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if matches!(fault, Some(Fault::ExpireCredential)) {
            self.lock().session.token = None;
        }
        if self.operation(request) == "token" {
            return self.token(request);
        }
        let (headers, refused) = self.limited();
        let answer = refused.unwrap_or_else(|| self.answer(request));
        let transaction = self.lock().new_id();
        let named = headers.into_iter().chain([("x-transaction-id", transaction)]);
        named.fold(answer, |answer, (name, value)| answer.header(name, value))
    }
}
