//! Each operation of PAN-OS in its exact shape.

use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::block::{
    Admitted, BlockBackend as _, BlockVerdict, Facts, GuardConfig, Prefixes,
};
use watchfloor_core::{
    Attribution, BlockRequest, Connector as _, Guard, Kind, Lease, Outcome, Secret, Stage, Target,
    Timestamp,
};
use watchfloor_firewall::pan_os::{PanOs, PanOsConfig};
use watchfloor_http::Layer;
use wiremock::matchers::{body_string, body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::device::{call, clock};

const KEY: &str = "cnry-pan-key";
const DONE: &str = "<response status=\"success\"><result><uid-response><version>2.0</version>\
                    <payload><register></register></payload></uid-response></result></response>";

fn device(server: &MockServer) -> PanOs {
    let mut config = PanOsConfig::new(server.uri().parse().unwrap(), Secret::new(KEY));
    "siem-block".clone_into(&mut config.tag);
    let layer = Layer::new(Arc::new(clock()));
    PanOs::connect(&layer, &"edge".into(), config, PanOs::settings()).unwrap()
}

fn targets(texts: &[&str]) -> Vec<Target> {
    texts.iter().map(|t| t.parse().unwrap()).collect()
}

fn admitted(targets: &[Target]) -> Vec<Admitted> {
    let mut config = GuardConfig::new();
    config.blocks_per_hour = 2000;
    let guard = Guard::new("edge".into(), config);
    let admit = |target: &Target| {
        let lease = Lease::For(Duration::from_hours(1));
        let request = BlockRequest::new(*target, Attribution::Peer, lease, "why", "soc");
        guard.admit(request, &Facts::new(), Timestamp::EPOCH).unwrap()
    };
    targets.iter().map(admit).collect()
}

/// What a form field looks like on the wire.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn update(section: &str, entries: &str) -> String {
    format!(
        "<uid-message><version>2.0</version><type>update</type><payload><{section}>{entries}\
         </{section}></payload></uid-message>"
    )
}

fn page(start: usize, addresses: impl Iterator<Item = String>) -> Mock {
    let entry = |ip| {
        format!(
            "<entry from_agent=\"0\" ip=\"{ip}\" persistent=\"1\"><tag><member>siem-block</member></tag></entry>"
        )
    };
    let entries: Vec<_> = addresses.map(entry).collect();
    let count = entries.len();
    let body = format!(
        "<response status=\"success\"><result>{}<count>{count}</count></result></response>",
        entries.concat()
    );
    let cmd = format!(
        "<show><object><registered-ip><tag><entry name=\"siem-block\"/></tag><limit>500</limit>\
         <start-point>{start}</start-point></registered-ip></object></show>"
    );
    expect(&format!("type=op&vsys=vsys1&cmd={}", encoded(&cmd)), &body)
}

fn expect(form: &str, answer: &str) -> Mock {
    Mock::given(method("POST"))
        .and(path("/api/"))
        .and(header("x-pan-key", KEY))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string(form))
        .respond_with(ResponseTemplate::new(200).set_body_raw(answer, "application/xml"))
        .expect(1)
}

fn words(items: &[(Target, BlockVerdict)]) -> Vec<&'static str> {
    items.iter().map(|(_, verdict)| verdict.as_str()).collect()
}

#[tokio::test]
async fn register_is_one_form_with_the_key_in_its_header() {
    let server = MockServer::start().await;
    let cmd = update(
        "register",
        "<entry ip=\"203.0.113.7\"><tag><member timeout=\"3600\">siem-block</member></tag></entry>\
         <entry ip=\"198.51.100.0/24\"><tag><member timeout=\"3600\">siem-block</member></tag></entry>",
    );
    let form = format!("type=user-id&vsys=vsys1&cmd={}", encoded(&cmd));
    expect(&form, DONE).mount(&server).await;
    let blocks = admitted(&targets(&["203.0.113.7", "198.51.100.0/24"]));
    let applied = device(&server).add(&call(), &blocks).await;
    assert_eq!(words(&applied.items), ["accepted", "accepted"]);
    let sent = &server.received_requests().await.unwrap()[0];
    assert_eq!(sent.url.query(), None);
    assert!(!String::from_utf8_lossy(&sent.body).contains(KEY));
}

