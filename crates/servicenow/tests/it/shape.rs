use std::sync::Arc;

use serde_json::json;
use watchfloor_core::desk::{DeskBackend as _, Move, Status};
use watchfloor_core::{
    Attachment, Comment, ConnectorName, Kind, Marker, Opened, Priority, RichText, Route, Secret,
    StatusCategory, Ticket, TicketId, TicketKey, TicketPatch,
};
use watchfloor_http::{Auth, ByStatus, Layer, Settings, SystemClock};
use watchfloor_servicenow::{Incidents, Options};
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{connector, scope, with_basic};

const FIELDS: &str = "sys_id,number,state,short_description,description,priority,correlation_id,\
                      correlation_display,assignment_group,assigned_to,sys_created_on";
const ID: &str = "9c573169c611228700193229fff72400";

#[tokio::test]
async fn create_and_find_have_the_exact_shape() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/now/v2/table/incident"))
        .and(header("authorization", "Basic Ym90OmNucnktc24tc2VjcmV0"))
        .and(header("accept", "application/json"))
        .and(query_param(
            "sysparm_query",
            "correlation_id=wf-1^ORDERBYsys_created_on^ORDERBYsys_id",
        ))
        .and(query_param("sysparm_fields", FIELDS))
        .and(query_param("sysparm_display_value", "all"))
        .and(query_param("sysparm_limit", "10"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "result": [] })))
        // Before the create and, without a store, once after it.
        .expect(2)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/api/now/v2/table/incident"))
        .and(header("content-type", "application/json"))
        .and(query_param("sysparm_fields", FIELDS))
        .and(body_json(json!({
            "short_description": "Brute force on web01",
            "description": "60 failed logins",
            "impact": "1",
            "urgency": "2",
            "correlation_id": "wf-1",
            "correlation_display": "watchfloor",
        })))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({
            "result": { "sys_id": ID, "number": "INC0010002", "correlation_id": "wf-1" },
        })))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(format!("/api/now/v2/table/incident/{ID}")))
        .and(query_param("sysparm_display_value", "all"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "result": {
            "sys_id": { "value": ID, "display_value": ID },
            "number": { "value": "INC0010002", "display_value": "INC0010002" },
            "state": { "value": "2", "display_value": "In Progress" },
            "correlation_id": { "value": "wf-1", "display_value": "wf-1" },
            "sys_created_on": { "value": "2026-11-22 01:00:00", "display_value": "21/11/2026 20:00:00" },
        } })))
        .expect(1)
        .mount(&server)
        .await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &with_basic(&server.uri())).desk.unwrap();
    let scope = scope(clock);
    let mut draft = scope.draft(TicketKey::given("wf-1"), "Brute force on web01");
    draft.priority = Priority::High;
    draft.body = RichText::new().text("60 failed logins");
    let Opened::Created(ticket) = desk.open(&scope.call(), &draft).await.unwrap() else {
        panic!("created")
    };
    assert_eq!(ticket.display, "INC0010002");
    let ticket = desk.get(&scope.call(), &ticket.id).await.unwrap();
    assert_eq!(ticket.created.unwrap().to_string(), "2026-11-22T01:00:00.000Z");
}

#[tokio::test]
async fn a_stranger_s_record_is_no_hit() {
    let server = MockServer::start().await;
    let stranger = json!({ "result": [{ "sys_id": ID, "number": "INC0000001" }] });
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(stranger))
        .mount(&server)
        .await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &with_basic(&server.uri())).desk.unwrap();
    let scope = scope(clock);
    let error = desk.find(&scope.call(), &TicketKey::given("wf-1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("correlation_id"), "{error}");
}

#[tokio::test]
async fn a_stranger_s_group_is_no_hit() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/now/v2/table/incident"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "result": [] })))
        .mount(&server)
        .await;
    let stranger = json!({ "result": [{ "sys_id": ID, "name": "Somebody else" }] });
    Mock::given(method("GET"))
        .and(path("/api/now/v2/table/sys_user_group"))
        .and(query_param("sysparm_query", "name=Orders Backend^ORDERBYsys_id"))
        .and(query_param("sysparm_fields", "sys_id,name"))
        .and(query_param("sysparm_limit", "5"))
        .respond_with(ResponseTemplate::new(200).set_body_json(stranger))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(500))
        .expect(0)
        .mount(&server)
        .await;
    let clock = Arc::new(SystemClock::new());
    let desk = connector(clock.clone(), &with_basic(&server.uri())).desk.unwrap();
    let scope = scope(clock);
    let mut draft = scope.draft(TicketKey::given("wf-1"), "x");
    draft.route = Some(Route::new("orders", "why").at("group", "Orders Backend"));
    let error = desk.open(&scope.call(), &draft).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("Orders Backend"), "{error}");
}

