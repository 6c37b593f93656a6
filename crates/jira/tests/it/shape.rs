use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::{
    Comment, Kind, Marker, Priority, RichText, Route, StatusCategory, TicketId, TicketKey,
    TicketPatch,
};
use watchfloor_http::SystemClock;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{BASIC, Product, connector, entries, scope};

const FIELDS: [&str; 8] =
    ["summary", "status", "labels", "created", "project", "components", "priority", "assignee"];

fn cloud(url: &str) -> Value {
    let mut entries = entries(url);
    entries["flavor"] = json!("cloud");
    entries
}

fn answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn search(token: Option<&str>) -> Value {
    let mut body = json!({
        "jql": "labels = \"wf-1\" ORDER BY created ASC",
        "fields": FIELDS,
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
        .and(query_param("fields", format!("{},description", FIELDS.join(","))))
        .and(query_param("properties", "watchfloor"))
        .respond_with(answer(200, &read))
        .expect(1)
        .mount(&server)
        .await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &cloud(&server.uri())).desk.unwrap();
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
    let desk = connector(clock.clone(), &cloud(&server.uri())).desk.unwrap();
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
    let desk = connector(clock.clone(), &cloud(&server.uri())).desk.unwrap();
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
    let desk = connector(clock.clone(), &cloud(&server.uri())).desk.unwrap();
    let call = scope(clock).call();
    assert!(desk.has_comment(&call, &TicketId::new("10002"), &marker).await.unwrap());
    assert!(!desk.has_comment(&call, &TicketId::new("10003"), &marker).await.unwrap());
}

/// One request of Data Center's, in its exact shape, and its answer.
async fn mount(
    server: &MockServer,
    verb: &str,
    at: &str,
    body: Option<Value>,
    answer: ResponseTemplate,
) {
    let mock = Mock::given(method(verb)).and(path(format!("/jira/rest/api/2/{at}")));
    let mock = mock.and(header("authorization", "Bearer tok-123"));
    let mock = match body {
        Some(body) => mock.and(body_json(body)),
        None => mock,
    };
    mock.respond_with(answer).expect(1).mount(server).await;
}

fn data_center(url: &str) -> Value {
    let mut entries = Product::DataCenter.entries(url);
    entries["flavor"] = json!("data_center");
    entries
}

#[tokio::test]
async fn data_center_s_requests_have_their_exact_shapes() {
    let server = MockServer::start().await;
    let search = json!({
        "jql": "labels = \"wf-1\" ORDER BY created ASC", "fields": FIELDS, "maxResults": 50,
        "startAt": 0,
    });
    let none = answer(200, &json!({ "startAt": 0, "maxResults": 50, "total": 0, "issues": [] }));
    mount(&server, "POST", "search", Some(search), none).await;
    let create = json!({
        "fields": {
            "project": { "key": "SEC" }, "issuetype": { "name": "Task" },
            "summary": "Brute force on web01", "description": "h2. Seen\n\nline \\*1\\*\nline 2",
            "labels": ["wf-1"], "priority": { "name": "Medium" },
        },
        "properties": [{ "key": "watchfloor", "value": { "key": "wf-1", "v": 1 } }],
    });
    let created = answer(201, &json!({ "id": "10002", "key": "SEC-7", "self": "x" }));
    mount(&server, "POST", "issue", Some(create), created).await;
    let comments = json!({ "startAt": 0, "total": 0, "comments": [] });
    mount(&server, "GET", "issue/10002/comment", None, answer(200, &comments)).await;
    let marker = Marker::derive("wf-1", "block");
    let body = json!({ "body": format!("blocked\n\n\\[{}\\]", marker.as_str()) });
    mount(&server, "POST", "issue/10002/comment", Some(body), answer(201, &json!({ "id": "1" })))
        .await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &data_center(&server.uri())).desk.unwrap();
    let scope = scope(clock);
    let mut draft = scope.draft(TicketKey::given("wf-1"), "Brute force on web01");
    draft.body = RichText::new().heading(2, "Seen").text("line *1*\nline 2");
    let opened = desk.open(&scope.call(), &draft).await.unwrap();
    let comment = Comment::new(marker, RichText::new().text("blocked"));
    desk.comment(&scope.call(), &opened.ticket().id, &comment).await.unwrap();
}

