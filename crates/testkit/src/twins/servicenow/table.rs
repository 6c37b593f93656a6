//! The Table API.

use serde_json::{Map, Value, json};

use crate::{Answer, Request};

use super::cells::utc;
use super::query::{Query, Row};
use super::state::State;
use super::{COLUMNS, ServiceNow, denied, error, is_task};

pub(super) fn known(table: &str) -> bool {
    prefix(table).is_some() || !is_task(table)
}

/// What the numbers of a table's records begin with.
fn prefix(table: &str) -> Option<&'static str> {
    Some(match table {
        "incident" => "INC",
        "problem" => "PRB",
        "change_request" => "CHG",
        "sn_si_incident" => "SIR",
        _ => return None,
    })
}

fn columns(table: &str) -> &'static [&'static str] {
    match table {
        "sys_user_group" => &["sys_id", "name"],
        "sys_journal_field" => &[
            "sys_id",
            "name",
            "element_id",
            "element",
            "value",
            "sys_created_on",
            "sys_created_by",
        ],
        _ => COLUMNS,
    }
}

impl ServiceNow {
    /// The limit counts rows before those are left out that the user may not see.
    pub(super) fn list(&self, request: &Request, table: &str) -> Answer {
        let state = self.lock();
        let query = request.param("sysparm_query").unwrap_or_default();
        let query = Query::read(&query, columns(table));
        let number = |key, default| {
            request.param(key).and_then(|v| v.parse::<usize>().ok()).unwrap_or(default)
        };
        let (limit, offset) = (number("sysparm_limit", 10_000), number("sysparm_offset", 0));
        let mut found: Vec<&Row> =
            state.rows(table).iter().filter(|row| query.matches(row)).collect();
        found.sort_by(|a, b| query.compare(a, b));
        let total = found.len();
        if total == 0 && request.path.starts_with("/api/now/v1/") {
            return no_record();
        }
        let page = found.into_iter().skip(offset).take(limit);
        let page = page.filter(|row| !state.hidden.contains(&row["sys_id"]));
        let page: Vec<_> = page.map(|row| state.cells(row, request, table)).collect();
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
        let Some(prefix) = prefix(table) else { return denied() };
        let Some(body) = body(request) else { return unreadable() };
        let mut state = self.lock();
        let id = state.new_id();
        let number = state.new_number(table);
        let now = utc(self.clock.now());
        let mut record: Row = [
            ("sys_id", id.clone()),
            ("number", format!("{prefix}{number:07}")),
            ("state", "1".to_owned()),
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
        let Some(body) = body(request) else { return unreadable() };
        let mut record = state.rows(table)[at].clone();
        if let Some(missing) = missing_to_close(table, &record, &body) {
            let detail =
                format!("Data Policy Exception: The following fields are mandatory: {missing}");
            return error(403, "Operation Failed", &detail);
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
    fn visible(&self, table: &str, id: &str) -> Option<usize> {
        let at = self.rows(table).iter().position(|row| row["sys_id"] == id)?;
        (!self.hidden.contains(id)).then_some(at)
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

/// An incident is resolved or closed with a code and notes.
fn missing_to_close(table: &str, before: &Row, body: &Map<String, Value>) -> Option<&'static str> {
    let after = |column| {
        let before = before.get(column).map(String::as_str);
        body.get(column).and_then(Value::as_str).or(before).unwrap_or_default()
    };
    let closes = table == "incident" && matches!(after("state"), "6" | "7");
    ["close_code", "close_notes"].into_iter().find(|column| closes && after(column).is_empty())
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

fn no_record() -> Answer {
    let detail = "Record doesn't exist or ACL restricts the record retrieval";
    error(404, "No Record found", detail)
}

fn unreadable() -> Answer {
    error(400, "Exception while reading request", "The payload is not valid JSON")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::{TestClock, Twin as _};

    struct Bench {
        clock: TestClock,
        twin: ServiceNow,
        token: String,
    }

    impl Bench {
        fn new() -> Self {
            let clock = TestClock::at("2026-11-24T02:00:00Z".parse().unwrap());
            let twin = ServiceNow::new(Arc::new(clock.clone()), "c", "s");
            let mut bench = Self { clock, twin, token: String::new() };
            bench.token = bench.new_token();
            bench
        }

        fn new_token(&self) -> String {
            let form = "grant_type=client_credentials&client_id=c&client_secret=s";
            let request = Request::of("POST", "/oauth_token.do", &[], form.into());
            let answer = self.twin.handle(&request, None);
            let body: Value = serde_json::from_slice(answer.bytes()).unwrap();
            body["access_token"].as_str().unwrap().to_owned()
        }

        fn answer(&self, method: &str, path: &str, body: &Value) -> Answer {
            let token = format!("Bearer {}", self.token);
            let headers = [
                ("authorization", token.as_str()),
                ("accept", "application/json"),
                ("content-type", "application/json"),
            ];
            let request = Request::of(method, path, &headers, body.to_string().into());
            self.twin.handle(&request, None)
        }

        fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
            let answer = self.answer(method, path, body);
            (answer.status(), serde_json::from_slice(answer.bytes()).unwrap_or_default())
        }

        fn open(&self, key: &str) -> String {
            let body = json!({ "short_description": key, "correlation_id": key });
            let (status, body) = self.ask("POST", "/api/now/v2/table/incident", &body);
            assert_eq!(status, 201);
            body["result"]["sys_id"].as_str().unwrap().to_owned()
        }
    }

    #[test]
    fn a_token_lives_by_the_clock() {
        let mut bench = Bench::new();
        assert_eq!(bench.new_token(), bench.token);
        assert_eq!(bench.ask("GET", "/api/now/table/incident", &Value::Null).0, 200);
        bench.clock.advance(Duration::from_secs(1799));
        assert_eq!(bench.ask("GET", "/api/now/table/incident", &Value::Null).0, 401);
        let fresh = bench.new_token();
        assert_ne!(fresh, bench.token);
        bench.token = fresh;
        assert_eq!(bench.ask("GET", "/api/now/table/incident", &Value::Null).0, 200);
        assert_eq!(bench.twin.tokens_given(), 2);
    }

    #[test]
    fn pages_are_cut_before_hidden_records_are_left_out() {
        let bench = Bench::new();
        let ids: Vec<_> = (0..5).map(|n| bench.open(&format!("k{n}"))).collect();
        bench.twin.hide(&ids[2]);
        let page = |offset: usize| {
            let path = format!(
                "/api/now/v2/table/incident?sysparm_query=ORDERBYnumber&sysparm_limit=2&sysparm_offset={offset}"
            );
            let answer = bench.answer("GET", &path, &Value::Null);
            assert_eq!(answer.header_text("x-total-count"), Some("5"));
            let links = answer.header_text("link").unwrap_or_default().to_owned();
            let body: Value = serde_json::from_slice(answer.bytes()).unwrap();
            (body["result"].as_array().unwrap().len(), links)
        };
        let (first, links) = page(0);
        assert!(links.contains("sysparm_offset=-2>;rel=\"prev\",<"), "{links}");
        assert!(links.contains("sysparm_offset=4>;rel=\"last\""), "{links}");
        assert_eq!([first, page(2).0, page(4).0, page(6).0], [2, 1, 1, 0]);
        assert!(!page(4).1.contains("rel=\"next\""));
        let hidden = format!("/api/now/v2/table/incident/{}", ids[2]);
        assert_eq!(bench.ask("GET", &hidden, &Value::Null).0, 404);
        assert_eq!(bench.ask("DELETE", &hidden, &Value::Null).0, 404);
        assert_eq!(bench.ask("GET", "/api/now/v1/table/problem", &Value::Null).0, 404);
        assert_eq!(bench.ask("GET", "/api/now/v2/table/problem", &Value::Null).0, 200);
    }

    #[test]
    fn a_clause_on_a_column_that_is_not_there_finds_strangers() {
        let bench = Bench::new();
        bench.open("theirs");
        let found = |query: &str| {
            let path = format!("/api/now/v2/table/incident?sysparm_query={query}");
            bench.ask("GET", &path, &Value::Null).1["result"].as_array().unwrap().len()
        };
        assert_eq!([found("correlation_id%3Dours"), found("u_key%3Dours")], [0, 1]);
        assert_eq!(found("correlation_id%3Dours%5ENQcorrelation_id%3Dtheirs"), 1);
    }

    #[test]
    fn what_may_not_be_written_is_dropped_and_the_write_succeeds() {
        let bench = Bench::new();
        let group = bench.twin.add_group("Orders Backend");
        let path = "/api/now/v2/table/incident?sysparm_input_display_value=true";
        let body = json!({
            "short_description": "x".repeat(200), "impact": "1", "urgency": "2", "priority": "5",
            "assignment_group": "Orders Backend", "u_none": "1", "work_notes": "first",
        });
        let (_, created) = bench.ask("POST", path, &body);
        let record = &created["result"];
        assert_eq!(record["short_description"].as_str().unwrap().len(), 160);
        assert_eq!(record["priority"], "2");
        assert_eq!(record["assignment_group"]["value"], json!(group));
        assert_eq!(record.get("u_none"), None);
        let one = format!("/api/now/v2/table/incident/{}", record["sys_id"].as_str().unwrap());
        let close = json!({ "state": "7", "work_notes": "lost" });
        assert_eq!(bench.ask("PATCH", &one, &close).0, 403);
        let close = json!({ "state": "7", "close_code": "Solution provided", "close_notes": "n" });
        bench.twin.lock_column("state");
        let (status, patched) = bench.ask("PATCH", &one, &close);
        assert_eq!((status, &patched["result"]["state"]), (200, &json!("1")));
        let held = bench.twin.held("incident");
        assert_eq!(
            (held[0].group.as_str(), &held[0].work_notes[..]),
            ("Orders Backend", &["first".to_owned()][..])
        );
    }

    #[test]
    fn displayed_times_are_the_users() {
        let bench = Bench::new();
        let one = format!("/api/now/v2/table/incident/{}", bench.open("k"));
        let (_, all) = bench.ask("GET", &format!("{one}?sysparm_display_value=all"), &Value::Null);
        let created = &all["result"]["sys_created_on"];
        assert_eq!(created["value"], "2026-11-24 02:00:00");
        assert_eq!(created["display_value"], "23/11/2026 21:00:00");
        assert_eq!(all["result"]["state"], json!({ "display_value": "New", "value": "1" }));
    }

    #[test]
    fn a_request_says_what_it_accepts() {
        let bench = Bench::new();
        let token = format!("Bearer {}", bench.token);
        let headers = [("authorization", token.as_str())];
        let request = Request::of("GET", "/api/now/table/incident", &headers, "".into());
        assert_eq!(bench.twin.handle(&request, None).status(), 400);
    }
}
