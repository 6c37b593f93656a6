//! The stored form of actions is golden: it outlives the process.

use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::{
    Action, Alert, AlertPatch, Attack, Attribution, BlockRequest, Client, Comment, ConnectorName,
    Lease, Marker, RichText, Root, Route, Scope, Target, TenantId, TicketKey, Who,
};
use watchfloor_respond::ActionRecord;
use watchfloor_testkit::TestClock;

fn scope() -> Scope {
    Root::new(Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap())))
        .scope(TenantId::new("acme"))
}

fn alert() -> Alert {
    let ip = "203.0.113.7".parse().unwrap();
    let start = "2026-11-24T08:00:00Z".parse().unwrap();
    Alert::build(&TenantId::new("acme"), Attack::Bola, &Who::Client(ip), "/api/orders/{id}", start)
        .client(Client { ip, attribution: Attribution::Peer })
        .explanation("80 distinct orders in 40 s; 20 are allowed")
        .seen("2026-11-24T08:00:40Z".parse().unwrap(), 80)
        .build()
}

fn actions() -> Vec<(&'static str, Action)> {
    let on = ConnectorName::new("desk");
    let alert = alert();
    let route = Route::new("orders", "it owns /api/orders").at("group", "Orders Backend");
    let draft = scope().draft_for(&alert, route).unwrap();
    let target: Target = "203.0.113.7".parse().unwrap();
    let lease = Lease::For(Duration::from_secs(3600));
    let request = BlockRequest::new(target, Attribution::Peer, lease, "BOLA", "wf-1");
    let marker = Marker::derive("wf-1", "block 203.0.113.7");
    let comment = Comment::new(marker, RichText::new().text("blocked").code("203.0.113.7"));
    let mut patch = AlertPatch::default();
    patch.comment = Some("opened SEC-7".into());
    vec![
        ("open_ticket", Action::OpenTicket { on: on.clone(), draft }),
        ("block", Action::Block { on: on.clone(), request }),
        ("comment", Action::Comment { on: on.clone(), key: TicketKey::given("wf-1"), comment }),
        ("update_alert", Action::UpdateAlert { on: on.clone(), id: alert.id.clone(), patch }),
        ("ship_alert", Action::ShipAlert { on, alert: Box::new(alert) }),
    ]
}

/// A record whose call has a fixed id, as the golden files have it.
fn record(action: Action) -> ActionRecord {
    let call = serde_json::from_str(r#"{"id":"call-1","tenant":"acme"}"#).unwrap();
    ActionRecord::new(call, action)
}

#[test]
fn every_action_has_a_golden_file_and_is_read_back() {
    for (name, action) in actions() {
        let record = record(action);
        insta::assert_json_snapshot!(name, record);
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<ActionRecord>(&text).unwrap(), record, "{name}");
    }
}

#[test]
fn t39_a_stored_action_keeps_its_call_id() {
    let scope = scope();
    let record = ActionRecord::new(scope.call().record(), actions().remove(0).1);
    let stored = serde_json::to_string(&record).unwrap();
    let read: ActionRecord = serde_json::from_str(&stored).unwrap();
    let id = record.call.id.clone();
    assert_eq!(*scope.resume(read.call).unwrap().id(), id);
}

#[test]
fn an_unknown_version_is_refused() {
    let mut doc = serde_json::to_value(record(actions().remove(0).1)).unwrap();
    doc["v"] = 2.into();
    let error = serde_json::from_value::<ActionRecord>(doc).unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");
}
