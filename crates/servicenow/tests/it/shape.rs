use std::sync::Arc;

use serde_json::json;
use watchfloor_core::{Kind, Opened, Priority, RichText, Route, TicketKey};
use watchfloor_http::SystemClock;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{connector, scope, with_basic};

const FIELDS: &str = "sys_id,number,state,short_description,correlation_id,correlation_display,\
                      assignment_group,sys_created_on";
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
        .and(query_param("sysparm_limit", "2"))
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
