use serde_json::json;
use watchfloor_core::{Event, Outcome, Timestamp};
use watchfloor_testkit::twins;

use super::{TOKEN, world};

fn event(uid: &str, log_name: &str, class: u32) -> Event {
    let doc =
        format!(r#"{{"class_uid":{class},"metadata":{{"uid":"{uid}","log_name":"{log_name}"}}}}"#);
    Event::from_json(doc, Timestamp::EPOCH).unwrap()
}

#[tokio::test]
async fn every_envelope_carries_its_event_s_metadata() {
    let more = [
        ("index", json!({ "field": "metadata.log_name", "default": "main" })),
        ("sourcetype", json!({ "field": "class_uid" })),
        ("source", json!("gw")),
        ("host", json!({ "field": "device.hostname" })),
    ];
    let w = world(twins::Hec::new(TOKEN), &more).await;
    let sent = [event("a", "sec", 6003), event("b", "", 4002), event("c", "sec", 6003)];
    assert_eq!(w.send(&sent).await.counts().applied, 3);
    let told: Vec<_> = w.hec.held().into_iter().map(|h| h.meta).collect();
    for (meta, (index, sourcetype)) in
        told.iter().zip([("sec", "6003"), ("main", "4002"), ("sec", "6003")])
    {
        assert_eq!(meta["index"], index);
        assert_eq!(meta["sourcetype"], sourcetype);
        assert_eq!((&meta["source"], &meta["host"]), (&json!("gw"), &json!(null)));
    }
}

#[tokio::test]
async fn an_index_of_one_event_refuses_that_event_alone() {
    let w =
        world(twins::Hec::new(TOKEN), &[("index", json!({ "field": "metadata.log_name" }))]).await;
    let sent = ["sec", "nope", "main", "nope", "sec"];
    let sent: Vec<_> =
        sent.iter().enumerate().map(|(i, n)| event(&format!("u-{i}"), n, 1)).collect();
    let delivery = w.send(&sent).await;
    let outcomes: Vec<_> = (0..5).map(|i| delivery.outcome(i)).collect();
    use Outcome::{Applied, Rejected};
    assert_eq!(outcomes, [Applied, Rejected, Applied, Rejected, Applied]);
    assert_eq!(w.held(), ["u-0", "u-2", "u-4"], "and none twice");
}
