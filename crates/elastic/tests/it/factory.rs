use std::slice::from_ref;
use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::{Event, Timestamp};
use watchfloor_http::SystemClock;
use watchfloor_testkit::{Server, TestClock, twins};

use super::{SECRET, STREAM, build, connector, entries, scope};

fn problems(entries: &Value) -> Vec<String> {
    build(Arc::new(SystemClock::new()), entries).err().unwrap_or_default()
}

#[test]
fn names_that_no_index_can_have_are_reported() {
    let of = |target: &str| problems(&entries("https://es.example:9200", target));
    assert_eq!(of(STREAM), [""; 0]);
    for bad in ["Logs", "logs-*", "-x", "_all", "a,b", "a b", "", &"x".repeat(256)] {
        assert_eq!(of(bad), ["connectors.search.target"], "{bad:?}");
    }
}

#[test]
fn a_key_of_the_wrong_type_builds_nothing() {
    for key in ["data_stream", "operation", "failure_store", "shape", "http"] {
        let mut entries = entries("https://es.example:9200", STREAM);
        entries[key] = json!(7);
        assert_eq!(problems(&entries), [format!("connectors.search.{key}")]);
    }
}

#[test]
fn a_credential_never_goes_over_plain_http() {
    assert_eq!(problems(&entries("http://es.example:9200", STREAM)), ["connectors.search.urls"]);
}

#[tokio::test]
async fn a_data_stream_is_one_by_its_name_or_as_configured() {
    for (target, configured, spliced) in [
        (STREAM, None, true),
        (STREAM, Some(false), false),
        ("my-index", None, false),
        ("my-index", Some(true), true),
    ] {
        let clock = Arc::new(TestClock::at(Timestamp::EPOCH));
        let cluster = twins::Elasticsearch::with_api_key(SECRET);
        let cluster = Server::start(cluster, clock.clone()).await.unwrap();
        let mut entries = entries(&cluster.url(), target);
        if let Some(configured) = configured {
            entries["data_stream"] = json!(configured);
        }
        let sink = connector(clock.clone(), &entries).sink.unwrap();
        let event = Event::from_json("{}", Timestamp::EPOCH).unwrap();
        let _ = sink.send(&scope(clock).call(), &[event]).await;
        let body = &cluster.log().of("bulk")[0].request.body;
        let has = body.windows(12).any(|w| w == b"\"@timestamp\"");
        assert_eq!(has, spliced, "{target} {configured:?}");
    }
}

#[test]
fn a_data_stream_takes_create_alone() {
    let of = |target: &str, more: &[(&str, Value)]| {
        let mut entries = entries("https://es.example:9200", target);
        for (key, value) in more {
            entries[*key] = value.clone();
        }
        problems(&entries)
    };
    let index = ("operation", json!("index"));
    assert_eq!(of(STREAM, from_ref(&index)), ["connectors.search.operation"]);
    assert_eq!(of(STREAM, &[index.clone(), ("data_stream", json!(false))]), [""; 0]);
    assert_eq!(of("my-index", from_ref(&index)), [""; 0]);
    let stream = ("data_stream", json!(true));
    assert_eq!(of("my-index", &[index, stream]), ["connectors.search.operation"]);
    for (key, wrong) in [
        ("operation", json!("update")),
        ("failure_store", json!("maybe")),
        ("data_stream", json!("yes")),
    ] {
        assert_eq!(of("my-index", &[(key, wrong)]), [format!("connectors.search.{key}")]);
    }
}
