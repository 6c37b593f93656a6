//! The answers that HEC is known to give, one by one, and what is sent after each.

use serde_json::{Value, json};
use watchfloor_core::{Event, Kind, Outcome, Timestamp};
use watchfloor_testkit::{Answer, Fault, Server, twins};

use super::{TOKEN, World, call, clock, connector, events, held, ids, world};

async fn plain() -> World {
    world(twins::Hec::new(TOKEN), &[]).await
}

fn coded(status: u16, code: u32) -> Answer {
    Answer::json(status, &json!({ "text": "x", "code": code }))
}

fn page(status: u16) -> Fault {
    Fault::Instead(Answer::new(status).body("text/html; charset=UTF-8", "<!doctype html><html>"))
}

#[tokio::test]
async fn t26_what_follows_a_bad_event_is_sent_and_nothing_else() {
    let w = plain().await;
    let mut sent = events(3);
    sent[1] = Event::from_json("{}", Timestamp::EPOCH).unwrap();
    let delivery = w.send(&sent).await;
    assert_eq!(delivery.outcome(1), Outcome::Rejected);
    assert!(delivery.reason(1).unwrap().contains("code 13"), "{delivery:?}");
    assert_eq!(w.sent()[1], ["u-2"]);
}

#[tokio::test]
async fn a_collector_that_was_full_goes_on_where_it_stopped_or_one_before() {
    // It took ten and says so: whether the number counts from zero or one, nobody has said.
    let w = plain().await;
    w.hec.script().on("send", 1, Fault::Items(vec![(10, 503)]));
    let delivery = w.send(&events(12)).await;
    assert_eq!(delivery.counts().applied, 12);
    assert_eq!(w.sent()[1], ids(9..12), "none is lost; one may be there twice");

    let w = world(twins::Hec::new(TOKEN), &[("on_unknown", "report".into())]).await;
    w.hec.script().on("send", 1, Fault::Items(vec![(10, 503)]));
    let delivery = w.send(&events(12)).await;
    assert_eq!((delivery.counts().applied, delivery.counts().unknown), (11, 1));
    assert_eq!(delivery.outcome(9), Outcome::Unknown);
    assert_eq!(w.held(), ids(0..12), "none is doubled");
}

#[tokio::test]
async fn a_collector_that_took_nothing_is_sent_all() {
    let w = plain().await;
    let busy = json!({ "text": "Server is busy", "code": 9, "invalid-event-number": 0 });
    w.hec.script().on("send", 1, Fault::Instead(Answer::json(503, &busy)));
    w.hec.script().on("send", 2, Fault::Instead(coded(429, 26)));
    w.hec.script().on("send", 3, Fault::Instead(coded(500, 8)));
    assert_eq!(w.send(&events(3)).await.counts().applied, 3);
    assert_eq!(w.held(), ids(0..3));
}

#[tokio::test]
async fn t08_four_events_too_large_are_two_and_two() {
    let w = plain().await;
    w.hec.script().on("send", 1, page(413));
    assert_eq!(w.send(&events(4)).await.counts().applied, 4);
    assert_eq!(w.sent(), [ids(0..4), ids(0..2), ids(2..4)]);
    let w = plain().await;
    w.hec.script().on("send", 1, page(413));
    let delivery = w.send(&events(1)).await;
    assert_eq!(delivery.counts().rejected, 1, "the single event");
    assert_eq!(w.sent().len(), 1);
}

#[tokio::test]
async fn a_refusal_without_a_number_is_halved_down_to_the_event() {
    let w = plain().await;
    let mut sent = events(8);
    sent[5] = Event::from_json("{}", Timestamp::EPOCH).unwrap();
    // As some receivers do it: nothing of the request is taken, and no number is said.
    let nameless = Fault::Twist(std::sync::Arc::new(|_, answer| {
        let mut body: Value = serde_json::from_slice(answer.bytes()).unwrap();
        body.as_object_mut().unwrap().remove("invalid-event-number");
        Answer::json(answer.status(), &body)
    }));
    for nth in 1..=20 {
        w.hec.script().on("send", nth, nameless.clone());
    }
    let delivery = w.send(&sent).await;
    assert_eq!((delivery.counts().applied, delivery.counts().rejected), (7, 1));
    assert_eq!(delivery.outcome(5), Outcome::Rejected);
    assert!(ids(6..8).iter().all(|id| w.held().contains(id)));
}

