//! What every desk promises, and what is left of it when any two requests go wrong.

use std::sync::Arc;

use serde_json::json;
use watchfloor_core::{StatusCategory, TicketDesk, TicketId, TicketKey};
use watchfloor_testkit::conformance::Setup;
use watchfloor_testkit::conformance::desk::{self, HeldTicket, Quirk, TwinDesk};
use watchfloor_testkit::schedule::{self, Depth};
use watchfloor_testkit::twins;

use super::{SECRET, connector, with_oauth};

type World = TwinDesk<twins::ServiceNow>;

fn desk_of(url: &str, setup: &Setup) -> Arc<dyn TicketDesk> {
    let mut entries = with_oauth(url);
    let attempt_timeout = format!("{}ms", setup.attempt_timeout.as_millis());
    entries["http"] = json!({ "attempt_timeout": attempt_timeout, "max_attempts": 12 });
    connector(Arc::new(setup.clock.clone()), &entries).desk.unwrap()
}

fn tickets(instance: &twins::ServiceNow) -> Vec<HeldTicket> {
    instance.held("incident").iter().map(ticket).collect()
}

fn ticket(held: &twins::HeldRecord) -> HeldTicket {
    let field = |name: &str| held.fields.get(name).cloned().unwrap_or_default();
    let status = match field("state").as_str() {
        "1" => StatusCategory::New,
        "6" | "7" | "8" => StatusCategory::Done,
        _ => StatusCategory::InProgress,
    };
    let id = TicketId::new(field("sys_id"));
    let mut ticket = HeldTicket::new(id, field("correlation_id"), status);
    ticket.summary = field("short_description");
    // A space of no width is not seen.
    let seen = |text: &String| text.replace("[\u{200b}", "[");
    ticket.body = Some(seen(&field("description")));
    ticket.comments = held.work_notes.iter().map(seen).collect();
    ticket.files = held.files.clone();
    let parent = field("parent_incident");
    ticket.duplicate_of = (!parent.is_empty()).then(|| TicketId::new(parent));
    ticket
}

fn plant(instance: &twins::ServiceNow, key: &TicketKey) -> TicketId {
    TicketId::new(instance.plant("incident", key.as_str()))
}

fn quirk(instance: &twins::ServiceNow, quirk: &Quirk) -> bool {
    match quirk {
        Quirk::IgnoresConditions => instance.pass_over("correlation_id"),
        Quirk::DropsSummary => instance.lock_column("short_description"),
        Quirk::DropsSteps => instance.lock_column("state"),
        Quirk::Localised => instance.speak_japanese(),
        Quirk::Stuck => instance.stick(),
        Quirk::Resolution(id, ended) => {
            let code = if *ended { "Solution provided" } else { "" };
            instance.set("incident", id.as_str(), "close_code", code);
        }
        // The Table API reads the table itself.
        _ => return false,
    }
    true
}

fn demand(instance: &twins::ServiceNow) -> (String, String) {
    instance.demand("u_root_cause");
    ("u_root_cause".to_owned(), "an id in the path".to_owned())
}

async fn world(setup: Setup) -> World {
    let clock = Arc::new(setup.clock.clone());
    let instance = twins::ServiceNow::new(clock, "watchfloor", SECRET);
    let whole = watchfloor_testkit::Answer::json(200, &json!({ "result": { "sys_id": "x" } }));
    TwinDesk::start(setup, instance, tickets, desk_of)
        .await
        .secret(SECRET)
        .fails_inside(twins::ServiceNow::cancelled(&whole))
        .plants(plant)
        .quirks(quirk)
        .demands(demand)
}

#[tokio::test]
async fn it_keeps_what_every_desk_promises() {
    desk::run(world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t06_no_schedule_of_faults_doubles_a_ticket() {
    schedule::open(world, Depth::Pairs).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t06_no_schedule_of_faults_doubles_what_is_done_about_an_alert() {
    schedule::handle(world, Depth::Single).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "some minutes: every two faults in a flow of many requests; run by hand"]
async fn t06_nor_any_two_in_pairs() {
    schedule::handle(world, Depth::Pairs).await.assert();
}
