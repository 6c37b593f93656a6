use std::time::Duration;

use serde_json::{Value, json};
use watchfloor_core::{Event, Kind, Outcome, Stage, Timestamp};
use watchfloor_testkit::{Answer, Fault, leaks, twins};

use super::{
    SECRET, STREAM, World, clock, connector, entries, events, refusal, scope, twisted, world,
    world_of,
};

#[tokio::test]
async fn t38_every_document_arrives_byte_for_byte() {
    let w = world().await;
    let sent = events(20);
    assert_eq!(w.send(&sent).await.counts().applied, 20);
    let held = w.cluster.held(STREAM);
    assert_eq!(held.len(), 20);
    for event in &sent {
        let open = event.text().strip_suffix('}').unwrap();
        let spliced = format!("{open},\"@timestamp\":\"{}\"}}", event.time());
        assert_eq!(held[event.uid()], spliced);
    }
    let w = world_of(twins::Elasticsearch::with_api_key(SECRET), "my-index", &[]).await;
    assert_eq!(w.send(&sent).await.counts().applied, 20);
    assert!(sent.iter().all(|e| w.cluster.held("my-index")[e.uid()] == e.json()));
    // One that has its own is left alone.
    let own = r#"{"@timestamp":"2025-01-01T00:00:00Z","n":1.10,"metadata":{"uid":"own"}}"#;
    let w = world().await;
    let event = Event::from_json(own, Timestamp::EPOCH).unwrap();
    assert_eq!(w.send(&[event]).await.counts().applied, 1);
    assert_eq!(w.cluster.held(STREAM)["own"], own);
}

#[tokio::test]
async fn t03_a_packed_body_is_the_same_on_every_attempt_and_arrives_unpacked() {
    let cluster = twins::Elasticsearch::with_api_key(SECRET);
    let w = world_of(cluster, "events", &[("http", json!({ "gzip": true }))]).await;
    w.cluster.script().on("bulk", 1, Fault::status(503));
    let sent = events(50);
    assert_eq!(w.send(&sent).await.counts().applied, 50);
    let held = w.cluster.held("events");
    assert!(sent.iter().all(|e| held[e.uid()] == e.json()));
    let requests = w.cluster.log().of("bulk");
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|l| l.request.headers["content-encoding"] == "gzip"));
    let [first, second] = [0, 1].map(|n| &requests[n].request.headers["content-length"]);
    assert_eq!(first, second);
}

#[tokio::test]
async fn t10_of_a_bulk_answer_with_mixed_verdicts_nothing_is_lost_and_nothing_doubled() {
    let w = world().await;
    // Six arrive and the answer is lost; then two of the rest are put off.
    w.cluster.script().on("bulk", 1, Fault::ResetAmid(6));
    w.cluster.script().on("bulk", 2, Fault::Items(vec![(7, 429), (9, 429)]));
    let delivery = w.send(&events(10)).await;
    assert_eq!(delivery.counts().applied, 10, "{delivery:?}");
    assert!(delivery.exceptions().is_empty());
    assert_eq!(w.cluster.held(STREAM).len(), 10);
    assert_eq!(w.operations(), [10, 10, 2], "only what was put off goes again");
    assert!(w.cluster.script().unmet().is_empty());
}

#[tokio::test]
async fn t10_of_a_half_that_was_put_off_the_right_event_goes_again() {
    let w = world().await;
    w.cluster.script().on("bulk", 1, Fault::status(413));
    w.cluster.script().on("bulk", 3, Fault::Items(vec![(1, 429)]));
    let delivery = w.send(&events(4)).await;
    assert_eq!(delivery.counts().applied, 4, "{delivery:?}");
    assert_eq!(w.cluster.held(STREAM).len(), 4);
    assert_eq!(w.operations(), [4, 2, 2, 1]);
}

#[tokio::test]
async fn t10_a_rejected_item_costs_itself_alone_and_says_why() {
    let w = world().await;
    w.cluster.script().on("bulk", 1, Fault::Items(vec![(2, 400)]));
    let delivery = w.send(&events(5)).await;
    assert_eq!(delivery.counts().applied, 4);
    assert_eq!(delivery.outcome(2), Outcome::Rejected);
    assert!(delivery.reason(2).unwrap().contains("document_parsing_exception"));
    assert_eq!(w.operations(), [5]);
}

