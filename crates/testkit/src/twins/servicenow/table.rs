//! The Table API.

use serde_json::{Map, Value, json};

use crate::{Answer, Request};

use super::cells::utc;
use super::query::{Query, Row};
use super::rules::Ruling;
use super::state::State;
use super::{ServiceNow, denied, error, no_record, schema};

pub(super) fn known(table: &str) -> bool {
    !schema::columns(table).is_empty() && table != "sys_attachment"
}

impl ServiceNow {
    /// The limit counts rows before those are left out that the user may not see.
    pub(super) fn list(&self, request: &Request, table: &str) -> Answer {
        let mut state = self.lock();
        if state.settings.denied_tables.contains(table) {
            let detail = "Failed API level ACL Validation";
            return error(403, "User Not Authorized", detail);
        }
        let text = request.param("sysparm_query").unwrap_or_default();
        let mut columns = state.columns(table);
        columns.retain(|c| !state.settings.passed_over.contains(*c));
        let query = Query::read(&text, &columns);
        let number = |key, default| {
            request.param(key).and_then(|v| v.parse::<usize>().ok()).unwrap_or(default)
        };
        let (limit, offset) = (number("sysparm_limit", 10_000), number("sysparm_offset", 0));
        let mut found: Vec<Row> =
            state.rows(table).iter().filter(|row| query.matches(row)).cloned().collect();
        found.retain(|row| !state.is_unseen(&row["sys_id"]));
        found.sort_by(|a, b| query.compare(a, b));
        let total = found.len();
        if total == 0 && request.path.starts_with("/api/now/v1/") {
            return no_record();
        }
        let page = found.into_iter().skip(offset).take(limit);
        let settings = &state.settings;
        let seen = |row: &Row| !settings.hidden.contains(&row["sys_id"]);
        let page = page.filter(|row| !settings.hidden_tables.contains(table) && seen(row));
        let page: Vec<_> = page.map(|row| state.cells(&row, request, table)).collect();
        let mut answer = Answer::json(200, &json!({ "result": page }));
        let on = |key| request.param(key).as_deref() == Some("true");
        if !on("sysparm_no_count") {
            answer = answer.header("x-total-count", total.to_string());
        }
        if !on("sysparm_suppress_pagination_header") && total > 0 && limit > 0 {
            answer = answer.header("link", links(request, limit, offset, total));
        }
        answer
    }

    pub(super) fn insert(&self, request: &Request, table: &str) -> Answer {
        let Some(task) = schema::task(table) else { return denied() };
        let Some(body) = body(request) else { return unreadable() };
        let mut state = self.lock();
        let id = state.new_id();
        let number = state.new_number(table);
        let now = utc(self.clock.now());
        let mut record: Row = [
            ("sys_id", id.clone()),
            ("number", format!("{}{number:07}", task.prefix)),
            ("state", task.states.first().map_or("1", |(s, ..)| s).to_owned()),
            ("impact", "3".to_owned()),
            ("urgency", "3".to_owned()),
            ("sys_created_on", now.clone()),
            ("sys_updated_on", now),
            ("sys_mod_count", "0".to_owned()),
        ]
        .map(|(k, v)| (k.to_owned(), v))
        .into();
        state.write(table, &mut record, &body, request);
        let cells = state.cells(&record, request, table);
        let lag = state.settings.lag;
        state.unseen.insert(id.clone(), lag);
        state.tables.entry(table.to_owned()).or_default().push(record);
        let location = format!("/api/now/v2/table/{table}/{id}");
        Answer::json(201, &json!({ "result": cells })).header("location", location)
    }

    pub(super) fn read(&self, request: &Request, table: &str, id: &str) -> Answer {
        let state = self.lock();
        let Some(at) = state.visible(table, id) else { return no_record() };
        let cells = state.cells(&state.rows(table)[at], request, table);
        Answer::json(200, &json!({ "result": cells }))
    }

    pub(super) fn update(&self, request: &Request, table: &str, id: &str) -> Answer {
        let mut state = self.lock();
        let Some(at) = state.visible(table, id) else { return no_record() };
        let Some(mut body) = body(request) else { return unreadable() };
        let mut record = state.rows(table)[at].clone();
        match state.rule(table, &record, &body) {
            Ruling::Go => {}
            Ruling::KeepState => drop(body.remove("state")),
            Ruling::Refuse(refused) => return refused,
        }
        let count = record["sys_mod_count"].parse::<u64>().unwrap_or_default() + 1;
        record.insert("sys_mod_count".to_owned(), count.to_string());
        record.insert("sys_updated_on".to_owned(), utc(self.clock.now()));
        state.write(table, &mut record, &body, request);
        let cells = state.cells(&record, request, table);
        if let Some(rows) = state.tables.get_mut(table) {
            rows[at] = record;
        }
        Answer::json(200, &json!({ "result": cells }))
    }

    pub(super) fn delete(&self, table: &str, id: &str) -> Answer {
        let mut state = self.lock();
        let Some(at) = state.visible(table, id) else { return no_record() };
        if let Some(rows) = state.tables.get_mut(table) {
            rows.remove(at);
        }
        Answer::new(204)
    }
}

impl State {
    pub(super) fn visible(&self, table: &str, id: &str) -> Option<usize> {
        let at = self.rows(table).iter().position(|row| row["sys_id"] == id)?;
        (!self.settings.hidden.contains(id)).then_some(at)
    }

    /// Whether a look-up that would find the record comes too early; each counts.
    fn is_unseen(&mut self, id: &str) -> bool {
        let Some(left) = self.unseen.get_mut(id).filter(|left| **left > 0) else { return false };
        *left -= 1;
        true
    }
}

/// One flat object; of a list only the first is looked at.
fn body(request: &Request) -> Option<Map<String, Value>> {
    match request.json()? {
        Value::Object(body) => Some(body),
        Value::Array(list) => list.into_iter().next()?.as_object().cloned(),
        _ => None,
    }
}

/// On the first page `prev` is there too, with a negative offset, as it was captured.
fn links(request: &Request, limit: usize, offset: usize, total: usize) -> String {
    let host = request.header("host").unwrap_or("twin.example");
    let others: Vec<_> = request
        .query
        .split('&')
        .filter(|p| !p.is_empty() && !p.starts_with("sysparm_offset="))
        .collect();
    let link = |rel: &str, offset: String| {
        let query = others.iter().map(|p| (*p).to_owned());
        let query: Vec<_> = query.chain([format!("sysparm_offset={offset}")]).collect();
        format!("<http://{host}{}?{}>;rel=\"{rel}\"", request.path, query.join("&"))
    };
    let previous = match offset.checked_sub(limit) {
        Some(previous) => previous.to_string(),
        None => format!("-{}", limit - offset),
    };
    let mut links = vec![link("first", "0".to_owned()), link("prev", previous)];
    if offset + limit < total {
        links.push(link("next", (offset + limit).to_string()));
    }
    links.push(link("last", ((total - 1) / limit * limit).to_string()));
    links.join(",")
}

fn unreadable() -> Answer {
    error(400, "Exception while reading request", "The payload is not valid JSON")
}
