//! The exact requests of what is done with an issue of Cloud, and of claims and screens.

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::{Attachment, Comment, Marker, Opened, RichText, TicketId, TicketKey};
use watchfloor_http::SystemClock;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockBuilder, MockServer, Request, ResponseTemplate};

use super::{BASIC, connector, entries, scope};

fn cloud(url: &str) -> Value {
    let mut entries = entries(url);
    entries["flavor"] = json!("cloud");
    entries
}

/// A request of ours to Cloud.
fn on(verb: &str, at: &str) -> MockBuilder {
    let mock = Mock::given(method(verb)).and(path(format!("/rest/api/3/{at}")));
    let mock = mock.and(header("authorization", BASIC)).and(header("accept-language", "en"));
    if verb == "GET" { mock } else { mock.and(header("x-atlassian-token", "no-check")) }
}

fn answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

async fn once(mock: MockBuilder, answer: ResponseTemplate, server: &MockServer) {
    mock.respond_with(answer).expect(1).mount(server).await;
}

#[tokio::test]
async fn a_comment_has_its_exact_shape() {
    let server = MockServer::start().await;
    let marker = Marker::derive("wf-1", "block");
    let paragraph =
        |text: &str| json!({ "type": "paragraph", "content": [{ "type": "text", "text": text }] });
    let last = format!("[{}]", marker.as_str());
    let none = json!({ "startAt": 0, "total": 0, "comments": [] });
    once(on("GET", "issue/10002/comment"), answer(200, &none), &server).await;
    let new = on("POST", "issue/10002/comment").and(body_json(json!({
        "body": { "type": "doc", "version": 1, "content": [paragraph("blocked"), paragraph(&last)] },
        "properties": [{ "key": "watchfloor", "value": { "marker": marker.as_str() } }],
    })));
    once(new, answer(201, &json!({ "id": "1" })), &server).await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &cloud(&server.uri())).desk.unwrap();
    let comment = Comment::new(marker, RichText::new().text("blocked"));
    desk.comment(&scope(clock).call(), &TicketId::new("10002"), &comment).await.unwrap();
}

/// The part is named `file`, exactly, and its name is that of the file.
#[tokio::test]
async fn a_file_has_its_exact_shape() {
    let server = MockServer::start().await;
    let none = json!({ "id": "10002", "key": "SEC-7", "fields": { "attachment": [] } });
    let read = on("GET", "issue/10002").and(query_param("fields", "attachment"));
    once(read, answer(200, &none), &server).await;
    let meta = json!({ "enabled": true, "uploadLimit": 1_000_000 });
    once(on("GET", "attachment/meta"), answer(200, &meta), &server).await;
    let form = |request: &Request| {
        let text = String::from_utf8_lossy(&request.body);
        let kind = request.headers["content-type"].to_str().unwrap();
        kind.starts_with("multipart/form-data; boundary=")
            && text.matches("content-disposition: form-data").count() == 1
            && text.contains("name=\"file\"; filename=\"e.json\"\r\n")
            && text.contains("content-type: application/json\r\n\r\n{\"a\":1}\r\n")
    };
    let taken = json!([{ "id": "10010", "filename": "e.json", "size": 7 }]);
    once(on("POST", "issue/10002/attachments").and(form), answer(200, &taken), &server).await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &cloud(&server.uri())).desk.unwrap();
    let file = Attachment::new("e.json", "application/json", "{\"a\":1}");
    desk.attach(&scope(clock).call(), &TicketId::new("10002"), &file).await.unwrap();
}

/// The younger duplicates the older; what follows, its comment and its end, is refused here.
#[tokio::test]
async fn a_duplicate_s_link_has_its_exact_shape() {
    let server = MockServer::start().await;
    let issue = |id: &str, at: &str| json!({ "id": id, "key": format!("SEC-{id}"), "fields": { "labels": ["wf-1"], "created": at } });
    let both = json!({ "isLast": true, "issues": [
        issue("10003", "2026-11-24T08:00:01.000+0000"), issue("10002", "2026-11-24T08:00:00.000+0000"),
    ] });
    let search = Mock::given(method("POST")).and(path("/rest/api/3/search/jql"));
    once(search, answer(200, &both), &server).await;
    let link = on("POST", "issueLink").and(body_json(json!({
        "type": { "name": "Duplicate" },
        "inwardIssue": { "id": "10003" }, "outwardIssue": { "id": "10002" },
    })));
    once(link, ResponseTemplate::new(201), &server).await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &cloud(&server.uri())).desk.unwrap();
    let scope = scope(clock);
    let draft = scope.draft(TicketKey::given("wf-1"), "s");
    let opened = desk.open(&scope.call(), &draft).await.unwrap();
    assert!(matches!(opened, Opened::Existing(t) if t.id.as_str() == "10002"));
}

/// A look, a claim and, of the create screen, its types and the fields of ours: what it has not is
/// left out.
#[tokio::test]
async fn a_claim_and_a_screen_have_their_exact_shapes() {
    let server = MockServer::start().await;
    let none = json!({ "isLast": true, "issues": [] });
    let search = Mock::given(method("POST")).and(path("/rest/api/3/search/jql"));
    once(search, answer(200, &none), &server).await;
    let property = "project/SEC/properties/watchfloor.wf-1";
    once(on("GET", property), answer(404, &json!({ "errorMessages": ["none"] })), &server).await;
    let claim = |request: &Request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let owner = body["owner"].as_str().unwrap_or_default();
        owner.len() == 32 && body == json!({ "owner": owner, "v": 1 })
    };
    once(on("PUT", property).and(claim), ResponseTemplate::new(201), &server).await;
    let paged = |at: &str| {
        let from = on("GET", at).and(query_param("startAt", "0"));
        from.and(query_param("maxResults", "200"))
    };
    let types = json!({ "issueTypes": [{ "id": "10001", "name": "Task" }], "total": 1 });
    once(paged("issue/createmeta/SEC/issuetypes"), answer(200, &types), &server).await;
    let field = |id: &str| json!({ "fieldId": id, "key": id, "name": id, "required": false });
    let fields =
        json!({ "fields": [field("summary"), field("description"), field("labels")], "total": 3 });
    once(paged("issue/createmeta/SEC/issuetypes/10001"), answer(200, &fields), &server).await;
    let create = on("POST", "issue").and(body_json(json!({
        "fields": {
            "project": { "key": "SEC" }, "issuetype": { "name": "Task" }, "summary": "s",
            "description": { "type": "doc", "version": 1, "content": [
                { "type": "paragraph", "content": [{ "type": "text", "text": "x" }] },
            ] },
            "labels": ["wf-1"],
        },
        "properties": [{ "key": "watchfloor", "value": { "key": "wf-1", "v": 1 } }],
    })));
    let created = json!({ "id": "10002", "key": "SEC-7", "self": "x" });
    once(create, answer(201, &created), &server).await;
    let mut entries = cloud(&server.uri());
    entries["claim"] = json!("project_property");
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &entries).desk.unwrap();
    let scope = scope(clock);
    let mut draft = scope.draft(TicketKey::given("wf-1"), "s");
    draft.body = RichText::new().text("x");
    assert!(matches!(desk.open(&scope.call(), &draft).await, Ok(Opened::Created(_))));
}
