use std::sync::Arc;

use serde_json::json;
use watchfloor_core::OnRepeat;
use watchfloor_http::SystemClock;
use wiremock::matchers::{
    body_json, body_string, header, header_exists, method, path, query_param,
};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{connector, entries, events, scope};

#[tokio::test]
async fn bulk_has_the_exact_shape() {
    let server = MockServer::start().await;
    let body = "{\"create\":{\"_id\":\"u-0\"}}\n{\"time\":1766000000000,\"n\":1.10,\
                \"metadata\":{\"uid\":\"u-0\"},\"@timestamp\":\"2025-12-17T19:33:20.000Z\"}\n";
    Mock::given(method("POST"))
        .and(path("/logs-watchfloor-default/_bulk"))
        .and(query_param(
            "filter_path",
            "errors,items.*.status,items.*.result,items.*.failure_store,items.*.error.type,\
             items.*.error.reason",
        ))
        .and(header("authorization", "ApiKey cnry-es-key"))
        .and(header("content-type", "application/x-ndjson"))
        .and(header("accept", "application/json"))
        .and(header("accept-encoding", "gzip"))
        .and(header_exists("content-length"))
        .and(body_string(body))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "errors": false, "items": [{ "create": { "status": 201, "result": "created" } }],
        })))
        .expect(1)
        .mount(&server)
        .await;
    let clock = Arc::new(SystemClock::new());
    let ports = connector(clock.clone(), &entries(&server.uri(), super::STREAM));
    let sink = ports.sink.unwrap();
    let delivery = sink.send(&scope(clock).call(), &events(1)).await;
    assert_eq!(delivery.counts().applied, 1, "{delivery:?}");
    assert_eq!(sink.capabilities().on_repeat, OnRepeat::Ignored);
    let requests = server.received_requests().await.unwrap();
    // An unknown one is refused by the product.
    assert_eq!(requests[0].url.query_pairs().count(), 1, "{}", requests[0].url);
}

#[tokio::test]
async fn check_has_the_exact_shape() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/_security/_authenticate"))
        .and(header("authorization", "ApiKey cnry-es-key"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "username": "x" })))
        .expect(1)
        .mount(&server)
        .await;
    let asked = json!({ "index": [{
        "names": ["logs-watchfloor-default"], "privileges": ["create_doc"],
    }] });
    Mock::given(method("POST"))
        .and(path("/_security/user/_has_privileges"))
        .and(body_json(asked))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "username": "x", "has_all_requested": true, "cluster": {}, "index": {},
        })))
        .expect(1)
        .mount(&server)
        .await;
    let clock = Arc::new(SystemClock::new());
    let ports = connector(clock.clone(), &entries(&server.uri(), super::STREAM));
    let health = ports.connector.check(&scope(clock).call()).await;
    assert!(health.is_good(), "{health:?}");
}
