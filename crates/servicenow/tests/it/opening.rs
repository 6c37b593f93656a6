use serde_json::json;
use watchfloor_core::{Kind, Opened, Outcome, Route, TicketId, TicketKey, TicketPatch};
use watchfloor_testkit::{Answer, Fault, twins};

use super::world::{world, world_with};

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
async fn a_ticket_is_read_changed_and_moved_by_the_number_that_people_use() {
    let w = world().await;
    let (id, number) = (w.opened("wf-1").await, TicketId::new("INC0010001"));
    w.opened("wf-2").await;
    let call = w.scope.call();
    assert_eq!(w.desk.get(&call, &number).await.unwrap().id, id);
    let patch = super::world::fields(&[("category", "network")]);
    assert_eq!(w.desk.update(&call, &number, &patch).await.unwrap().fields["category"], "network");
    let done = watchfloor_core::StatusCategory::Done;
    assert_eq!(w.desk.transition(&call, &number, done, &TicketPatch::new()).await.unwrap().id, id);
    let error = w.desk.get(&call, &TicketId::new("INC0019999")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    for strange in ["INC1^NQactive=true", "inc0010001", "0010001", "INC"] {
        let error = w.desk.get(&call, &TicketId::new(strange)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{strange}");
    }
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
async fn a_ticket_whose_record_is_hidden_is_not_opened_again() {
    let w = world().await;
    let id = w.instance.plant("incident", "wf-1");
    w.instance.hide(&id);
    let error = w.open("wf-1").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (Kind::Forbidden, Outcome::NotSent));
    assert_eq!(w.instance.held("incident").len(), 1);
}

#[tokio::test]
async fn configured_fields_stand_in_new_records() {
    let caller = "6816f79cc0a8016401c5a33be04be441";
    let entries = json!({ "fields": { "caller_id": caller, "category": "security" } });
    let w = world_with(|twin| twin, &entries).await;
    w.opened("wf-1").await;
    let held = w.held();
    assert_eq!((held["caller_id"].as_str(), held["category"].as_str()), (caller, "security"));
    assert_eq!(held["priority"], "3");
}

#[tokio::test]
async fn a_key_that_the_column_would_cut_is_not_sent() {
    let w = world().await;
    w.instance.set_length("correlation_id", 20);
    let error = w.open("wf-56cec350b3a93903ba01").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (Kind::Config, Outcome::NotSent));
    assert!(error.to_string().contains("correlation_id"), "{error}");
    assert!(w.instance.held("incident").is_empty());
    w.opened("wf-1").await;
}

#[tokio::test]
async fn a_used_up_rule_is_waited_for_and_a_full_queue_too() {
    let w = world().await;
    w.instance.script().on("create", 1, Fault::Instead(twins::ServiceNow::queue_full()));
    w.open("wf-1").await.unwrap();
    assert_eq!(w.instance.script().count("create"), 2);
    assert_eq!(w.instance.held("incident").len(), 1);
    let w = world_with(|twin| twin.requests_per_hour(2), &json!({})).await;
    let error = w.open("wf-1").await.and(w.open("wf-2").await).unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited, "{error}");
    assert!(error.to_string().contains("rule"), "{error}");
}

#[tokio::test]
async fn the_records_of_another_table_are_tickets_too() {
    let w = world_with(|twin| twin, &json!({ "table": "sn_si_incident" })).await;
    let Opened::Created(ticket) = w.open("wf-1").await.unwrap() else { panic!("created") };
    assert!(ticket.display.starts_with("SIR") && ticket.state == "10", "{ticket:?}");
    assert_eq!(ticket.status, watchfloor_core::StatusCategory::New);
}
