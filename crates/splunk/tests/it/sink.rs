use watchfloor_core::{Kind, Outcome, Stage};
use watchfloor_testkit::{Answer, Fault, leaks, twins};

use super::{TOKEN, World, call, clock, connector, events, ids, world};

#[tokio::test]
async fn t38_every_document_arrives_byte_for_byte() {
    let w = world(twins::Hec::new(TOKEN), &[]).await;
    let sent = events(50);
    let delivery = w.send(&sent).await;
    assert_eq!(delivery.counts().applied, 50);
    let held = w.hec.held();
    assert!(held.iter().zip(&sent).all(|(h, s)| h.event == s.json()));
    assert_eq!(held[7].time.as_deref(), Some("1766000000.007"));
}

#[tokio::test]
async fn t03_a_packed_body_is_the_same_on_every_attempt_and_arrives_unpacked() {
    let gzip = serde_json::json!({ "gzip": true });
    let w = world(twins::Hec::new(TOKEN), &[("http", gzip)]).await;
    w.hec.script().on("send", 1, Fault::status(503));
    let sent = events(50);
    assert_eq!(w.send(&sent).await.counts().applied, 50);
    assert!(w.hec.held().iter().zip(&sent).all(|(h, s)| h.event == s.json()));
    let requests = w.hec.log().of("send");
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|l| l.request.headers["content-encoding"] == "gzip"));
    let [first, second] = [0, 1].map(|n| &requests[n].request.headers["content-length"]);
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_busy_collector_is_waited_for() {
    let w = world(twins::Hec::new(TOKEN), &[]).await;
    w.hec.script().on("send", 1, Fault::retry_after(503, 30));
    w.hec.script().on("send", 2, Fault::html(502));
    let delivery = w.send(&events(10)).await;
    assert_eq!(delivery.counts().applied, 10);
    assert_eq!(w.held(), ids(0..10));
}

#[tokio::test]
async fn t26_a_bad_event_costs_itself_alone() {
    let w = world(twins::Hec::new(TOKEN), &[]).await;
    let mut sent = events(5);
    sent[2] = watchfloor_core::Event::from_json("{}", watchfloor_core::Timestamp::EPOCH).unwrap();
    let delivery = w.send(&sent).await;
    assert_eq!(delivery.outcome(2), Outcome::Rejected);
    assert_eq!(delivery.counts().applied, 4);
    assert_eq!(w.held(), ["u-0", "u-1", "u-3", "u-4"]);
    assert_eq!(w.hec.log().of("send").len(), 2);
}

#[tokio::test]
async fn an_index_that_is_not_there_rejects_every_event_and_ends() {
    let w = world(twins::Hec::new(TOKEN), &[("index", "nope".into())]).await;
    let delivery = w.send(&events(3)).await;
    assert_eq!(delivery.counts().rejected, 3);
    assert!(delivery.reason(2).unwrap().contains("index"), "{delivery:?}");
    assert!(w.held().is_empty());
    assert_eq!(w.hec.log().of("send").len(), 1, "not a request an event");
}

#[tokio::test]
async fn t08_a_batch_that_is_too_large_is_halved_and_never_resent_unchanged() {
    let w = world(twins::Hec::new(TOKEN).max_body(500), &[]).await;
    let delivery = w.send(&events(16)).await;
    assert_eq!(delivery.counts().applied, 16);
    assert_eq!(w.held(), ids(0..16));
    let bodies: Vec<_> = w.hec.log().of("send").into_iter().map(|l| l.request.body).collect();
    let distinct: std::collections::HashSet<_> = bodies.iter().collect();
    assert_eq!(distinct.len(), bodies.len());
}

#[tokio::test]
async fn a_lost_answer_doubles_or_stays_unknown_as_configured() {
    let w = world(twins::Hec::new(TOKEN), &[]).await;
    w.hec.script().on("send", 1, Fault::ResetAfter);
    assert_eq!(w.send(&events(4)).await.counts().applied, 4);
    assert_eq!(w.held().len(), 8, "none is lost; each copy has its id");

    let w = world(twins::Hec::new(TOKEN), &[("on_unknown", "report".into())]).await;
    w.hec.script().on("send", 1, Fault::ResetAfter);
    assert_eq!(w.send(&events(4)).await.counts().unknown, 4);
    assert_eq!(w.held().len(), 4, "none is doubled");
}

#[tokio::test]
async fn a_success_that_is_not_the_collectors_is_none() {
    let w = world(twins::Hec::new(TOKEN), &[]).await;
    let page = Answer::new(200).body("text/html", "<html>welcome</html>");
    w.hec.script().on("send", 1, Fault::Instead(page));
    let delivery = w.send(&events(2)).await;
    assert_eq!(delivery.counts().unknown, 2);
}

#[tokio::test]
async fn queues_that_fill_up_took_the_data() {
    let w = world(twins::Hec::new(TOKEN), &[]).await;
    let body =
        serde_json::json!({ "text": "HEC queue is approaching its capacity limit", "code": 24 });
    w.hec.script().on("send", 1, Fault::After(Answer::json(200, &body)));
    assert_eq!(w.send(&events(2)).await.counts().applied, 2);
    assert_eq!(w.held().len(), 2);
}

#[tokio::test]
async fn a_wrong_token_is_tried_once_and_leaks_nowhere() {
    let w = world(twins::Hec::new("another"), &[]).await;
    let delivery = w.send(&events(2)).await;
    let cause = delivery.cause().unwrap();
    assert_eq!(cause.kind(), Kind::Unauthenticated);
    assert_eq!(delivery.counts().rejected, 2);
    assert_eq!(w.hec.log().of("send").len(), 1);
    assert!(leaks(format!("{cause} {cause:?} {:?}", w.ports).as_bytes(), [TOKEN]).is_empty());
}

#[tokio::test]
async fn a_check_tells_what_is_wrong_and_sends_nothing() {
    let stage = |w: &World| {
        let (call, connector) = (w.call.clone(), w.ports.connector.clone());
        async move { connector.check(&call).await.failure().map(|(stage, _)| stage) }
    };
    let good = world(twins::Hec::new(TOKEN), &[]).await;
    assert_eq!(stage(&good).await, None);
    assert!(good.held().is_empty());
    let wrong = world(twins::Hec::new("another"), &[]).await;
    assert_eq!(stage(&wrong).await, Some(Stage::Authenticated));
    // A proxy's 400 says nothing of the token.
    let proxied = world(twins::Hec::new(TOKEN), &[]).await;
    let no_answer = Answer::json(400, &serde_json::json!({ "text": "x", "code": 6 }));
    for fault in [Fault::html(400), Fault::Instead(no_answer)] {
        proxied.hec.script().on("send", 1, fault);
        assert!(stage(&proxied).await.is_some());
    }
    let clock = clock();
    let nobody = connector("http://127.0.0.1:1/", clock.clone(), &[]);
    let health = nobody.connector.check(&call(clock)).await;
    assert_eq!(health.failure().map(|(s, _)| s), Some(Stage::Reachable));
}
