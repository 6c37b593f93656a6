//! ServiceNow: OAuth and the Table API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use watchfloor_core::{Clock, Timestamp};

use crate::{Answer, Fault, Request, Twin};

/// The lifetime of an access token, as instances have it out of the box.
const LIFETIME: Duration = Duration::from_secs(1799);

/// An instance with one integration user, who has the roles for incidents.
#[derive(Debug)]
pub struct ServiceNow {
    clock: Arc<dyn Clock>,
    client_id: String,
    client_secret: String,
    basic: Option<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<(String, Timestamp)>,
    tokens: u64,
    forbidden: bool,
    /// Records by table, in the order in which they were inserted.
    tables: BTreeMap<String, Vec<BTreeMap<String, String>>>,
    next: u64,
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
        let group = [("sys_id", id.as_str()), ("name", name)];
        let group = group.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        state.tables.entry("sys_user_group".to_owned()).or_default().push(group);
        id
    }

    /// Takes the user's roles away.
    pub fn forbid(&self) {
        self.lock().forbidden = true;
    }

    /// How many tokens were given out.
    pub fn tokens_given(&self) -> u64 {
        self.lock().tokens
    }

    /// The records of a table.
    pub fn held(&self, table: &str) -> Vec<HeldRecord> {
        let state = self.lock();
        let journal = state.tables.get("sys_journal_field").map_or(&[][..], Vec::as_slice);
        let record = |fields: &BTreeMap<String, String>| {
            let notes = journal
                .iter()
                .filter(|j| j["element_id"] == fields["sys_id"] && j["element"] == "work_notes");
            HeldRecord {
                fields: fields.clone(),
                group: state.group_name(fields.get("assignment_group").map_or("", String::as_str)),
                work_notes: notes.map(|j| j["value"].clone()).collect(),
            }
        };
        state.tables.get(table).into_iter().flatten().map(record).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(&self, request: &Request) -> Answer {
        let field = |key| request.field(key).unwrap_or_default();
        let right = field("grant_type") == "client_credentials"
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
        let by_token = state.token.as_ref().is_some_and(|(token, expires)| {
            given == format!("Bearer {token}") && self.clock.now() < *expires
        });
        if by_token || self.basic.as_deref() == Some(given) {
            return state.forbidden.then(|| {
                error(
                    403,
                    "Operation Failed",
                    "ACL Exception Insert Failed due to security constraints",
                )
            });
        }
        Some(
            error(401, "User Not Authenticated", "Required to provide Auth information")
                .header("www-authenticate", "BEARER realm=\"Service-now\""),
        )
    }

    fn list(&self, request: &Request, table: &str) -> Answer {
        let mut state = self.lock();
        if !known(table) {
            return error(400, &format!("Invalid table {table}"), "");
        }
        let query = request.param("sysparm_query").unwrap_or_default();
        let number = |key, default| {
            request.param(key).and_then(|v| v.parse::<usize>().ok()).unwrap_or(default)
        };
        let (limit, offset) = (number("sysparm_limit", 10_000), number("sysparm_offset", 0));
        let rows = state.tables.entry(table.to_owned()).or_default();
        let mut found: Vec<_> =
            rows.iter().filter(|r| matches_query(table, &query, r)).cloned().collect();
        order(&query, &mut found);
        let total = found.len();
        let page: Vec<_> = found
            .into_iter()
            .skip(offset)
            .take(limit)
            .map(|r| state.cells(&r, request, table))
            .collect();
        Answer::json(200, &json!({ "result": page })).header("x-total-count", total.to_string())
    }

    fn insert(&self, request: &Request, table: &str) -> Answer {
        let Some(Value::Object(body)) = request.json() else {
            return error(400, "Exception while reading request", "The payload is not valid JSON");
        };
        if !known(table) {
            return error(400, &format!("Invalid table {table}"), "");
        }
        let mut state = self.lock();
        let id = state.new_id();
        let number = state.tables.get(table).map_or(0, Vec::len) + 10_001;
        let now = utc(self.clock.now());
        let mut record: BTreeMap<String, String> = [
            ("sys_id", id.clone()),
            ("number", format!("INC{number:07}")),
            ("state", "1".to_owned()),
            ("impact", "3".to_owned()),
            ("urgency", "3".to_owned()),
            ("sys_created_on", now.clone()),
            ("sys_updated_on", now),
            ("sys_mod_count", "0".to_owned()),
        ]
        .map(|(k, v)| (k.to_owned(), v))
        .into();
        state.write(&mut record, &body, request);
        let cells = state.cells(&record, request, table);
        state.tables.entry(table.to_owned()).or_default().push(record);
        let location = format!("/api/now/v2/table/{table}/{id}");
        Answer::json(201, &json!({ "result": cells })).header("location", location)
    }

    fn one(&self, request: &Request, table: &str, id: &str) -> Answer {
        let mut state = self.lock();
        let rows = state.tables.get(table);
        let Some(at) = rows.and_then(|rows| rows.iter().position(|r| r["sys_id"] == id)) else {
            return error(
                404,
                "No Record found",
                "Record doesn't exist or ACL restricts the record retrieval",
            );
        };
        let mut record = state.tables[table][at].clone();
        if request.method != "GET" {
            let Some(Value::Object(body)) = request.json() else {
                return error(
                    400,
                    "Exception while reading request",
                    "The payload is not valid JSON",
                );
            };
            state.write(&mut record, &body, request);
            let count = record["sys_mod_count"].parse::<u64>().unwrap_or_default() + 1;
            record.insert("sys_mod_count".to_owned(), count.to_string());
            record.insert("sys_updated_on".to_owned(), utc(self.clock.now()));
            if let Some(rows) = state.tables.get_mut(table) {
                rows[at].clone_from(&record);
            }
        }
        let cells = state.cells(&record, request, table);
        Answer::json(200, &json!({ "result": cells }))
    }
}

