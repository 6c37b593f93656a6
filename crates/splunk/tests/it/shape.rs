use std::sync::Arc;

use watchfloor_core::{Root, TenantId};
use watchfloor_http::SystemClock;
use wiremock::matchers::{body_string, header, header_exists, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{connector, events};

#[tokio::test]
async fn send_has_the_exact_shape() {
    let server = MockServer::start().await;
    let body = "{\"time\":1766000000.000,\"event\":{\"time\":1766000000000,\"n\":1.10,\
                \"metadata\":{\"uid\":\"u-0\"}},\"index\":\"sec\",\"source\":\"gw\",\
                \"sourcetype\":\"ocsf\",\"fields\":{\"event_uid\":\"u-0\"}}\n";
    Mock::given(method("POST"))
        .and(path("/services/collector/event"))
        .and(header("authorization", "Splunk cnry-hec-token"))
        .and(header("content-type", "application/json"))
        .and(header_exists("x-splunk-request-channel"))
        .and(header_exists("user-agent"))
        .and(header_exists("content-length"))
        .and(body_string(body))
        .respond_with(
            ResponseTemplate::new(200).set_body_string(r#"{"text":"Success","code":0,"ackId":7}"#),
        )
        .expect(1)
        .mount(&server)
        .await;
    let clock = Arc::new(SystemClock::new());
    let more =
        [("index", "sec"), ("source", "gw"), ("sourcetype", "ocsf")].map(|(k, v)| (k, v.into()));
    let ports = connector(server.uri(), clock.clone(), &more);
    let call = Root::new(clock).scope(TenantId::new("acme")).call();
    let sink = ports.sink.unwrap();
    let delivery = sink.send(&call, &events(1)).await;
    assert_eq!(delivery.counts().applied, 1, "{delivery:?}");
    // An ackId says that it is accepted, not that it is indexed.
    assert_eq!(sink.capabilities().assurance, watchfloor_core::Assurance::Accepted);
}
