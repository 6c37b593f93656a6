//! ServiceNow: OAuth and the Table API.

mod cells;
mod query;
mod state;
mod table;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use watchfloor_core::{Clock, Timestamp};

use crate::{Answer, Fault, Request, Twin};

use query::Row;
use state::State;

/// The lifetime of an access token, as instances have it out of the box.
const LIFETIME: Duration = Duration::from_secs(1799);

/// Columns of a task table; what is not one is ignored, in conditions and in writes.
const COLUMNS: &[&str] = &[
    "sys_id",
    "number",
    "state",
    "short_description",
    "description",
    "impact",
    "urgency",
    "priority",
    "correlation_id",
    "correlation_display",
    "assignment_group",
    "sys_created_on",
    "sys_updated_on",
    "sys_mod_count",
    "close_code",
    "close_notes",
    "work_notes",
    "comments",
    "caller_id",
    "category",
];

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

    /// Adds a group; answers its `sys_id`.
    pub fn add_group(&self, name: &str) -> String {
        let mut state = self.lock();
        let id = state.new_id();
        state.insert("sys_user_group", [("sys_id", id.clone()), ("name", name.to_owned())]);
        id
    }

    /// Takes the user's roles away.
    pub fn forbid(&self) {
        self.lock().forbidden = true;
    }

    /// Takes away the right to write a column: it is dropped from a write, which succeeds.
    pub fn lock_column(&self, column: &str) {
        self.lock().locked.insert(column.to_owned());
    }

    /// Hides a record from the user: it is absent, and still counted by limits and totals.
    pub fn hide(&self, sys_id: &str) {
        self.lock().hidden.insert(sys_id.to_owned());
    }

    /// How many tokens were given out.
    pub fn tokens_given(&self) -> u64 {
        self.lock().tokens
    }

    /// The records of a table.
    pub fn held(&self, table: &str) -> Vec<HeldRecord> {
        let state = self.lock();
        let record = |fields: &Row| {
            let notes = state
                .rows("sys_journal_field")
                .iter()
                .filter(|j| j["element_id"] == fields["sys_id"] && j["element"] == "work_notes");
            HeldRecord {
                fields: fields.clone(),
                group: state.group_name(fields.get("assignment_group").map_or("", String::as_str)),
                work_notes: notes.map(|j| j["value"].clone()).collect(),
            }
        };
        state.rows(table).iter().map(record).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(&self, request: &Request) -> Answer {
        let field = |key| request.field(key).unwrap_or_default();
        let right = request.method == "POST"
            && field("grant_type") == "client_credentials"
            && field("client_id") == self.client_id
            && field("client_secret") == self.client_secret;
        if !right {
            let body = json!({ "error_description": "access_denied", "error": "server_error" });
            return Answer::json(401, &body);
        }
        let now = self.clock.now();
        let mut state = self.lock();
        // Within its lifetime the same token is given out again.
        if state.token.as_ref().is_none_or(|(_, expires)| *expires <= now) {
            state.tokens += 1;
            let token = format!("twin-access-{}", state.tokens);
            state.token = Some((token, now.saturating_add(LIFETIME)));
        }
        let (token, expires) = state.token.clone().unwrap_or_default();
        Answer::json(
            200,
            &json!({
                "access_token": token, "scope": "useraccount", "token_type": "Bearer",
                "expires_in": expires.since(now).as_secs(),
            }),
        )
    }

    fn refuse(&self, request: &Request) -> Option<Answer> {
        let state = self.lock();
        let given = request.header("authorization").unwrap_or_default();
        let by_token =
            state.token.as_ref().is_some_and(|(token, expires): &(String, Timestamp)| {
                given == format!("Bearer {token}") && self.clock.now() < *expires
            });
        if !by_token && self.basic.as_deref() != Some(given) {
            return Some(
                error(401, "User Not Authenticated", "Required to provide Auth information")
                    .header("www-authenticate", "BEARER realm=\"Service-now\""),
            );
        }
        let json = |header| {
            let names = request.header(header).unwrap_or_default();
            names.contains("application/json") || (header == "accept" && names.contains("*/*"))
        };
        let writes = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
        if !json("accept") || (writes && !json("content-type")) {
            return Some(error(400, "Invalid content-type or accept header", ""));
        }
        state.forbidden.then(denied)
    }
}

fn is_task(table: &str) -> bool {
    !matches!(table, "sys_user_group" | "sys_journal_field")
}

fn denied() -> Answer {
    let detail = "ACL Exception Insert Failed due to security constraints";
    error(403, "Operation Failed", detail)
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

impl Twin for ServiceNow {
    fn operation(&self, request: &Request) -> &'static str {
        if request.path == "/oauth_token.do" {
            return "token";
        }
        match (target(request), request.method.as_str()) {
            (Some((table, None)), "GET") if table == "sys_user_group" => "group",
            (Some((table, None)), "GET") if table == "sys_journal_field" => "journal",
            (Some((_, None)), "GET") => "list",
            (Some((_, None)), "POST") => "create",
            (Some((_, Some(_))), "GET") => "read",
            (Some((_, Some(_))), "PATCH" | "PUT") => "update",
            (Some((_, Some(_))), "DELETE") => "delete",
            _ => "unknown",
        }
    }

    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if matches!(fault, Some(Fault::ExpireCredential)) {
            self.lock().token = None;
        }
        if self.operation(request) == "token" {
            return self.token(request);
        }
        if let Some(refused) = self.refuse(request) {
            return refused;
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