#[tokio::test]
async fn t01_a_look_up_of_data_center_goes_on_where_the_page_ended() {
    let server = MockServer::start().await;
    for (start, ids, total) in [(0, vec!["1", "2"], 3), (2, vec!["3"], 3)] {
        let body = json!({
            "jql": "labels = \"wf-1\" ORDER BY created ASC", "fields": FIELDS, "maxResults": 50,
            "startAt": start,
        });
        // The first two are no hits: somebody's search ignores its condition.
        let key = |id: &str| if id == "3" { "wf-1" } else { "other" };
        let issues: Vec<_> = ids.iter().map(|id| issue(id, key(id))).collect();
        let page = json!({ "startAt": start, "maxResults": 2, "total": total, "issues": issues });
        mount(&server, "POST", "search", Some(body), answer(200, &page)).await;
    }
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &data_center(&server.uri())).desk.unwrap();
    let found = desk.find(&scope(clock).call(), &TicketKey::given("wf-1")).await.unwrap();
    assert_eq!(found.unwrap().id.as_str(), "3");
}

/// What is told of an issue, and the steps from there.
async fn mount_issue(server: &MockServer, root: &str, category: &str) {
    let status = json!({ "id": category, "statusCategory": { "key": category } });
    let told = json!({ "id": "10002", "key": "SEC-7", "fields": { "status": status } });
    Mock::given(method("GET"))
        .and(path(format!("{root}/issue/10002")))
        .and(query_param("properties", "watchfloor"))
        .respond_with(answer(200, &told))
        .up_to_n_times(1)
        .mount(server)
        .await;
}

#[tokio::test]
async fn a_transition_has_its_exact_shape_in_both() {
    for (product, root) in
        [(Product::Cloud, "/rest/api/3"), (Product::DataCenter, "/jira/rest/api/2")]
    {
        let server = MockServer::start().await;
        mount_issue(&server, root, "new").await;
        let at = format!("{root}/issue/10002/transitions");
        let fields = json!({ "resolution": {
            "required": true, "schema": { "type": "resolution" },
            "allowedValues": [{ "id": "10000", "name": "Done" }, { "id": "10001", "name": "Won't Do" }],
        } });
        let to = json!({ "id": "done", "name": "完了", "statusCategory": { "key": "done" } });
        let gone = json!({ "id": "9", "to": to, "isAvailable": false });
        let told = json!({ "transitions": [gone, {
            "id": "31", "name": "Finish", "to": to, "hasScreen": true, "fields": fields,
        }] });
        Mock::given(method("GET"))
            .and(path(&*at))
            .and(query_param("expand", "transitions.fields"))
            .respond_with(answer(200, &told))
            .expect(1)
            .mount(&server)
            .await;
        let taken = json!({
            "transition": { "id": "31" }, "fields": { "resolution": { "id": "10000" } },
        });
        Mock::given(method("POST"))
            .and(path(&*at))
            .and(body_json(taken))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
        let clock = Arc::new(SystemClock::new());
        let mut entries = product.entries(&server.uri());
        entries["flavor"] = json!(product.flavor());
        let desk = connector(clock.clone(), &entries).desk.unwrap();
        let call = scope(clock).call();
        let moved = async {
            let id = TicketId::new("10002");
            desk.transition(&call, &id, StatusCategory::Done, &TicketPatch::new()).await
        };
        // The read back.
        mount_issue(&server, root, "done").await;
        assert_eq!(moved.await.unwrap().status, StatusCategory::Done);
    }
}

#[tokio::test]
async fn an_edit_has_its_exact_shape_in_both() {
    let adf = json!({ "type": "doc", "version": 1, "content": [
        { "type": "paragraph", "content": [{ "type": "text", "text": "*new*" }] },
    ] });
    for (product, root, body, user) in [
        (Product::Cloud, "/rest/api/3", adf, json!({ "accountId": "5b10" })),
        (Product::DataCenter, "/jira/rest/api/2", json!("\\*new\\*"), json!({ "name": "5b10" })),
    ] {
        let server = MockServer::start().await;
        mount_issue(&server, root, "new").await;
        let sent = json!({ "fields": {
            "summary": "new", "description": body, "priority": { "name": "Low" }, "assignee": user,
        } });
        Mock::given(method("PUT"))
            .and(path(format!("{root}/issue/10002")))
            .and(body_json(sent))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
        let told = json!({ "id": "10002", "fields": { "summary": "new", "assignee": user } });
        Mock::given(method("GET")).respond_with(answer(200, &told)).mount(&server).await;
        let clock = Arc::new(SystemClock::new());
        let mut entries = product.entries(&server.uri());
        entries["flavor"] = json!(product.flavor());
        let desk = connector(clock.clone(), &entries).desk.unwrap();
        let mut patch = TicketPatch::new();
        patch.summary = Some("new".into());
        patch.body = Some(RichText::new().text("*new*"));
        patch.priority = Some(Priority::Low);
        patch.assignee = Some("5b10".into());
        let id = TicketId::new("10002");
        desk.update(&scope(clock).call(), &id, &patch).await.unwrap();
    }
}
