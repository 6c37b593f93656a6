use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::TestClock;

fn site() -> Jira {
    let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
    Jira::new(Arc::new(clock), "Basic b").project("SEC", &["orders"]).project("SHOP", &[])
}

fn ask(site: &Jira, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let headers = [("authorization", "Basic b")];
    let request = Request::of(method, path, &headers, body.to_string().into());
    let answer = site.handle(&request, None);
    (answer.status(), serde_json::from_slice(answer.bytes()).unwrap_or_default())
}

fn doc(text: &str) -> Value {
    let paragraph = json!({ "type": "paragraph", "content": [{ "type": "text", "text": text }] });
    json!({ "type": "doc", "version": 1, "content": [paragraph] })
}

fn open(site: &Jira, label: &str, more: &Value) -> (u16, Value) {
    let mut fields = json!({
        "project": { "key": "SEC" }, "issuetype": { "name": "Task" }, "summary": label,
        "labels": [label], "priority": { "name": "High" }, "description": doc("text"),
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
    let properties = json!([{ "key": "watchfloor", "value": { "key": label } }]);
    let body = json!({ "fields": fields, "properties": properties });
    ask(site, "POST", "/rest/api/3/issue", &body)
}

fn found(site: &Jira, search: &Value) -> Vec<String> {
    let (status, body) = ask(site, "POST", "/rest/api/3/search/jql", search);
    assert_eq!(status, 200, "{body}");
    let issues = body["issues"].as_array().unwrap().iter();
    issues.map(|i| i["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_index_lags_and_an_id_is_seen_through_it() {
    let site = site().search_lag(2);
    assert_eq!(open(&site, "wf-1", &Value::Null).0, 201);
    let jql = json!({ "jql": "labels = \"wf-1\"" });
    let named = json!({ "jql": "labels = \"wf-1\"", "reconcileIssues": [10_000] });
    assert_eq!(found(&site, &jql), [""; 0]);
    assert_eq!(found(&site, &named), ["10000"]);
    assert_eq!(found(&site, &jql), ["10000"]);
    let path = "/rest/api/3/issue/SEC-1?fields=labels,priority&properties=watchfloor";
    let (_, issue) = ask(&site, "GET", path, &Value::Null);
    assert_eq!(issue["fields"], json!({ "labels": ["wf-1"], "priority": { "name": "High" } }));
    assert_eq!(issue["properties"]["watchfloor"]["key"], "wf-1");
}

#[test]
fn pages_are_followed_by_their_token() {
    let site = site().page(2);
    for n in 0..7 {
        open(&site, &format!("l{n}"), &Value::Null);
    }
    let mut search = json!({ "jql": "project = SEC ORDER BY created DESC", "maxResults": 5 });
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let (_, body) = ask(&site, "POST", "/rest/api/3/search/jql", &search);
        let issues = body["issues"].as_array().unwrap();
        ids.extend(issues.iter().map(|i| i["id"].as_str().unwrap().to_owned()));
        pages += 1;
        if body["isLast"] == true {
            assert_eq!(body.get("nextPageToken"), None);
            break;
        }
        search["nextPageToken"] = body["nextPageToken"].clone();
    }
    assert_eq!((pages, ids.first().unwrap().as_str(), ids.len()), (4, "10006", 7));
}

#[test]
fn a_field_that_is_wrong_is_named() {
    let site = site().without_field("labels");
    let cases = [(json!({}), "labels"), (json!({ "customfield_1": 1 }), "customfield_1")];
    for (more, field) in cases {
        let (status, body) = open(&site, "l", &more);
        assert_eq!((status, body["errors"].get(field).is_some()), (400, true), "{body}");
    }
    let site = self::site();
    let long = doc(&"x".repeat(32_768));
    for (more, field) in [
        (json!({ "project": { "key": "NO" } }), "project"),
        (json!({ "components": [{ "name": "no" }] }), "components"),
        (json!({ "summary": "a\nb" }), "summary"),
        (json!({ "description": "text" }), "description"),
        (json!({ "description": long }), "description"),
        (json!({ "labels": ["a b"] }), "labels"),
    ] {
        let (status, body) = open(&site, "l", &more);
        assert_eq!((status, body["errors"].get(field).is_some()), (400, true), "{body}");
    }
    assert_eq!(
        open(&site, "l", &json!({ "description": doc("a\nb") })).1["errorMessages"][0],
        "INVALID_INPUT"
    );
    assert!(site.held().is_empty());
}

#[test]
fn comments_are_shown_as_they_came() {
    let site = site();
    open(&site, "l", &Value::Null);
    let path = "/rest/api/3/issue/SEC-1/comment";
    for text in ["one", "two"] {
        let property = json!({ "key": "watchfloor", "value": { "event": text } });
        let body = json!({ "body": doc(text), "properties": [property] });
        assert_eq!(ask(&site, "POST", path, &body).0, 201);
    }
    let (_, all) =
        ask(&site, "GET", &format!("{path}?orderBy=-created&maxResults=1"), &Value::Null);
    assert_eq!((&all["total"], &all["comments"][0]["body"]), (&json!(2), &doc("two")));
    assert_eq!(all["comments"][0].get("properties"), None);
    let (_, all) = ask(&site, "GET", &format!("{path}?expand=properties"), &Value::Null);
    assert_eq!(all["comments"][0]["properties"][0]["value"]["event"], "one");
    assert_eq!(site.held()[0].comments, ["one", "two"]);
}

#[test]
fn t28_an_expired_token_finds_nothing_with_a_200() {
    let site = site();
    open(&site, "wf-1", &Value::Null);
    let jql = json!({ "jql": "labels = \"wf-1\"" });
    let headers = [("authorization", "Basic b")];
    let request = Request::of("POST", "/rest/api/3/search/jql", &headers, jql.to_string().into());
    let good = site.handle(&request, None);
    assert!(good.headers().contains_key("x-aaccountid"));
    let answer = site.handle(&request, Some(&Fault::ExpireCredential));
    let body: Value = serde_json::from_slice(answer.bytes()).unwrap();
    assert_eq!((answer.status(), body), (200, json!({ "issues": [], "isLast": true })));
    assert_eq!(answer.header_text("x-seraph-loginreason"), Some("AUTHENTICATED_FAILED"));
    assert_eq!(ask(&site, "GET", "/rest/api/3/myself", &Value::Null).0, 401);
    assert_eq!(
        ask(&site, "GET", "/rest/api/2/serverInfo", &Value::Null).1["deploymentType"],
        "Cloud"
    );
}

#[test]
fn what_is_no_search_is_refused() {
    let site = site();
    let search = |body: Value| ask(&site, "POST", "/rest/api/3/search/jql", &body).0;
    assert_eq!(search(json!({ "jql": "ORDER BY created" })), 400);
    assert_eq!(search(json!({ "jql": "labels = \"open" })), 400);
    assert_eq!(search(json!({ "jql": "labels = l", "startAt": 0 })), 400);
    assert_eq!(ask(&site, "POST", "/rest/api/3/search", &json!({ "jql": "labels = l" })).0, 410);
}

fn center() -> Jira {
    let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
    let center = Jira::data_center(Arc::new(clock), "Bearer pat");
    center.context("/jira").project("SEC", &["orders"]).page(2)
}

fn ask_center(site: &Jira, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let headers = [("authorization", "Bearer pat")];
    let path = format!("/jira/rest/api/2/{path}");
    let request = Request::of(method, &path, &headers, body.to_string().into());
    let answer = site.handle(&request, None);
    assert_eq!(answer.header_text("retry-after"), Some("0"), "tokens are left");
    (answer.status(), serde_json::from_slice(answer.bytes()).unwrap_or_default())
}

fn open_in_center(site: &Jira, label: &str) -> (u16, Value) {
    let fields = json!({
        "project": { "key": "SEC" }, "issuetype": { "name": "Task" }, "summary": label,
        "labels": [label], "description": "h2. Big\n\\*text\\*",
    });
    ask_center(site, "POST", "issue", &json!({ "fields": fields }))
}

#[test]
fn a_data_center_has_markup_positions_and_its_own_path() {
    let site = center();
    for label in ["a", "b", "c"] {
        assert_eq!(open_in_center(&site, label).0, 201);
    }
    assert_eq!(site.held()[0].description, "Big\n*text*");
    let search = |start: u64| {
        let body = json!({ "jql": "project = SEC", "startAt": start, "fields": ["summary"] });
        ask_center(&site, "POST", "search", &body).1
    };
    let (first, second) = (search(0), search(2));
    assert_eq!(first["issues"].as_array().map(Vec::len), Some(2));
    assert_eq!((&second["total"], second["issues"].as_array().map(Vec::len)), (&json!(3), Some(1)));
    let adf = json!({ "fields": { "project": { "key": "SEC" }, "issuetype": { "name": "Task" },
        "summary": "x", "description": doc("x") } });
    assert_eq!(
        ask_center(&site, "POST", "issue", &adf).1["errors"]["description"],
        "Operation value must be a string"
    );
    let outside = Request::of("GET", "/rest/api/2/serverInfo", &[], "".into());
    assert_eq!(site.handle(&outside, None).status(), 404);
    let v3 = Request::of("GET", "/jira/rest/api/3/serverInfo", &[], "".into());
    assert_eq!(site.handle(&v3, None).status(), 404);
    let (_, types) = ask_center(&site, "GET", "issue/createmeta/SEC/issuetypes", &Value::Null);
    assert_eq!(
        (types["values"][0]["name"].as_str(), &types["isLast"]),
        (Some("Task"), &json!(true))
    );
}

#[test]
fn a_captcha_is_due_after_three_failed_logins_of_a_center() {
    let site = center();
    let login = |authorization: &str| {
        let headers = [("authorization", authorization)];
        site.handle(&Request::of("GET", "/jira/rest/api/2/myself", &headers, "".into()), None)
    };
    for _ in 0..3 {
        assert_eq!(login("Basic wrong").status(), 401);
    }
    let denied = login("Basic wrong");
    assert_eq!(denied.status(), 403);
    assert!(denied.headers().contains_key("x-authentication-denied-reason"));
    assert_eq!(login("Bearer pat").status(), 200, "a token needs no login");
}

#[test]
fn a_workflow_is_walked_and_demands_what_it_demands() {
    let site = site();
    open(&site, "l", &Value::Null);
    let path = "/rest/api/3/issue/SEC-1/transitions";
    let steps = |query: &str| ask(&site, "GET", &format!("{path}{query}"), &Value::Null).1;
    assert_eq!(steps("")["transitions"][0]["to"]["statusCategory"]["key"], "indeterminate");
    assert_eq!(steps("")["transitions"][0].get("fields"), None);
    let take = |body: Value| ask(&site, "POST", path, &body).0;
    assert_eq!(take(json!({ "transition": { "id": 11 } })), 400, "ids are texts");
    assert_eq!(take(json!({ "transition": { "id": "21" } })), 400, "not from here");
    assert_eq!(take(json!({ "transition": { "id": "11" } })), 204);
    let told = steps("?expand=transitions.fields");
    assert_eq!(told["transitions"][0]["fields"]["resolution"]["required"], true);
    assert_eq!(take(json!({ "transition": { "id": "21" } })), 400, "no resolution");
    let resolution = json!({ "id": "10000" });
    let done = json!({ "transition": { "id": "21" }, "fields": { "resolution": resolution } });
    assert_eq!(take(done), 204);
    assert_eq!(site.held()[0].resolution.as_deref(), Some("10000"));
    site.works_by(Workflow::japanese());
    assert_eq!(steps("")["transitions"][0]["name"], "再開");
    let locked = self::site().without_permission("SEC", "TRANSITION_ISSUES");
    open(&locked, "l", &Value::Null);
    assert_eq!(ask(&locked, "GET", path, &Value::Null).1["transitions"], json!([]));
}

#[test]
fn files_need_the_token_and_have_a_limit() {
    let site = site().upload_limit(8);
    open(&site, "l", &Value::Null);
    let send = |token: Option<&str>, content: &str| {
        let body = format!(
            "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"ä.txt\"\r\n\
             content-type: text/plain\r\n\r\n{content}\r\n--b--\r\n"
        );
        let mut headers =
            vec![("authorization", "Basic b"), ("content-type", "multipart/form-data; boundary=b")];
        headers.extend(token.map(|t| ("x-atlassian-token", t)));
        let path = "/rest/api/3/issue/SEC-1/attachments";
        site.handle(&Request::of("POST", path, &headers, body.into()), None).status()
    };
    assert_eq!(send(None, "x"), 403);
    assert_eq!(send(Some("no-check"), "123456789"), 413);
    assert_eq!(send(Some("no-check"), "a\r\nb"), 200);
    assert_eq!(site.held()[0].files, [("ä.txt".to_owned(), "a\r\nb".into())]);
}

#[test]
fn properties_and_remote_links_say_whether_they_were_there() {
    let site = site().without_permission("SHOP", "ADMINISTER_PROJECTS");
    open(&site, "l", &Value::Null);
    let put = |path: &str| ask(&site, "PUT", path, &json!({ "a": 1 })).0;
    for path in ["/rest/api/3/issue/SEC-1/properties/p", "/rest/api/3/project/SEC/properties/p"] {
        assert_eq!(ask(&site, "GET", path, &Value::Null).0, 404);
        assert_eq!((put(path), put(path)), (201, 200));
        assert_eq!(ask(&site, "GET", path, &Value::Null).1["value"], json!({ "a": 1 }));
    }
    assert_eq!(put("/rest/api/3/project/SHOP/properties/p"), 403);
    let link = json!({ "globalId": "g", "object": { "url": "https://x", "title": "x" } });
    let post = || ask(&site, "POST", "/rest/api/3/issue/SEC-1/remotelink", &link).0;
    assert_eq!((post(), post()), (201, 200));
}

#[test]
fn an_edit_sets_adds_and_assigns() {
    let site = site().user("5b10", "Ada", "ada@twin.example");
    open(&site, "l", &Value::Null);
    let path = "/rest/api/3/issue/SEC-1";
    let edit = json!({ "fields": { "summary": "new", "assignee": { "accountId": "5b10" } },
        "update": { "labels": [{ "add": "x" }] } });
    assert_eq!(ask(&site, "PUT", path, &edit).0, 204);
    let both = json!({ "fields": { "labels": ["y"] }, "update": { "labels": [{ "add": "x" }] } });
    assert_eq!(ask(&site, "PUT", path, &both).0, 400);
    let held = &site.held()[0];
    assert_eq!(
        (held.summary.as_str(), &held.labels[..]),
        ("new", &["l".to_owned(), "x".to_owned()][..])
    );
    assert_eq!(held.assignee.as_deref(), Some("5b10"));
    let (_, users) = ask(&site, "GET", "/rest/api/3/user/search?query=ada%40", &Value::Null);
    assert_eq!(users[0]["accountId"], "5b10");
    site.rename("10000", "OPS-1");
    let (_, moved) = ask(&site, "GET", path, &Value::Null);
    assert_eq!(moved["key"], "OPS-1");
}

#[test]
fn writes_to_one_issue_are_limited() {
    let site = site().per_issue_limit();
    open(&site, "l", &Value::Null);
    let say = || {
        let headers = [("authorization", "Basic b")];
        let body = json!({ "body": doc("x") }).to_string();
        let path = "/rest/api/3/issue/SEC-1/comment";
        site.handle(&Request::of("POST", path, &headers, body.into()), None)
    };
    for _ in 0..20 {
        assert_eq!(say().status(), 201);
    }
    let limited = say();
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.header_text("ratelimit-reason"), Some("jira-per-issue-on-write"));
}

#[test]
fn the_gateway_refuses_in_its_own_words() {
    let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
    let site = Jira::new(Arc::new(clock), "Basic b").context("/ex/jira/c-1").project("SEC", &[]);
    let ask = |authorization: &str| {
        let headers = [("authorization", authorization)];
        let path = "/ex/jira/c-1/rest/api/3/myself";
        site.handle(&Request::of("GET", path, &headers, "".into()), None)
    };
    let refused: Value = serde_json::from_slice(ask("Basic x").bytes()).unwrap();
    assert_eq!(refused["message"], "Unauthorized; scope does not match");
    assert_eq!(ask("Basic b").status(), 200);
}
