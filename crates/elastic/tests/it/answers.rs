//! Answers item by item: which count as there, which go again, which are none.

use serde_json::{Value, json};
use watchfloor_core::{Outcome, Timestamp};
use watchfloor_testkit::{Answer, Fault, Server, twins};

use super::{
    SECRET, STREAM, clock, connector, entries, events, operations, scope, twisted, world, world_of,
};

fn open() -> twins::Elasticsearch {
    twins::Elasticsearch::with_api_key(SECRET)
}

#[tokio::test]
async fn t10_of_one_answer_each_item_has_its_own_verdict_and_one_goes_again() {
    // There, there before, put off, refused.
    let w = world().await;
    assert_eq!(w.send(&events(2)[1..]).await.counts().applied, 1);
    w.cluster.script().on("bulk", 1, Fault::Items(vec![(2, 429), (3, 400)]));
    let delivery = w.send(&events(4)).await;
    let outcomes: Vec<_> = (0..4).map(|i| delivery.outcome(i)).collect();
    use Outcome::{Applied, Rejected};
    assert_eq!(outcomes, [Applied, Applied, Applied, Rejected]);
    assert_eq!(w.operations(), [1, 4, 1]);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_never_a_success() {
    type Change = fn(&mut Vec<Value>);
    let changes: [(&str, Change); 6] = [
        ("one too few", |items| drop(items.pop())),
        ("one too many", |items| items.push(items[0].clone())),
        ("another operation", |items| items[1] = json!({ "update": { "status": 200 } })),
        ("an index where we create", |items| items[1] = json!({ "index": { "status": 200 } })),
        ("no status", |items| items[1] = json!({ "create": { "result": "created" } })),
        ("two in one", |items| items[1]["index"] = json!({ "status": 201 })),
    ];
    for (what, change) in changes {
        let w = world().await;
        w.cluster.script().on("bulk", 1, twisted(change));
        let delivery = w.send(&events(3)).await;
        assert_eq!(delivery.counts().unknown, 3, "{what}: {delivery:?}");
    }
    for body in [json!({ "errors": false }), json!({}), json!([]), json!({ "acknowledged": true })]
    {
        let w = world().await;
        w.cluster.script().on("bulk", 1, Fault::After(Answer::json(200, &body)));
        assert_eq!(w.send(&events(3)).await.counts().unknown, 3, "{body}");
    }
}

#[tokio::test]
async fn an_item_refused_with_its_neighbours_is_told_from_them() {
    let w = world().await;
    let error = json!({ "type": "action_request_validation_exception", "reason": "x" });
    let refused = json!({ "create": { "status": 400, "error": error } });
    // As a shard does it: all are refused, and nothing is stored.
    let all = |n: usize| {
        let items = vec![refused.clone(); n];
        Fault::Instead(Answer::json(200, &json!({ "errors": true, "items": items })))
    };
    // The whole, its second half, and the last of that: the culprit is the fourth.
    w.cluster.script().on("bulk", 1, all(4));
    w.cluster.script().on("bulk", 3, all(2));
    w.cluster.script().on("bulk", 5, all(1));
    let delivery = w.send(&events(4)).await;
    assert_eq!((delivery.counts().applied, delivery.counts().rejected), (3, 1), "{delivery:?}");
    assert_eq!(delivery.outcome(3), Outcome::Rejected);
    assert_eq!(w.operations(), [4, 2, 2, 1, 1]);
}

#[tokio::test]
async fn an_error_of_which_nobody_knows_whether_it_was_stored_is_not_called_rejected() {
    let w = world().await;
    for nth in 1..=10 {
        w.cluster.script().on(
            "bulk",
            nth,
            twisted(|items| {
                items[0] =
                    json!({ "create": { "status": 500, "error": { "type": "i_o_exception" } } });
            }),
        );
    }
    let delivery = w.send(&events(2)).await;
    assert_eq!((delivery.counts().applied, delivery.counts().unknown), (1, 1));
}

#[tokio::test]
async fn a_document_in_the_failure_store_counts_as_configured() {
    let diverted = |items: &mut Vec<Value>| items[0]["create"]["failure_store"] = json!("used");
    for (configured, applied) in [("reject", 1), ("accept", 2)] {
        let w = world_of(open(), STREAM, &[("failure_store", json!(configured))]).await;
        w.cluster.script().on("bulk", 1, twisted(diverted));
        assert_eq!(w.send(&events(2)).await.counts().applied, applied, "{configured}");
    }
}

#[tokio::test]
async fn what_a_pipeline_drops_is_not_stored() {
    let w = world().await;
    w.cluster.script().on(
        "bulk",
        1,
        twisted(|items| {
            items[0] = json!({ "create": { "status": 200, "result": "noop", "_version": -4 } });
        }),
    );
    let delivery = w.send(&events(2)).await;
    assert_eq!(delivery.outcome(0), Outcome::Rejected);
    assert!(delivery.reason(0).unwrap().contains("pipeline"));
}

#[tokio::test]
async fn index_writes_over_what_is_there() {
    let w = world_of(open(), "my-index", &[("operation", json!("index"))]).await;
    for _ in 0..2 {
        assert_eq!(w.send(&events(3)).await.counts().applied, 3);
    }
    assert_eq!(w.cluster.held("my-index").len(), 3);
    let body = &w.cluster.log().of("bulk")[0].request.body;
    assert!(body.starts_with(b"{\"index\":{\"_id\":\"u-0\"}}\n{\"time\":"), "{body:?}");
    // A lost answer doubles nothing either.
    w.cluster.script().on("bulk", 1, Fault::ResetAfter);
    assert_eq!(w.send(&events(5)).await.counts().applied, 5);
    assert_eq!(w.cluster.held("my-index").len(), 5);
}

#[tokio::test]
async fn t35_a_strict_mapping_shows_the_field_and_never_the_value() {
    let twin = open().mapping("my-index", "status", "long");
    let w = world_of(twin, "my-index", &[]).await;
    let doc = r#"{"status":"cnry-value","metadata":{"uid":"u"}}"#;
    let event = watchfloor_core::Event::from_json(doc, Timestamp::EPOCH).unwrap();
    let delivery = w.send(&[event]).await;
    let reason = delivery.reason(0).unwrap();
    assert!(reason.contains("field status") && !reason.contains("cnry"), "{reason}");
}

#[tokio::test]
async fn a_dead_node_is_passed_over() {
    let clock = clock();
    let mut nodes = Vec::new();
    for _ in 0..2 {
        nodes.push(Server::start(open(), clock.clone()).await.unwrap());
    }
    let mut entries = entries(&nodes[0].url(), STREAM);
    // Nobody listens on port 1.
    entries["urls"] = json!(["http://127.0.0.1:1/", nodes[0].url(), nodes[1].url()]);
    for nth in 1..=50 {
        nodes[1].script().on("bulk", nth, Fault::status(503));
    }
    let sink = connector(clock.clone(), &entries).sink.unwrap();
    for i in 0..10 {
        let delivery = sink.send(&scope(clock.clone()).call(), &events(10)[i..=i]).await;
        assert_eq!(delivery.counts().applied, 1, "{i}: {delivery:?}");
    }
    assert_eq!(nodes[0].held(STREAM).len(), 10);
    assert!(operations(&nodes[1]).len() < 8, "it rests");
}
