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
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let request = Request::of("POST", "/oauth_token.do", &headers, form.into());
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

impl Bench {
    fn of(twin: impl FnOnce(ServiceNow) -> ServiceNow) -> Self {
        let clock = TestClock::at("2026-11-24T02:30:00Z".parse().unwrap());
        let twin = twin(ServiceNow::new(Arc::new(clock.clone()), "c", "s"));
        let mut bench = Self { clock, twin, token: String::new() };
        bench.token = bench.new_token();
        bench
    }

    fn grant(&self, form: &str) -> (u16, Value) {
        let form = format!("{form}&client_id=c&client_secret=s");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let request = Request::of("POST", "/oauth_token.do", &headers, form.into());
        let answer = self.twin.handle(&request, None);
        (answer.status(), serde_json::from_slice(answer.bytes()).unwrap())
    }

    fn with_headers(&self, headers: &[(&str, &str)]) -> u16 {
        let mut all = vec![("accept", "application/json")];
        all.extend(headers);
        let request = Request::of("GET", "/api/now/table/incident", &all, "".into());
        self.twin.handle(&request, None).status()
    }

    fn file(&self, path: &str, kind: &str, content: &'static [u8]) -> (u16, Value) {
        let token = format!("Bearer {}", self.token);
        let headers = [("authorization", token.as_str()), ("content-type", kind)];
        let request = Request::of("POST", path, &headers, content.into());
        let answer = self.twin.handle(&request, None);
        (answer.status(), serde_json::from_slice(answer.bytes()).unwrap_or_default())
    }
}

#[test]
fn a_file_is_kept_listed_read_and_deleted() {
    let bench = Bench::new();
    let id = bench.open("k");
    let path = |table: &str, id: &str| {
        format!(
            "/api/now/attachment/file?table_name={table}&table_sys_id={id}&file_name=%E3%83%AD%20g.txt"
        )
    };
    let (status, kept) = bench.file(&path("incident", &id), "text/plain", b"abc");
    assert_eq!((status, &kept["result"]["size_bytes"]), (201, &json!("3")));
    assert_eq!(kept["result"]["file_name"], "ロ g.txt");
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(kept["result"]["hash"], hash);
    assert_eq!(bench.file(&path("incident", "nobody"), "text/plain", b"abc").0, 404);
    assert_eq!(
        bench.file("/api/now/attachment/file?table_name=incident", "text/plain", b"").0,
        400
    );
    assert_eq!(bench.file(&path("incident", &id).replace("now/", "now/v2/"), "a/b", b"").0, 400);
    let form = b"--x\r\nContent-Disposition: form-data; name=\"table_name\"\r\n\r\nincident\r\n--x\r\nContent-Disposition: form-data; name=\"table_sys_id\"\r\n\r\n00000000\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"g.txt\"\r\nContent-Type: text/plain\r\n\r\nabcd\r\n--x--\r\n";
    assert_eq!(
        bench.file("/api/now/attachment/upload", "multipart/form-data; boundary=x", form).0,
        404
    );
    let of =
        format!("/api/now/attachment?sysparm_query=table_name%3Dincident%5Etable_sys_id%3D{id}");
    let (_, listed) = bench.ask("GET", &of, &Value::Null);
    let file = listed["result"][0]["sys_id"].as_str().unwrap().to_owned();
    let one = format!("/api/now/attachment/{file}");
    let content = bench.answer("GET", &format!("{one}/file"), &Value::Null);
    assert_eq!(&content.bytes()[..], b"abc");
    assert_eq!(bench.twin.held("incident")[0].files, [("ロ g.txt".to_owned(), "abc".into())]);
    assert_eq!(bench.ask("DELETE", &one, &Value::Null).0, 204);
    assert_eq!(bench.ask("GET", &one, &Value::Null).0, 404);
    assert!(bench.twin.held("incident")[0].files.is_empty());
}

