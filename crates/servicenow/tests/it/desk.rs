use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use watchfloor_core::{
    Comment, Kind, Marker, Opened, Outcome, RichText, Route, Scope, Stage, TicketDesk, TicketDraft,
    TicketId, TicketKey,
};
use watchfloor_testkit::{Answer, Fault, Server, TestClock, leaks, twins};

use super::{SECRET, connector, scope, with_basic, with_oauth};

struct World {
    instance: Server<twins::ServiceNow>,
    desk: Arc<dyn TicketDesk>,
    scope: Scope,
}

async fn world() -> World {
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let instance = twins::ServiceNow::new(clock.clone(), "watchfloor", SECRET);
    instance.add_group("Orders Backend");
    let instance = Server::start(instance, clock.clone()).await.unwrap();
    let desk = connector(clock.clone(), &with_oauth(&instance.url())).desk.unwrap();
    World { instance, desk, scope: scope(clock) }
}

impl World {
    fn draft(&self, key: &str) -> TicketDraft {
        let mut draft = self.scope.draft(TicketKey::given(key), "BOLA on /api/orders");
        draft.body = RichText::new().text("80 distinct orders").code("GET /api/orders/7");
        draft.route =
            Some(Route::new("orders", "it owns /api/orders").at("group", "Orders Backend"));
        draft
    }

    async fn open(&self, key: &str) -> watchfloor_core::Result<Opened> {
        self.desk.open(&self.scope.call(), &self.draft(key)).await
    }
}

#[tokio::test]
async fn a_ticket_is_opened_in_its_group_and_found_again() {
    let w = world().await;
    let Opened::Created(ticket) = w.open("wf-1").await.unwrap() else { panic!("created") };
    assert_eq!(ticket.place["group"], "Orders Backend");
    assert_eq!(ticket.key, Some(TicketKey::given("wf-1")));
    assert_eq!(ticket.display, "INC0010001");
    assert!(ticket.url.as_deref().unwrap().contains("incident.do?sys_id="));
    let held = &w.instance.held("incident")[0];
    assert_eq!(held.fields["correlation_id"], "wf-1");
    assert!(held.fields["description"].contains("GET /api/orders/7"));
    assert!(matches!(w.open("wf-1").await, Ok(Opened::Existing(t)) if t.id == ticket.id));
    let found = w.desk.find(&w.scope.call(), &TicketKey::given("wf-1")).await.unwrap().unwrap();
    assert_eq!(found.id, ticket.id);
    assert_eq!(w.desk.find(&w.scope.call(), &TicketKey::given("wf-2")).await.unwrap(), None);
}

#[tokio::test]
async fn t06_a_ticket_whose_answer_was_lost_is_found_and_not_created_again() {
    for fault in [Fault::ResetAfter, Fault::HalfBody, Fault::After(Answer::new(202))] {
        let w = world().await;
        w.instance.script().on("create", 1, fault);
        assert!(matches!(w.open("wf-1").await, Ok(Opened::Created(_))));
        assert_eq!(w.instance.held("incident").len(), 1);
        assert_eq!(w.instance.script().count("create"), 1);
    }
}

#[tokio::test]
async fn t27_an_error_inside_a_success_is_reconciled() {
    let w = world().await;
    let cancelled = r#"{"result":{"sys_id":"x"},"error":{"message":"Transaction cancelled: maximum execution time exceeded","detail":null},"status":"failure"}"#;
    let answer = Answer::new(200).body("application/json", cancelled);
    w.instance.script().on("create", 1, Fault::After(answer));
    assert!(matches!(w.open("wf-1").await, Ok(Opened::Created(_))));
    assert_eq!(w.instance.held("incident").len(), 1);
}

#[tokio::test]
async fn t03_an_expired_token_is_renewed_once_and_the_request_goes_again_byte_for_byte() {
    let w = world().await;
    w.instance.script().on("create", 1, Fault::ExpireCredential);
    w.open("wf-1").await.unwrap();
    assert_eq!(w.instance.tokens_given(), 2);
    let created = w.instance.log().of("create");
    assert_eq!(created.len(), 2);
    assert_eq!(created[0].request.body, created[1].request.body);
    assert_eq!(created[0].request.query, created[1].request.query);
    assert_eq!(w.instance.held("incident").len(), 1);
}

#[tokio::test]
async fn a_comment_is_added_once_as_a_work_note() {
    let w = world().await;
    let id = w.open("wf-1").await.unwrap().ticket().id.clone();
    w.instance.script().on("update", 1, Fault::ResetAfter);
    let marker = Marker::derive("wf-1", "block");
    let text = RichText::new().text("blocked [code]<b>x</b>[/code]");
    let comment = Comment::new(marker.clone(), text);
    for _ in 0..3 {
        w.desk.comment(&w.scope.call(), &id, &comment).await.unwrap();
    }
    let notes = &w.instance.held("incident")[0].work_notes;
    assert_eq!(notes.len(), 1);
    assert!(marker.is_in(&notes[0]) && notes[0].starts_with("blocked"));
    assert!(!notes[0].contains("[code]"), "HTML from outside stays inert");
    assert!(w.desk.has_comment(&w.scope.call(), &id, &marker).await.unwrap());
}

