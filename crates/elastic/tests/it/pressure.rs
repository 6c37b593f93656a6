//! A cluster without room: queues, breakers, a full disk, bodies too large.

use std::time::Duration;

use serde_json::{Value, json};
use watchfloor_core::Kind;
use watchfloor_testkit::{Fault, twins};

use super::{SECRET, STREAM, events, refusal, twisted, world, world_of};

const QUEUE: &str = "es_rejected_execution_exception";
const BREAKER: &str = "circuit_breaking_exception";

#[tokio::test]
async fn a_request_refused_twice_for_want_of_room_goes_in_halves() {
    for kind in [QUEUE, "rejected_execution_exception"] {
        let w = world().await;
        for nth in 1..=3 {
            w.cluster.script().on("bulk", nth, refusal(429, kind, "rejected execution"));
        }
        let delivery = w.send(&events(8)).await;
        assert_eq!(delivery.counts().applied, 8, "{delivery:?}");
        // Once as it was, then halved, and halved again.
        assert_eq!(w.operations(), [8, 8, 4, 2, 2, 4]);
        assert_eq!(w.cluster.held(STREAM).len(), 8);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_of_an_idle_node_gets_through_in_the_end() {
    let w =
        world_of(twins::Elasticsearch::with_api_key(SECRET).max_pressure(700), STREAM, &[]).await;
    let delivery = w.send(&events(8)).await;
    assert_eq!(delivery.counts().applied, 8, "{delivery:?}");
    assert_eq!(w.cluster.held(STREAM).len(), 8);
}

#[tokio::test]
async fn a_breaker_halves_at_once() {
    let w = world().await;
    w.cluster.script().on("bulk", 1, refusal(429, BREAKER, "[parent] Data too large"));
    assert_eq!(w.send(&events(8)).await.counts().applied, 8);
    assert_eq!(w.operations(), [8, 4, 4]);
    // One item's breaker too.
    let w = world().await;
    w.cluster.script().on(
        "bulk",
        1,
        twisted(|items: &mut Vec<Value>| {
            for item in &mut items[4..] {
                let error = json!({ "type": BREAKER, "reason": "[parent] Data too large" });
                *item = json!({ "create": { "status": 429, "error": error } });
            }
        }),
    );
    assert_eq!(w.send(&events(8)).await.counts().applied, 8);
    assert_eq!(w.operations(), [8, 2, 2]);
}

#[tokio::test]
async fn a_cluster_that_stays_full_is_given_up_with_its_own_words_and_a_time() {
    let w = world().await;
    for nth in 1..=50 {
        w.cluster.script().on("bulk", nth, refusal(429, QUEUE, "rejected execution"));
    }
    let delivery = w.send(&events(8)).await;
    assert_eq!(delivery.counts().rejected, 8);
    assert!(delivery.reason(0).unwrap().contains(QUEUE), "{delivery:?}");
    assert!(matches!(delivery.cause().unwrap().retry(), watchfloor_core::Retry::NotBefore(_)));
    assert!(w.operations().len() <= 10, "{:?}", w.operations());
}

#[tokio::test]
async fn t07_a_wait_that_is_asked_for_is_kept_before_the_same_goes_again() {
    let w = world().await;
    let Fault::Instead(answer) = refusal(429, QUEUE, "rejected execution") else { unreachable!() };
    w.cluster.script().on("bulk", 1, Fault::Instead(answer.header("retry-after", "20")));
    assert_eq!(w.send(&events(4)).await.counts().applied, 4);
    let log = w.cluster.log().of("bulk");
    assert!(log[1].at.since(log[0].at) >= Duration::from_secs(20));
}

#[tokio::test]
async fn a_full_disk_is_left_alone_for_a_while_and_then_tried_again() {
    let w = world().await;
    assert_eq!(w.send(&events(1)).await.counts().applied, 1);
    w.cluster.block(STREAM, twins::Block::DiskFull);
    let delivery = w.send(&events(4)[1..]).await;
    assert_eq!(delivery.counts().rejected, 3);
    assert!(delivery.reason(0).unwrap().contains("disk"), "{delivery:?}");
    assert!(delivery.cause().is_some());
    let log = w.cluster.log().of("bulk");
    assert_eq!(log.len(), 3, "once more after a minute, and no more in two");
    assert!(log[2].at.since(log[1].at) >= Duration::from_secs(60));
    w.cluster.unblock(STREAM);
    assert_eq!(w.send(&events(4)).await.counts().applied, 4);
}

#[tokio::test]
async fn a_full_disk_that_refuses_the_whole_request_is_left_alone_as_long() {
    let w = world().await;
    let why = "index [x] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];";
    w.cluster.script().on("bulk", 1, refusal(403, "cluster_block_exception", why));
    assert_eq!(w.send(&events(4)).await.counts().applied, 4);
    let log = w.cluster.log().of("bulk");
    assert!(log[1].at.since(log[0].at) >= Duration::from_secs(60));
}

#[tokio::test]
async fn a_target_that_may_not_be_made_says_what_to_do() {
    let twin = twins::Elasticsearch::with_api_key(SECRET).without_auto_create();
    let w = world_of(twin, STREAM, &[]).await;
    let delivery = w.send(&events(2)).await;
    assert_eq!(delivery.counts().rejected, 2);
    let reason = delivery.reason(1).unwrap();
    assert!(reason.contains("index_not_found") && reason.contains("auto_create"), "{reason}");
    assert_eq!(w.operations(), [2], "and is not tried again");
}

#[tokio::test]
async fn a_blocked_cluster_is_told_once() {
    let w = world().await;
    let why = "blocked by: [FORBIDDEN/6/cluster read-only (api)];";
    w.cluster.script().on("bulk", 1, refusal(403, "cluster_block_exception", why));
    let delivery = w.send(&events(4)).await;
    let cause = delivery.cause().unwrap();
    assert_eq!((delivery.counts().rejected, cause.kind()), (4, Kind::Forbidden));
    assert!(cause.to_string().contains("blocked"), "{cause}");
    assert_eq!(w.operations(), [4]);
}

#[tokio::test]
async fn t08_the_one_event_too_large_of_four_takes_five_requests() {
    // An empty body, as the product answers, or a proxy's page.
    for refused in [Fault::status(413), Fault::html(413)] {
        let w = world().await;
        for nth in [1, 3, 4] {
            w.cluster.script().on("bulk", nth, refused.clone());
        }
        let delivery = w.send(&events(4)).await;
        assert_eq!((delivery.counts().applied, delivery.counts().rejected), (3, 1));
        assert_eq!(w.operations(), [4, 2, 2, 1, 1]);
    }
}