#[test]
fn grants_keys_and_passwords_that_lock_out() {
    let bench = Bench::of(|twin| twin.user("u", "p").api_key("key").rotating_refresh_tokens());
    let (status, granted) = bench.grant("grant_type=password&username=u&password=p");
    assert_eq!(status, 200);
    let refresh = granted["refresh_token"].as_str().unwrap().to_owned();
    let again = format!("grant_type=refresh_token&refresh_token={refresh}");
    let (status, next) = bench.grant(&again);
    assert_eq!(status, 200);
    assert_ne!(next["refresh_token"], json!(refresh), "each is good for one use");
    let refused = json!({ "error_description": "access_denied", "error": "server_error" });
    assert_eq!(bench.grant(&again), (401, refused));
    assert_eq!(bench.with_headers(&[("x-sn-apikey", "key")]), 200);
    assert_eq!(bench.with_headers(&[("x-sn-apikey", "other")]), 401);
    let (right, wrong) = ("Basic dTpw", "Basic dTp4");
    assert_eq!(bench.with_headers(&[("authorization", right)]), 200);
    for _ in 0..5 {
        assert_eq!(bench.with_headers(&[("authorization", wrong)]), 401);
    }
    assert_eq!(bench.with_headers(&[("authorization", right)]), 401, "locked out");
    bench.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(bench.with_headers(&[("authorization", right)]), 200);
}

#[test]
fn a_rate_limit_rule_counts_hours_of_the_clock() {
    let bench = Bench::of(|twin| twin.requests_per_hour(2));
    let ask = || bench.answer("GET", "/api/now/table/incident", &Value::Null);
    assert_eq!([ask().status(), ask().status()], [200, 200]);
    let refused = ask();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.header_text("retry-after"), Some("1800"));
    assert_eq!(refused.header_text("x-ratelimit-limit"), Some("2"));
    assert!(refused.header_text("x-transaction-id").is_some());
    bench.clock.advance(Duration::from_secs(1800));
    assert_eq!(ask().status(), 401, "the token is half an hour old");
}

#[test]
fn a_record_is_closed_with_a_code_and_notes_and_stays_closed() {
    for (closing, status, state) in
        [(Closing::Refused, 403, "1"), (Closing::Ignored, 200, "1"), (Closing::Free, 200, "6")]
    {
        let bench = Bench::of(|twin| twin.closing(closing));
        let one = format!("/api/now/table/incident/{}", bench.open("k"));
        assert_eq!(bench.ask("PATCH", &one, &json!({ "state": "6" })).0, status);
        assert_eq!(bench.twin.held("incident")[0].fields["incident_state"], state);
    }
    let bench = Bench::new();
    let one = format!("/api/now/table/incident/{}", bench.open("k"));
    let close = json!({ "state": "7", "close_code": "Duplicate", "close_notes": "n" });
    assert_eq!(bench.ask("PATCH", &one, &close).0, 200);
    assert_eq!(bench.ask("PATCH", &one, &json!({ "state": "2" })).0, 403);
    assert_eq!(bench.ask("PATCH", &one, &json!({ "close_notes": "more" })).0, 200);
    let table = "/api/now/table/sn_si_incident";
    let (_, made) = bench.ask("POST", table, &json!({ "short_description": "x" }));
    assert_eq!(made["result"]["state"], "10");
}

#[test]
fn choices_and_lengths_are_told_and_may_be_hidden() {
    let bench = Bench::new();
    let rows = |path: &str| bench.ask("GET", path, &Value::Null).1["result"].clone();
    let choices =
        "/api/now/table/sys_choice?sysparm_query=name%3Dincident%5Eelement%3Dstate%5Elanguage%3Den";
    assert_eq!(rows(choices).as_array().unwrap().len(), 6);
    let lengths =
        "/api/now/table/sys_dictionary?sysparm_query=name%3Dtask%5Eelement%3Dshort_description";
    assert_eq!(rows(lengths)[0]["max_length"], "160");
    bench.twin.set_length("short_description", 80);
    assert_eq!(rows(lengths)[0]["max_length"], "80");
    bench.twin.speak_japanese();
    assert_eq!(rows(choices), json!([]));
    bench.twin.hide_rows("sys_dictionary");
    let hidden = bench.answer("GET", lengths, &Value::Null);
    assert_eq!(hidden.header_text("x-total-count"), Some("1"));
    assert_eq!(rows(lengths), json!([]));
    bench.twin.deny_table("sys_choice");
    assert_eq!(bench.ask("GET", choices, &Value::Null).0, 403);
}

#[test]
fn a_replica_shows_a_record_late_and_a_condition_may_be_passed_over() {
    let bench = Bench::new();
    bench.twin.lag(2);
    bench.open("k");
    let path = "/api/now/table/incident?sysparm_query=correlation_id%3Dk";
    let found =
        |path: &str| bench.ask("GET", path, &Value::Null).1["result"].as_array().unwrap().len();
    assert_eq!([found(path), found(path), found(path)], [0, 0, 1]);
    bench.twin.pass_over("correlation_id");
    assert_eq!(found(&path.replace("%3Dk", "%3Dother")), 1);
}