#[tokio::test]
async fn unregister_has_no_time_out() {
    let server = MockServer::start().await;
    let cmd = update(
        "unregister",
        "<entry ip=\"203.0.113.7\"><tag><member>siem-block</member></tag></entry>",
    );
    let form = format!("type=user-id&vsys=vsys1&cmd={}", encoded(&cmd));
    expect(&form, DONE).mount(&server).await;
    let applied = device(&server).remove(&call(), &targets(&["203.0.113.7"])).await;
    assert_eq!(words(&applied.items), ["released"]);
}

#[tokio::test]
async fn t12_an_extension_takes_off_and_puts_on_in_two_documents() {
    let server = MockServer::start().await;
    let absent = "<response status=\"error\"><msg><line><uid-response><payload><unregister>\
                  <entry ip=\"203.0.113.7\" message=\"tag siem-block does not exist, ignore unreg\"/>\
                  </unregister></payload></uid-response></line></msg></response>";
    Mock::given(body_string_contains("unregister"))
        .respond_with(ResponseTemplate::new(200).set_body_string(absent))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(body_string_contains("timeout%3D%223600%22"))
        .respond_with(ResponseTemplate::new(200).set_body_string(DONE))
        .expect(1)
        .mount(&server)
        .await;
    let blocks = admitted(&targets(&["203.0.113.7", "203.0.113.8"]));
    let applied = device(&server).extend(&call(), &blocks).await;
    assert_eq!(words(&applied.items), ["accepted", "accepted"]);
    let sent = server.received_requests().await.unwrap();
    assert!(String::from_utf8_lossy(&sent[0].body).contains("unregister"));
}

#[tokio::test]
async fn what_could_not_be_taken_off_is_not_put_on() {
    let server = MockServer::start().await;
    let refused = "<response status=\"error\"><msg><line><uid-response><payload><unregister>\
                   <entry ip=\"203.0.113.7\" message=\"no such luck\"/>\
                   </unregister></payload></uid-response></line></msg></response>";
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_string(refused))
        .expect(1)
        .mount(&server)
        .await;
    let blocks = admitted(&targets(&["203.0.113.7"]));
    let applied = device(&server).extend(&call(), &blocks).await;
    assert_eq!(words(&applied.items), ["failed"]);
}

#[tokio::test]
async fn t01_a_list_is_read_page_by_page_to_its_end() {
    let server = MockServer::start().await;
    let first = (0..500).map(|n| format!("203.0.{}.{}", 100 + n / 250, n % 250));
    page(1, first).mount(&server).await;
    page(501, (0..3).map(|n| format!("2001:db8::{n}"))).mount(&server).await;
    let held = device(&server).list(&call()).await.unwrap();
    assert_eq!(held.len(), 503);
    assert!(held.iter().all(|h| h.expires.is_none()), "the device does not say");
}

#[tokio::test]
async fn t01_a_device_that_ignores_the_start_point_is_an_error_and_no_loop() {
    let server = MockServer::start().await;
    let full = || (0..500).map(|n| format!("203.0.{}.{}", 100 + n / 250, n % 250));
    page(1, full()).mount(&server).await;
    page(501, full()).mount(&server).await;
    let e = device(&server).list(&call()).await.unwrap_err();
    assert_eq!(e.kind(), Kind::Protocol);
}

