use serde_json::json;
use watchfloor_core::StatusCategory::{Done, InProgress, New};
use watchfloor_core::{Kind, Outcome, StatusCategory, Ticket, TicketPatch};
use watchfloor_testkit::twins::Closing;

use super::world::{World, fields, world, world_with};

async fn go(w: &World, to: StatusCategory, with: &TicketPatch) -> watchfloor_core::Result<Ticket> {
    let id = w.opened("wf-1").await;
    w.desk.transition(&w.scope.call(), &id, to, with).await
}

fn resolution(code: &str) -> TicketPatch {
    let mut patch = TicketPatch::new();
    patch.resolution = Some(code.to_owned());
    patch
}

#[tokio::test]
async fn done_is_resolved_with_a_code_and_notes() {
    let w = world().await;
    let ticket = go(&w, Done, &TicketPatch::new()).await.unwrap();
    assert_eq!((ticket.state.as_str(), ticket.status), ("6", Done));
    let held = w.held();
    assert_eq!(held["close_code"], "Solution provided");
    assert_eq!(held["close_notes"], "Closed by Watchfloor.");
    let reopened = go(&w, InProgress, &TicketPatch::new()).await.unwrap();
    assert_eq!(reopened.state, "2");
}

#[tokio::test]
async fn t18_the_language_of_the_choices_does_not_matter() {
    let w = world().await;
    w.instance.speak_japanese();
    let ticket = go(&w, InProgress, &TicketPatch::new()).await.unwrap();
    assert_eq!(ticket.state, "2");
    go(&w, Done, &resolution("重複")).await.unwrap();
    assert_eq!(w.held()["close_code"], "Duplicate");
}

#[tokio::test]
async fn a_resolution_is_a_code_or_its_label_and_another_is_named_with_the_choices() {
    let w = world().await;
    let error = go(&w, Done, &resolution("fixed")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    assert_eq!(w.held()["state"], "1");
    let mut with = resolution("user ERROR");
    with.fields.insert("close_notes".to_owned(), "[code]x[/code] seen".to_owned());
    go(&w, Done, &with).await.unwrap();
    let held = w.held();
    assert_eq!(
        (held["close_code"].as_str(), held["close_notes"].as_str()),
        ("User error", "[\u{200b}code]x[\u{200b}/code] seen")
    );
}

#[tokio::test]
async fn what_is_closed_stays_closed() {
    let w = world().await;
    w.opened("wf-1").await;
    let id = w.held()["sys_id"].clone();
    w.instance.set("incident", &id, "state", "7");
    for to in [New, InProgress] {
        let error = go(&w, to, &TicketPatch::new()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Kind::Refused, Outcome::Rejected));
    }
    assert_eq!(w.instance.script().count("update"), 0);
}

#[tokio::test]
async fn a_step_that_the_instance_drops_is_no_success() {
    let w = world_with(|twin| twin.closing(Closing::Ignored), &json!({})).await;
    go(&w, Done, &TicketPatch::new()).await.unwrap();
    let w = world().await;
    w.instance.lock_column("state");
    let error = go(&w, Done, &TicketPatch::new()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden, "{error}");
}

#[tokio::test]
async fn a_field_that_a_data_policy_demands_is_named_and_filled() {
    let w = world().await;
    w.instance.demand("u_root_cause");
    let error = go(&w, Done, &TicketPatch::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (Kind::Invalid, Outcome::Rejected));
    assert!(error.to_string().contains("u_root_cause"), "{error}");
    go(&w, Done, &fields(&[("u_root_cause", "bola")])).await.unwrap();
    assert_eq!(w.held()["u_root_cause"], "bola");
}

#[tokio::test]
async fn without_the_choices_one_goes_on_with_the_usual_ones() {
    for deny in [false, true] {
        let w = world().await;
        if deny {
            w.instance.deny_table("sys_choice");
            w.instance.deny_table("sys_dictionary");
        } else {
            w.instance.hide_rows("sys_choice");
            w.instance.hide_rows("sys_dictionary");
        }
        let ticket = go(&w, Done, &TicketPatch::new()).await.unwrap();
        assert_eq!(ticket.state, "6");
        assert_eq!(w.instance.script().count("choices"), 1);
    }
}

#[tokio::test]
async fn choices_are_read_once_an_hour() {
    let w = world().await;
    for to in [InProgress, New, InProgress] {
        go(&w, to, &TicketPatch::new()).await.unwrap();
    }
    assert_eq!(w.instance.script().count("choices"), 1);
    assert_eq!(w.instance.script().count("dictionary"), 1);
    w.clock.advance(std::time::Duration::from_secs(3600));
    go(&w, New, &TicketPatch::new()).await.unwrap();
    assert_eq!(w.instance.script().count("choices"), 2);
}

#[tokio::test]
async fn a_security_incident_has_states_of_its_own() {
    let w = world_with(|twin| twin, &json!({ "table": "sn_si_incident" })).await;
    for (to, state) in [(InProgress, "16"), (New, "10"), (Done, "3")] {
        assert_eq!(go(&w, to, &TicketPatch::new()).await.unwrap().state, state);
    }
    let held = &w.instance.held("sn_si_incident")[0].fields;
    assert_eq!(held["close_code"], "Investigation completed");
}

#[tokio::test]
async fn the_states_of_another_table_are_configured() {
    let states = json!({ "101": "new", "104": "in_progress", "107": "done" });
    let w = world_with(|twin| twin, &json!({ "table": "problem", "states": states })).await;
    for (to, state) in [(InProgress, "104"), (Done, "107"), (InProgress, "104")] {
        assert_eq!(go(&w, to, &TicketPatch::new()).await.unwrap().state, state);
    }
}

#[tokio::test]
async fn a_duplicate_is_tied_to_the_older_and_closed_as_one() {
    let w = world().await;
    let older = w.instance.plant("incident", "wf-1");
    w.clock.advance(std::time::Duration::from_secs(60));
    let younger = w.instance.plant("incident", "wf-1");
    assert_eq!(w.opened("wf-1").await.as_str(), older);
    let held = w.instance.held("incident");
    let closed = &held.iter().find(|r| r.fields["sys_id"] == younger).unwrap().fields;
    assert_eq!(closed["parent_incident"], older);
    assert_eq!((closed["state"].as_str(), closed["close_code"].as_str()), ("6", "Duplicate"));
}