#[tokio::test]
async fn a_group_that_is_not_there_is_named() {
    let w = world().await;
    let mut draft = w.draft("wf-1");
    draft.route = Some(Route::new("x", "y").at("group", "Nobody"));
    let error = w.desk.open(&w.scope.call(), &draft).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("Nobody"), "{error}");
    draft.route = Some(Route::new("x", "y").at("group", "x^NQactive=true"));
    assert_eq!(w.desk.open(&w.scope.call(), &draft).await.unwrap_err().kind(), Kind::Config);
    assert!(w.instance.held("incident").is_empty());
    assert_eq!(w.instance.script().count("group"), 1, "t21: the second is no value of a query");
}

#[tokio::test]
async fn a_group_is_looked_up_once() {
    let w = world().await;
    w.open("wf-1").await.unwrap();
    w.open("wf-2").await.unwrap();
    assert_eq!(w.instance.held("incident")[1].group, "Orders Backend");
    assert_eq!(w.instance.script().count("group"), 1);
}

#[tokio::test]
async fn two_groups_of_one_name_are_not_guessed_between() {
    let w = world().await;
    w.instance.add_group("Orders Backend");
    let error = w.open("wf-1").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("more than one"), "{error}");
    assert!(w.instance.held("incident").is_empty());
}

#[tokio::test]
async fn a_request_that_was_lost_on_its_way_is_sent_again_once_the_table_says_no() {
    let w = world().await;
    w.instance.script().on("create", 1, Fault::ResetBefore);
    assert!(matches!(w.open("wf-1").await, Ok(Opened::Created(_))));
    assert_eq!(w.instance.script().count("create"), 2);
    assert_eq!(w.instance.held("incident").len(), 1);
}

#[tokio::test]
async fn a_created_record_that_hides_its_id_is_looked_up() {
    let w = world().await;
    let hidden = Answer::json(201, &json!({ "result": { "number": "INC0010001" } }));
    w.instance.script().on("create", 1, Fault::After(hidden));
    let opened = w.open("wf-1").await.unwrap();
    assert_eq!(opened.ticket().id.as_str(), w.instance.held("incident")[0].fields["sys_id"]);
    assert_eq!(w.instance.script().count("create"), 1);
}

#[tokio::test]
async fn t21_an_id_that_is_none_never_reaches_the_wire() {
    let w = world().await;
    for id in ["../sys_user/1", "x^NQactive=true", ""] {
        let error = w.desk.get(&w.scope.call(), &TicketId::new(id)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
    }
    assert!(w.instance.log().all().is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let instance = twins::ServiceNow::new(clock.clone(), "watchfloor", "another");
    let instance = Server::start(instance, clock.clone()).await.unwrap();
    let desk = connector(clock.clone(), &with_basic(&instance.url())).desk.unwrap();
    let scope = scope(clock);
    let draft = scope.draft(TicketKey::given("wf-1"), "x");
    let error = desk.open(&scope.call(), &draft).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (Kind::Unauthenticated, Outcome::Rejected));
    assert_eq!(instance.log().all().len(), 1, "five failures lock the user out");
    assert!(leaks(format!("{error} {error:?} {desk:?}").as_bytes(), [SECRET]).is_empty());
}

#[tokio::test]
async fn a_refresh_token_that_expired_is_refused_like_a_wrong_secret() {
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let inside = twins::ServiceNow::new(clock.clone(), "", "").accept("Basic inside");
    let instance = twins::OAuth::before(inside, clock.clone())
        .client("watchfloor", SECRET)
        .user("bot", SECRET)
        .product_takes("Basic inside");
    let instance = Server::start(instance, clock.clone()).await.unwrap();
    let (url, secret) = (instance.url(), json!({ "env": "SECRET" }));
    let auth = json!({
        "type": "oauth2", "grant": "password", "token_url": format!("{url}oauth/token"),
        "client_id": "watchfloor", "client_secret": secret, "username": "bot", "password": secret,
    });
    let ports = connector(clock.clone(), &json!({ "url": url, "auth": auth }));
    let (desk, scope) = (ports.desk.unwrap(), scope(clock.clone()));
    let find = async || desk.find(&scope.call(), &TicketKey::given("wf-1")).await;
    find().await.unwrap();
    clock.advance(Duration::from_secs(3600));
    let refused = json!({ "error_description": "access_denied", "error": "server_error" });
    instance.script().on("token", 1, Fault::Instead(Answer::json(401, &refused)));
    find().await.unwrap();
    assert_eq!(instance.granted("password"), 2, "it went on with the password");
    assert_eq!(instance.script().count("token"), 3);
}

#[tokio::test]
async fn a_check_tells_what_is_wrong() {
    let stage = |w: &World| {
        let (call, desk) = (w.scope.call(), w.desk.clone());
        async move { desk.check(&call).await.failure().map(|(stage, _)| stage) }
    };
    let w = world().await;
    assert_eq!(stage(&w).await, None);
    w.instance.forbid();
    assert_eq!(stage(&w).await, Some(Stage::Authorised));
    let w = world().await;
    let refused = json!({ "error_description": "access_denied", "error": "server_error" });
    w.instance.script().on("token", 1, Fault::Instead(Answer::json(401, &refused)));
    assert_eq!(stage(&w).await, Some(Stage::Authenticated));
    let w = world().await;
    let page = Answer::new(200).body("text/html", "<html>Instance Hibernating page</html>");
    for nth in 1..=5 {
        w.instance.script().on("list", nth, Fault::Instead(page.clone()));
    }
    assert_eq!(stage(&w).await, Some(Stage::Reachable));
    assert!(w.instance.held("incident").is_empty());
}