#[tokio::test]
async fn items_that_are_put_off_for_ever_are_rejected_and_counted() {
    let w = world().await;
    for nth in 1..=10 {
        w.cluster.script().on("bulk", nth, Fault::Items(vec![(0, 429)]));
    }
    let delivery = w.send(&events(3)).await;
    assert_eq!((delivery.counts().applied, delivery.counts().rejected), (2, 1));
    assert_eq!(w.operations(), [3, 1, 1, 1, 1], "max_attempts");
}

#[tokio::test]
async fn a_lost_answer_doubles_nothing_and_a_409_is_there() {
    for fault in [Fault::ResetAfter, Fault::HalfBody] {
        let w = world().await;
        w.cluster.script().on("bulk", 1, fault);
        assert_eq!(w.send(&events(4)).await.counts().applied, 4);
        assert_eq!(w.cluster.held(STREAM).len(), 4);
        assert_eq!(w.operations(), [4, 4]);
    }
}

#[tokio::test]
async fn t08_a_batch_that_is_too_large_is_halved() {
    let w = world().await;
    for nth in 1..=2 {
        w.cluster.script().on("bulk", nth, Fault::status(413));
    }
    assert_eq!(w.send(&events(8)).await.counts().applied, 8);
    assert_eq!(w.operations(), [8, 4, 2, 2, 4]);
    let w = world().await;
    for nth in 1..=20 {
        w.cluster.script().on("bulk", nth, Fault::status(413));
    }
    assert_eq!(w.send(&events(3)).await.counts().rejected, 3, "down to the single event");
}

#[tokio::test]
async fn a_busy_cluster_is_waited_for() {
    let w = world().await;
    w.cluster.script().on("bulk", 1, Fault::retry_after(429, 20));
    w.cluster.script().on("bulk", 2, Fault::html(503));
    assert_eq!(w.send(&events(4)).await.counts().applied, 4);
    let log = w.cluster.log().of("bulk");
    assert_eq!(log.len(), 3);
    assert!(log[1].at.since(log[0].at) >= Duration::from_secs(20), "Retry-After");
}

#[tokio::test]
async fn another_number_of_items_is_no_success() {
    let w = world().await;
    let answer =
        Answer::json(200, &json!({ "errors": false, "items": [{ "create": { "status": 201 } }] }));
    w.cluster.script().on("bulk", 1, Fault::After(answer));
    let delivery = w.send(&events(3)).await;
    assert_eq!(delivery.counts().unknown, 3);
    assert!(delivery.cause().unwrap().to_string().contains("items"), "{delivery:?}");
}

#[tokio::test]
async fn t35_a_rejected_event_s_reason_shows_the_type_and_not_the_value() {
    let w = world().await;
    let rejected = json!({ "create": { "status": 400, "error": {
        "type": "document_parsing_exception",
        "reason": "[1:9] failed to parse field [status] of type [long] in document with id 'u-1'. \
                   Preview of field's value: 'cnry-value'",
    } } });
    w.cluster.script().on("bulk", 1, twisted(move |items| items[1] = rejected.clone()));
    let delivery = w.send(&events(2)).await;
    assert_eq!(delivery.outcome(1), Outcome::Rejected);
    let reason = delivery.reason(1).unwrap();
    assert_eq!(&*reason, "document_parsing_exception: field status (400)");
}

#[tokio::test]
async fn an_event_that_only_the_failure_store_has_is_not_delivered() {
    let w = world().await;
    let diverted = |items: &mut Vec<Value>| items[0]["create"]["failure_store"] = json!("used");
    w.cluster.script().on("bulk", 1, twisted(diverted));
    let delivery = w.send(&events(2)).await;
    assert_eq!(delivery.outcome(0), Outcome::Rejected);
    assert_eq!(delivery.reason(0).as_deref(), Some("diverted to the failure store"));
    assert_eq!(delivery.outcome(1), Outcome::Applied);
}