impl State {
    /// 32 hex digits that say nothing.
    fn new_id(&mut self) -> String {
        self.next += 1;
        format!("{:032x}", u128::from(self.next) * 0x9d38_5017_c611_2287_01d2_2104)
    }

    fn group_name(&self, id: &str) -> String {
        let groups = self.tables.get("sys_user_group").map_or(&[][..], Vec::as_slice);
        groups.iter().find(|g| g["sys_id"] == id).map_or_else(String::new, |g| g["name"].clone())
    }

    /// Writes the columns that there are; a journal field appends to the journal.
    fn write(
        &mut self,
        record: &mut BTreeMap<String, String>,
        body: &Map<String, Value>,
        request: &Request,
    ) {
        let by_display = request.param("sysparm_input_display_value").as_deref() == Some("true");
        for (column, value) in body {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match column.as_str() {
                "work_notes" | "comments" if !text.is_empty() => {
                    let entry = [
                        ("sys_id", self.new_id()),
                        ("element_id", record["sys_id"].clone()),
                        ("element", column.clone()),
                        ("value", text),
                        ("sys_created_on", record["sys_updated_on"].clone()),
                    ];
                    let entry = entry.map(|(k, v)| (k.to_owned(), v)).into();
                    self.tables.entry("sys_journal_field".to_owned()).or_default().push(entry);
                }
                "assignment_group" if by_display => {
                    let groups = self.tables.get("sys_user_group").map_or(&[][..], Vec::as_slice);
                    let id = groups.iter().find(|g| g["name"] == text).map(|g| g["sys_id"].clone());
                    record.insert(column.clone(), id.unwrap_or_default());
                }
                // The instance cuts what is too long, without a word.
                "short_description" => cut(record, column, &text, 160),
                "description" => cut(record, column, &text, 4000),
                "correlation_id" => cut(record, column, &text, 100),
                "sys_id" | "number" | "priority" | "work_notes" | "comments" => {}
                column if COLUMNS.contains(&column) => drop(record.insert(column.to_owned(), text)),
                _ => {}
            }
        }
    }