#[tokio::test]
async fn t27_a_bad_key_is_told_by_the_body_and_asked_once() {
    let body = "<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>";
    for status in [200, 403] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(status).set_body_string(body))
            .expect(2)
            .mount(&server)
            .await;
        let device = device(&server);
        let blocks = admitted(&targets(&["203.0.113.7"]));
        let applied = device.add(&call(), &blocks).await;
        let BlockVerdict::Failed(e) = &applied.items[0].1 else { panic!("{applied:?}") };
        assert_eq!((e.kind(), e.outcome()), (Kind::Unauthenticated, Outcome::Rejected));
        assert!(!format!("{e} {e:?} {device:?}").contains("cnry"));
        let health = device.check(&call()).await;
        assert_eq!(health.failure().map(|(stage, _)| stage), Some(Stage::Authenticated));
    }
}

#[tokio::test]
async fn t02_an_error_is_no_empty_list() {
    for body in [
        "<response status=\"error\" code=\"16\"><msg><line>Unauthorized request</line></msg></response>",
        "<response status=\"success\"><result><entry ip=\"203.0.113.7\">",
        "<html>please log in</html>",
        "",
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .mount(&server)
            .await;
        assert!(device(&server).list(&call()).await.is_err(), "{body}");
    }
}

#[tokio::test]
async fn check_reads_one_page_and_does_nothing_else() {
    let server = MockServer::start().await;
    page(1, std::iter::once("203.0.113.7".to_owned())).mount(&server).await;
    let health = device(&server).check(&call()).await;
    assert!(health.is_good(), "{health:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_large_batch_goes_in_documents_of_a_thousand() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_string(DONE))
        .expect(2)
        .mount(&server)
        .await;
    let all: Vec<_> =
        (0..1001).map(|n| format!("198.51.{}.{}", n / 250, n % 250).parse().unwrap()).collect();
    let applied = device(&server).add(&call(), &admitted(&all)).await;
    assert_eq!(applied.items.len(), 1001);
    let sent = server.received_requests().await.unwrap();
    let entries = |n: usize| String::from_utf8_lossy(&sent[n].body).matches("timeout").count();
    assert_eq!((entries(0), entries(1)), (1000, 1));
}

#[tokio::test]
async fn t36_after_a_part_that_failed_every_target_still_has_a_verdict() {
    let server = MockServer::start().await;
    let body = "<response status=\"error\" code=\"16\"><msg><line>Unauthorized request</line></msg></response>";
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_string(body))
        .expect(1)
        .mount(&server)
        .await;
    let all: Vec<_> =
        (0..1001).map(|n| format!("198.51.{}.{}", n / 250, n % 250).parse().unwrap()).collect();
    let applied = device(&server).add(&call(), &admitted(&all)).await;
    assert_eq!(applied.items.len(), 1001);
    assert_eq!(applied.items[0].1.outcome(), Outcome::Rejected);
    assert_eq!(applied.items[1000].1.outcome(), Outcome::NotSent);
    assert_eq!(applied.cause.unwrap().kind(), Kind::Forbidden);
}

#[tokio::test]
async fn t11_the_device_says_what_it_can_hold() {
    let server = MockServer::start().await;
    let caps = device(&server).caps();
    assert_eq!((caps.v4, caps.v6), (Prefixes::Any, Prefixes::Hosts));
    assert_eq!(caps.native_ttl, Some(Duration::from_secs(2_592_000)));
}

#[tokio::test]
async fn what_another_guard_admitted_is_not_sent() {
    let server = MockServer::start().await;
    let guard = Guard::new("other".into(), GuardConfig::new());
    let lease = Lease::For(Duration::from_hours(1));
    let target = "203.0.113.7".parse().unwrap();
    let request = BlockRequest::new(target, Attribution::Peer, lease, "why", "soc");
    let block = guard.admit(request, &Facts::new(), Timestamp::EPOCH).unwrap();
    let applied = device(&server).add(&call(), &[block]).await;
    assert_eq!(words(&applied.items), ["refused"]);
    assert!(server.received_requests().await.unwrap().is_empty());
}