#[tokio::test]
async fn one_operation_that_spoils_its_request_is_found() {
    let w = world().await;
    let refused = refusal(400, "action_request_validation_exception", "cnry-value");
    // The whole, its first half, and the first of that.
    for nth in 1..=3 {
        w.cluster.script().on("bulk", nth, refused.clone());
    }
    let delivery = w.send(&events(4)).await;
    assert_eq!((delivery.counts().applied, delivery.counts().rejected), (3, 1));
    assert_eq!(w.operations(), [4, 2, 1, 1, 2]);
    let reason = delivery.reason(0).unwrap();
    assert!(reason.contains("action_request_validation_exception"), "{reason}");
    assert!(leaks(reason.as_bytes(), ["cnry-value"]).is_empty());
}

#[tokio::test]
async fn a_success_that_is_not_the_cluster_s_is_none() {
    let w = world().await;
    let page = Answer::new(200).body("text/html", "<html>welcome</html>");
    w.cluster.script().on("bulk", 1, Fault::Instead(page));
    assert_eq!(w.send(&events(2)).await.counts().unknown, 2);
}

#[tokio::test]
async fn an_id_of_over_512_bytes_becomes_its_hash() {
    let w = world().await;
    let doc = format!(r#"{{"metadata":{{"uid":"{}"}}}}"#, "u".repeat(600));
    let event = Event::from_json(doc, Timestamp::EPOCH).unwrap();
    assert_eq!(w.send(&[event]).await.counts().applied, 1);
    assert!(w.cluster.held(STREAM).keys().all(|id| id.len() <= 512));
}

#[tokio::test]
async fn a_wrong_key_is_tried_once_and_leaks_nowhere() {
    let w = world_of(twins::Elasticsearch::with_api_key("another"), STREAM, &[]).await;
    let delivery = w.send(&events(2)).await;
    let cause = delivery.cause().unwrap();
    assert_eq!((cause.kind(), delivery.counts().rejected), (Kind::Unauthenticated, 2));
    assert_eq!(w.cluster.log().all().len(), 1);
    assert!(leaks(format!("{cause} {cause:?} {:?}", w.ports).as_bytes(), [SECRET]).is_empty());
}

#[tokio::test]
async fn a_key_that_may_not_write_rejects_item_by_item() {
    let w = world_of(twins::Elasticsearch::with_api_key(SECRET).read_only(), STREAM, &[]).await;
    let delivery = w.send(&events(2)).await;
    assert_eq!(delivery.counts().rejected, 2);
    assert!(delivery.reason(0).unwrap().contains("security_exception"));
}

#[tokio::test]
async fn a_check_tells_what_is_wrong_and_writes_nothing() {
    async fn stage(w: &World) -> Option<Stage> {
        w.ports.connector.check(&w.call).await.failure().map(|(stage, _)| stage)
    }
    let good = world().await;
    assert_eq!(stage(&good).await, None);
    assert!(good.cluster.held(STREAM).is_empty());
    let wrong = world_of(twins::Elasticsearch::with_api_key("another"), STREAM, &[]).await;
    assert_eq!(stage(&wrong).await, Some(Stage::Authenticated));
    let poor = world_of(twins::Elasticsearch::with_api_key(SECRET).read_only(), STREAM, &[]).await;
    assert_eq!(stage(&poor).await, Some(Stage::Authorised));
    let clock = clock();
    let nobody = connector(clock.clone(), &entries("http://127.0.0.1:1", STREAM));
    let health = nobody.connector.check(&scope(clock).call()).await;
    assert_eq!(health.failure().map(|(s, _)| s), Some(Stage::Reachable));
}

#[tokio::test]
async fn a_request_that_is_always_refused_is_not_halved_for_ever() {
    let w = world().await;
    for nth in 1..=500 {
        w.cluster.script().on("bulk", nth, refusal(400, "illegal_argument_exception", "x"));
    }
    let delivery = w.send(&events(400)).await;
    assert_eq!(delivery.counts().rejected, 400);
    assert!(w.operations().len() < 40, "{}", w.operations().len());
}