    fn cells(&self, record: &BTreeMap<String, String>, request: &Request, table: &str) -> Value {
        let wanted = request.param("sysparm_fields").filter(|f| !f.is_empty());
        let names: Vec<String> = match &wanted {
            Some(list) => list.split(',').map(|f| f.trim().to_owned()).collect(),
            None => record.keys().cloned().collect(),
        };
        let display = request.param("sysparm_display_value").unwrap_or_default();
        let links = request.param("sysparm_exclude_reference_link").as_deref() != Some("true");
        let task = !matches!(table, "sys_user_group" | "sys_journal_field");
        let cell = |name: &String| {
            let known = record.contains_key(name) || (task && COLUMNS.contains(&name.as_str()));
            if !known {
                return None;
            }
            let value = record.get(name).map_or("", String::as_str);
            let reference = name == "assignment_group" && !value.is_empty();
            let shown = match name.as_str() {
                "assignment_group" => self.group_name(value),
                "state" => state_name(value).to_owned(),
                _ => value.to_owned(),
            };
            Some((
                name.clone(),
                match display.as_str() {
                    "all" => json!({ "display_value": shown, "value": value }),
                    "true" => json!(shown),
                    _ if reference && links => {
                        json!({ "link": format!("/api/now/table/sys_user_group/{value}"), "value": value })
                    }
                    _ => json!(value),
                },
            ))
        };
        Value::Object(names.iter().filter_map(cell).collect())
    }
}

fn cut(record: &mut BTreeMap<String, String>, column: &str, text: &str, most: usize) {
    record.insert(column.to_owned(), text.chars().take(most).collect());
}

fn known(table: &str) -> bool {
    matches!(
        table,
        "incident" | "problem" | "change_request" | "sys_user_group" | "sys_journal_field"
    )
}

fn state_name(state: &str) -> &str {
    match state {
        "1" => "New",
        "2" => "In Progress",
        "3" => "On Hold",
        "6" => "Resolved",
        "7" => "Closed",
        "8" => "Canceled",
        other => other,
    }
}

/// Conditions joined by `^`. One on a column that is not there is ignored, as on an instance.
fn matches_query(table: &str, query: &str, record: &BTreeMap<String, String>) -> bool {
    let own = match table {
        "sys_user_group" => &["sys_id", "name"][..],
        "sys_journal_field" => &["sys_id", "element_id", "element", "value", "sys_created_on"],
        _ => COLUMNS,
    };
    query.split('^').filter(|c| !c.is_empty() && !c.starts_with("ORDERBY")).all(|condition| {
        let value = |column: &str| record.get(column).map_or("", String::as_str);
        if let Some((column, values)) = condition.split_once("IN").filter(|(c, _)| own.contains(c))
        {
            return values.split(',').any(|v| v == value(column));
        }
        match condition.split_once('=') {
            Some((column, wanted)) if own.contains(&column) => value(column) == wanted,
            _ => true,
        }
    })
}

fn order(query: &str, rows: &mut [BTreeMap<String, String>]) {
    let keys: Vec<(&str, bool)> = query
        .split('^')
        .filter_map(|c| match c.strip_prefix("ORDERBYDESC") {
            Some(column) => Some((column, true)),
            None => c.strip_prefix("ORDERBY").map(|column| (column, false)),
        })
        .collect();
    rows.sort_by(|a, b| {
        let compare = |(column, descending): &(&str, bool)| {
            let ordering = a.get(*column).cmp(&b.get(*column));
            if *descending { ordering.reverse() } else { ordering }
        };
        keys.iter().map(compare).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
}

/// `2026-11-22 01:40:00`
fn utc(time: Timestamp) -> String {
    time.to_string().replacen('T', " ", 1).chars().take(19).collect()
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
            (Some((table, None)), "GET") => self.list(request, &table),
            (Some((table, None)), "POST") => self.insert(request, &table),
            (Some((table, Some(id))), "GET" | "PATCH" | "PUT") => self.one(request, &table, &id),
            _ => error(400, "Requested URI does not represent any resource", &request.path),
        }
    }
}