/// An instance that answers `{"result": …}` to this one request, once, and 404 to all others.
async fn only(mock: wiremock::MockBuilder, status: u16, result: serde_json::Value) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_json(json!({ "result": result }));
    mock.respond_with(answer).expect(1).mount(&server).await;
    server
}

fn backend(url: &str) -> Incidents {
    let clock = Arc::new(SystemClock::new());
    let name = ConnectorName::new("itsm");
    let base: url::Url = url.parse().unwrap();
    let auth = Auth::basic("bot", Secret::new(super::SECRET));
    let client = Layer::new(clock.clone())
        .client(&name, vec![base.clone()], auth, Settings::default(), ByStatus)
        .unwrap();
    Incidents::new(name, base, Options::of("incident"), client, clock)
}

#[tokio::test]
async fn a_step_and_a_comment_have_the_exact_shape() {
    let one = || {
        Mock::given(method("PATCH"))
            .and(path(format!("/api/now/v2/table/incident/{ID}")))
            .and(header("accept", "application/json"))
            .and(header("content-type", "application/json"))
            .and(query_param("sysparm_fields", "sys_id"))
    };
    let record = json!({ "sys_id": ID });
    let body = json!({ "state": "6", "close_code": "Duplicate", "close_notes": "n" });
    let server = only(one().and(body_json(body)), 200, record.clone()).await;
    let scope = scope(Arc::new(SystemClock::new()));
    let step = Move::new("6", Status::new("6", StatusCategory::Done)).leaving("1");
    let values = [("close_code", "Duplicate"), ("close_notes", "n")];
    let values = values.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    let id = TicketId::new(ID);
    backend(&server.uri()).take(&scope.call(), &id, &step, &values).await.unwrap();

    let comment = Comment::new(Marker::derive("wf-1", "x"), RichText::new().text("seen"));
    let body = json!({ "work_notes": format!("seen\n\n{}", comment.mark()) });
    let server = only(one().and(body_json(body)), 200, record.clone()).await;
    backend(&server.uri()).add_comment(&scope.call(), &id, &comment).await.unwrap();

    let server = only(one().and(body_json(json!({ "parent_incident": ID }))), 200, record).await;
    let ticket = Ticket::new(TicketId::new(ID), StatusCategory::New);
    backend(&server.uri()).retire(&scope.call(), &ticket, &ticket).await.unwrap();
}

#[tokio::test]
async fn an_update_has_the_exact_shape() {
    let body = json!({
        "short_description": "one line", "description": "text", "impact": "2", "urgency": "3",
        "assigned_to": ID, "category": "security",
    });
    let mock = Mock::given(method("PATCH"))
        .and(path(format!("/api/now/v2/table/incident/{ID}")))
        .and(body_json(body));
    let server = only(mock, 200, json!({ "sys_id": ID })).await;
    let scope = scope(Arc::new(SystemClock::new()));
    let mut patch = TicketPatch::new();
    patch.summary = Some("one\nline".to_owned());
    patch.body = Some(RichText::new().text("text"));
    patch.priority = Some(Priority::Low);
    patch.assignee = Some(ID.to_owned());
    patch.fields.insert("category".to_owned(), "security".to_owned());
    backend(&server.uri()).write(&scope.call(), &TicketId::new(ID), &patch).await.unwrap();
}