#[tokio::test]
async fn a_piece_that_is_left_after_many_is_repeated_as_often_as_the_first() {
    let w = plain().await;
    // Sixteen, eight, four, two; then one, one, two and four are taken.
    for nth in 1..=4 {
        w.hec.script().on("send", nth, page(413));
    }
    w.hec.script().on("send", 9, Fault::html(502));
    let delivery = w.send(&events(16)).await;
    assert_eq!(delivery.counts().applied, 16, "{delivery:?}");
    assert!(w.hec.script().unmet().is_empty());
}

#[tokio::test]
async fn a_packed_body_that_is_not_taken_says_what_to_do() {
    let w = plain().await;
    w.hec.script().on("send", 1, page(415));
    let delivery = w.send(&events(2)).await;
    let cause = delivery.cause().unwrap();
    assert_eq!((cause.kind(), delivery.counts().rejected), (Kind::Config, 2));
    assert!(cause.to_string().contains("gzip"), "{cause}");
}

#[tokio::test]
async fn a_collector_that_stops_is_passed_over_and_so_is_a_dead_one() {
    let clock = clock();
    let mut nodes = Vec::new();
    for _ in 0..2 {
        nodes.push(Server::start(twins::Hec::new(TOKEN), clock.clone()).await.unwrap());
    }
    // Nobody listens on port 1.
    let urls = json!(["http://127.0.0.1:1/", nodes[0].url(), nodes[1].url()]);
    let sink = connector(urls, clock.clone(), &[]).sink.unwrap();
    nodes[0].script().on("send", 1, Fault::Instead(coded(503, 23)));
    for i in 0..6 {
        let event = &events(6)[i..=i];
        assert_eq!(sink.send(&call(clock.clone()), event).await.counts().applied, 1, "{i}");
    }
    let mut all = held(&nodes[0]);
    all.extend(held(&nodes[1]));
    all.sort();
    assert_eq!(all, ids(0..6), "each once");
}

#[tokio::test]
async fn a_dead_collector_costs_one_attempt_and_not_one_a_batch() {
    let clock = clock();
    let (dead, alive) = (
        Server::start(twins::Hec::new(TOKEN), clock.clone()).await.unwrap(),
        Server::start(twins::Hec::new(TOKEN), clock.clone()).await.unwrap(),
    );
    for nth in 1..=50 {
        dead.script().on("send", nth, Fault::ResetBefore);
    }
    let sink = connector(json!([dead.url(), alive.url()]), clock.clone(), &[]).sink.unwrap();
    for _ in 0..20 {
        assert_eq!(sink.send(&call(clock.clone()), &events(1)).await.counts().applied, 1);
    }
    assert_eq!(held(&alive).len(), 20);
    assert!(dead.log().of("send").len() < 10, "{}", dead.log().of("send").len());
}

#[tokio::test]
async fn t29_a_cookie_is_never_sent_back() {
    let w = plain().await;
    let sticky = |_: &watchfloor_testkit::Request, answer: Answer| {
        answer.header("set-cookie", "splunkd_8088=cnry-cookie; Path=/")
    };
    w.hec.script().on("send", 1, Fault::Twist(std::sync::Arc::new(sticky)));
    for _ in 0..2 {
        assert_eq!(w.send(&events(1)).await.counts().applied, 1);
    }
    let log = w.hec.log().of("send");
    assert_eq!(log.len(), 2);
    assert!(log.iter().all(|l| l.request.header("cookie").is_none()));
}
