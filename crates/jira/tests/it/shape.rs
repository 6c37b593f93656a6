use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::{Kind, Marker, Priority, RichText, Route, TicketId, TicketKey};
use watchfloor_http::SystemClock;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{BASIC, connector, entries, scope};

fn answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn search(token: Option<&str>) -> Value {
    let mut body = json!({
        "jql": "labels = \"wf-1\" ORDER BY created ASC",
        "fields": ["summary", "status", "labels", "created", "project", "components"],
        "properties": ["watchfloor"],
        "maxResults": 50,
    });
    if let Some(token) = token {
        body["nextPageToken"] = json!(token);
    }
    body
}

fn issue(id: &str, key: &str) -> Value {
    json!({ "id": id, "key": format!("SEC-{id}"), "fields": { "labels": [key] } })
}

#[tokio::test]
async fn create_has_the_exact_shape() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/rest/api/3/search/jql"))
        .and(header("authorization", BASIC))
        .and(body_json(search(None)))
        .respond_with(answer(200, &json!({ "issues": [], "isLast": true })))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/rest/api/3/issue"))
        .and(header("authorization", BASIC))
        .and(header("content-type", "application/json"))
        .and(body_json(json!({
            "fields": {
                "project": { "key": "SHOP" },
                "issuetype": { "name": "Task" },
                "summary": "Brute force on web01",
                "description": { "type": "doc", "version": 1, "content": [
                    { "type": "paragraph", "content": [
                        { "type": "text", "text": "line 1" },
                        { "type": "hardBreak" },
                        { "type": "text", "text": "line 2" },
                    ] },
                ] },
                "labels": ["wf-1"],
                "priority": { "name": "High" },
                "components": [{ "name": "orders" }],
            },
            "properties": [{ "key": "watchfloor", "value": { "key": "wf-1", "v": 1 } }],
        })))
        .respond_with(answer(201, &json!({ "id": "10002", "key": "SHOP-7", "self": "x" })))
        .expect(1)
        .mount(&server)
        .await;
    // Somebody has taken the label away; the property stands.
    let mut read = issue("10002", "relabelled");
    read["properties"] = json!({ "watchfloor": { "key": "wf-1", "v": 1 } });
    Mock::given(method("GET"))
        .and(path("/rest/api/3/issue/10002"))
        .and(query_param("fields", "summary,status,labels,created,project,components"))
        .and(query_param("properties", "watchfloor"))
        .respond_with(answer(200, &read))
        .expect(1)
        .mount(&server)
        .await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &entries(&server.uri())).desk.unwrap();
    let scope = scope(clock);
    let mut draft = scope.draft(TicketKey::given("wf-1"), "Brute force on web01");
    draft.priority = Priority::High;
    draft.body = RichText::new().text("line 1\nline 2");
    draft.route = Some(Route::new("x", "y").at("project", "SHOP").at("component", "orders"));
    let opened = desk.open(&scope.call(), &draft).await.unwrap();
    let id = &opened.ticket().id;
    assert_eq!(id.as_str(), "10002");
    let read = desk.get(&scope.call(), id).await.unwrap();
    assert_eq!(read.key, Some(TicketKey::given("wf-1")));
}

#[tokio::test]
async fn t01_a_look_up_reads_every_page_and_ends() {
    let server = MockServer::start().await;
    // It has our label, and was opened for another key.
    let mut lookalike = issue("1", "wf-1");
    lookalike["properties"] = json!({ "watchfloor": { "key": "wf-2", "v": 1 } });
    let pages = [
        (None, json!({ "issues": [issue("0", "other")], "nextPageToken": "T1", "isLast": false })),
        (Some("T1"), json!({ "issues": [], "nextPageToken": "T2", "isLast": false })),
        (Some("T2"), json!({ "issues": [lookalike], "nextPageToken": "T3" })),
        (Some("T3"), json!({ "issues": [issue("2", "wf-1")], "isLast": true })),
    ];
    for (token, page) in &pages {
        Mock::given(body_json(search(*token)))
            .respond_with(answer(200, page))
            .expect(1)
            .mount(&server)
            .await;
    }
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &entries(&server.uri())).desk.unwrap();
    let scope = scope(clock);
    let found = desk.find(&scope.call(), &TicketKey::given("wf-1")).await.unwrap().unwrap();
    assert_eq!(found.id.as_str(), "2");
}

#[tokio::test]
async fn t01_a_token_that_repeats_is_an_error() {
    let server = MockServer::start().await;
    let page = json!({ "issues": [], "nextPageToken": "T1", "isLast": false });
    Mock::given(method("POST")).respond_with(answer(200, &page)).expect(2).mount(&server).await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &entries(&server.uri())).desk.unwrap();
    let scope = scope(clock);
    let error = desk.find(&scope.call(), &TicketKey::given("wf-1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
}

#[tokio::test]
async fn t01_the_comments_of_every_page_are_read() {
    let server = MockServer::start().await;
    let marker = Marker::derive("wf-1", "block");
    let comment = |text: &str| {
        json!({ "body": { "type": "doc", "version": 1, "content": [
            { "type": "paragraph", "content": [{ "type": "text", "text": text }] },
        ] } })
    };
    let pages = [
        ("0", json!({ "startAt": 0, "total": 3, "comments": [comment("a"), comment("b")] })),
        ("2", json!({ "startAt": 2, "total": 3, "comments": [comment(marker.as_str())] })),
    ];
    for (start, page) in &pages {
        Mock::given(method("GET"))
            .and(path("/rest/api/3/issue/10002/comment"))
            .and(query_param("startAt", *start))
            .and(query_param("maxResults", "100"))
            .and(query_param("orderBy", "-created"))
            .respond_with(answer(200, page))
            .expect(1)
            .mount(&server)
            .await;
    }
    // Fewer than it promised: some were removed meanwhile.
    let short = json!({ "startAt": 0, "total": 3, "comments": [] });
    Mock::given(path("/rest/api/3/issue/10003/comment"))
        .respond_with(answer(200, &short))
        .expect(1)
        .mount(&server)
        .await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &entries(&server.uri())).desk.unwrap();
    let call = scope(clock).call();
    assert!(desk.has_comment(&call, &TicketId::new("10002"), &marker).await.unwrap());
    assert!(!desk.has_comment(&call, &TicketId::new("10003"), &marker).await.unwrap());
}