#[tokio::test]
async fn files_have_the_exact_shape() {
    let scope = scope(Arc::new(SystemClock::new()));
    let mock = Mock::given(method("POST"))
        .and(path("/api/now/attachment/file"))
        .and(header("content-type", "text/plain; charset=utf-8"))
        .and(query_param("table_name", "incident"))
        .and(query_param("table_sys_id", ID))
        .and(query_param("file_name", "ログ 1.txt"))
        .and(wiremock::matchers::body_string("abc"));
    let server = only(mock, 201, json!({ "sys_id": ID, "size_bytes": "3" })).await;
    let file = Attachment::new("ログ 1.txt", "text/plain; charset=utf-8", "abc");
    backend(&server.uri()).attach(&scope.call(), &TicketId::new(ID), &file).await.unwrap();

    let query =
        format!("table_name=incident^table_sys_id={ID}^ORDERBYDESCsys_created_on^ORDERBYsys_id");
    let mock = Mock::given(method("GET"))
        .and(path("/api/now/attachment"))
        .and(query_param("sysparm_query", query))
        .and(query_param("sysparm_limit", "1000"));
    let row = |of: &str| json!({ "file_name": "a.txt", "size_bytes": "3", "table_sys_id": of });
    let server = only(mock, 200, json!([row(ID), row("a-stranger-s")])).await;
    let files = backend(&server.uri()).attached(&scope.call(), &TicketId::new(ID)).await.unwrap();
    assert_eq!(files, Some(vec![("a.txt".to_owned(), 3)]));
}

#[tokio::test]
async fn the_journal_and_the_choices_have_the_exact_shape() {
    let scope = scope(Arc::new(SystemClock::new()));
    let query = format!(
        "element_id={ID}^elementINcomments,work_notes^ORDERBYDESCsys_created_on^ORDERBYsys_id"
    );
    let mock = Mock::given(method("GET"))
        .and(path("/api/now/v2/table/sys_journal_field"))
        .and(query_param("sysparm_query", query))
        .and(query_param("sysparm_fields", "sys_id,element_id,value"));
    let entries =
        json!([{ "element_id": ID, "value": "x" }, { "element_id": "other", "value": "y" }]);
    let server = only(mock, 200, entries).await;
    let said = backend(&server.uri()).comments(&scope.call(), &TicketId::new(ID)).await.unwrap();
    assert_eq!(said, ["x"]);

    let query = "nameINtask,incident^elementINstate,close_code^ORDERBYname^ORDERBYelement\
                 ^ORDERBYsequence^ORDERBYsys_id";
    let mock = Mock::given(method("GET"))
        .and(path("/api/now/v2/table/sys_choice"))
        .and(query_param("sysparm_query", query))
        .and(query_param("sysparm_fields", "name,element,value,label,inactive"));
    let choice = |element: &str, value: &str| json!({ "name": "incident", "element": element, "value": value, "label": "l" });
    let server = only(
        mock,
        200,
        json!([choice("state", "1"), choice("state", "6"), choice("close_code", "c")]),
    )
    .await;
    let ticket = Ticket::new(TicketId::new(ID), StatusCategory::New);
    let steps = backend(&server.uri()).moves(&scope.call(), &ticket).await.unwrap();
    let to_done = steps.iter().find(|s| s.from.as_deref() == Some("1")).unwrap();
    assert_eq!(to_done.to.id, "6");
    assert_eq!(to_done.required[0].allowed, [("c".to_owned(), "l".to_owned())]);
}

#[tokio::test]
async fn rendered_texts_are_as_they_were_agreed() {
    let w = super::world::world().await;
    let text = RichText::new().text("80 orders [code]<b>x</b>[/code]").code("GET /api/orders/7");
    let mut draft = w.draft("wf-1");
    draft.body = text.clone();
    let id = w.desk.open(&w.scope.call(), &draft).await.unwrap().ticket().id.clone();
    let comment = Comment::new(Marker::derive("wf-1", "x"), text);
    w.desk.comment(&w.scope.call(), &id, &comment).await.unwrap();
    let sent = |operation: &str| {
        let body = w.instance.log().of(operation)[0].request.json().unwrap();
        serde_json::to_string_pretty(&body).unwrap().replace('\u{200b}', "<zwsp>")
    };
    insta::assert_snapshot!(
        "create",
        sent("create").replace(&w.held()["assignment_group"], "<group>")
    );
    insta::assert_snapshot!("comment", sent("update"));
}
