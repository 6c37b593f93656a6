use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use watchfloor_core::config::Value;
use watchfloor_core::{Clock as _, Kind, Outcome, Retry};
use watchfloor_http::{Answer, Auth, Client, Repeat, Settings};
use watchfloor_testkit::Fault;

use crate::bench::{Bench, Product, Raw, settings, wire};

#[tokio::test]
async fn a_passed_deadline_comes_before_everything() {
    let bench = Bench::of(Product::locked(60)).await;
    let client = bench.with_token(Settings::default());
    let late = bench.call().until(bench.clock.now());
    let e = client.get("item", "x.get").send(&late).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::Timeout, Outcome::NotSent));
    assert_eq!((bench.count("item"), bench.count("token")), (0, 0));
}

#[tokio::test]
async fn the_rate_permit_comes_before_concurrency_and_the_credential() {
    let bench = Bench::of(Product::locked(60)).await;
    let slow =
        vec![("requests_per_second", Value::Float(0.001)), ("max_in_flight", Value::Integer(1))];
    let client = bench.with_token(settings(slow));
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    // The token has long expired by the time there is a permit; nobody asked for one before.
    bench.clock.advance(Duration::from_secs(100));
    let e = client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::RateLimited, Outcome::NotSent));
    assert!(matches!(e.retry(), Retry::NotBefore(_)));
    assert_eq!((bench.count("item"), bench.count("token")), (1, 1));
}

#[tokio::test]
async fn the_concurrency_permit_comes_before_the_credential() {
    let permit = Arc::new(Semaphore::new(0));
    let raw = Raw::answering(wire("200 OK", "", b"{}"), permit.clone()).await;
    let bench = Bench::of(Product::locked(60)).await;
    let one =
        settings(vec![("max_in_flight", Value::Integer(1)), ("timeout", Value::Text("1h".into()))]);
    let first = bench.at(vec![raw.url.clone()], Auth::none(), one.clone());
    let call = bench.call();
    let first = tokio::spawn(async move { first.get("x", "x.get").send(&call).await });
    raw.met(1).await;
    let token = bench.url().join("token").unwrap();
    let auth = Auth::client_credentials(token, "c", watchfloor_core::Secret::new("s3cret"), None);
    let second = bench.at(vec![raw.url.clone()], auth, one);
    let call = bench.call();
    let second = tokio::spawn(async move { second.get("x", "x.get").send(&call).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.count("token"), 0, "no token before there is a place");
    permit.add_permits(2);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(bench.count("token"), 1);
}

#[tokio::test]
async fn a_place_is_given_up_while_a_request_waits_for_its_repeat() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::status(500));
    let client = bench.client(settings(vec![("max_in_flight", Value::Integer(1))]));
    let sent: Vec<_> = (0..2)
        .map(|_| {
            let (client, call) = (client.clone(), bench.call());
            tokio::spawn(async move { client.get("item", "x.get").send(&call).await })
        })
        .collect();
    for one in sent {
        one.await.unwrap().unwrap();
    }
    let statuses: Vec<_> = bench.server.log().of("item").iter().map(|l| l.status).collect();
    assert_eq!(statuses, [Some(500), Some(200), Some(200)]);
}

#[tokio::test]
async fn gzip_is_offered_alone_and_unpacked() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(br#"{"n":7}"#).unwrap();
    let packed = encoder.finish().unwrap();
    let raw = Raw::always(wire("200 OK", "content-encoding: gzip\r\n", &packed)).await;
    let bench = Bench::new().await;
    let client = bench.at(vec![raw.url.clone()], Auth::none(), Settings::default());
    let answer = client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert_eq!((&answer.body[..], answer.header("content-encoding")), (&br#"{"n":7}"#[..], None));
    bench.client(Settings::default()).get("item", "x.get").send(&bench.call()).await.unwrap();
    let sent = &bench.server.log().of("item")[0].request;
    assert_eq!(sent.header("accept-encoding"), Some("gzip"));
}

#[tokio::test]
async fn what_is_read_as_another_shape_is_unknown_for_a_create() {
    let bench = Bench::new().await;
    let client = bench.client(Settings::default());
    let e = client
        .post("item", "x.create", Repeat::Forbidden)
        .read::<Vec<u8>>(&bench.call())
        .await
        .unwrap_err();
    assert_eq!(
        (e.kind(), e.outcome(), e.retry()),
        (Kind::Protocol, Outcome::Unknown, Retry::AfterLookup)
    );
    assert_eq!((e.operation(), e.connector().unwrap().as_str()), ("x.create", "x"));
}

#[tokio::test]
async fn a_request_is_sent_as_it_was_built() {
    let bench = Bench::new().await;
    let client = bench.client(Settings::default());
    client
        .put("item/1", "x.put", Repeat::Harmless)
        .query("a", "1 &")
        .query("b", "ü")
        .header("x-one", "1")
        .form(&[("k", "v w")])
        .send(&bench.call().traced("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        .await
        .unwrap();
    let sent = &bench.server.log().of("item")[0].request;
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("PUT", "/item/1"));
    assert_eq!((sent.param("a").unwrap(), sent.param("b").unwrap()), ("1 &".into(), "ü".into()));
    assert_eq!((sent.header("x-one"), &sent.body[..]), (Some("1"), &b"k=v+w"[..]));
    assert!(sent.header("traceparent").unwrap().starts_with("00-0af7"));
    assert!(sent.header("user-agent").unwrap().starts_with("watchfloor/"));
    let bad =
        client.get("item", "x.get").header("x-one", "a\nb").send(&bench.call()).await.unwrap_err();
    assert_eq!((bad.kind(), bad.outcome()), (Kind::Invalid, Outcome::NotSent));
}

/// A client of a product that answers when it is let, and of which one request is under way.
async fn one_under_way(keys: Vec<(&str, Value)>) -> (Bench, Raw, Arc<Semaphore>, Client) {
    let permit = Arc::new(Semaphore::new(0));
    let raw = Raw::answering(wire("200 OK", "", b"{}"), permit.clone()).await;
    let bench = Bench::new().await;
    let client = bench.at(vec![raw.url.clone()], Auth::none(), settings(keys));
    drop(sent(&client, &bench));
    raw.met(1).await;
    (bench, raw, permit, client)
}

/// A request in a task of its own.
fn sent(client: &Client, bench: &Bench) -> JoinHandle<watchfloor_core::Result<Answer>> {
    let (client, call) = (client.clone(), bench.call());
    tokio::spawn(async move { client.get("item", "x.get").send(&call).await })
}

async fn turns(n: usize) {
    for _ in 0..n {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_gives_its_place_back_wherever_it_waits() {
    let one = || vec![("max_in_flight", Value::Integer(1))];
    // While it waits for a place.
    let (bench, _raw, permit, client) = one_under_way(one()).await;
    let waiting = sent(&client, &bench);
    turns(20).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    permit.add_permits(2);
    sent(&client, &bench).await.unwrap().unwrap();
    // While it is under way.
    let (bench, raw, permit, client) = one_under_way(one()).await;
    let waiting = sent(&client, &bench);
    permit.add_permits(1);
    raw.met(2).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    permit.add_permits(2);
    sent(&client, &bench).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_caller_that_gives_up_gives_its_place_by_the_rate_back() {
    let bench = Bench::new().await;
    let client = bench.client(settings(vec![("requests_per_second", Value::Float(0.1))]));
    sent(&client, &bench).await.unwrap().unwrap();
    // The clock stands still meanwhile: nobody's time comes.
    let busy = bench.clock.busy();
    let given_up = sent(&client, &bench);
    turns(20).await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    drop(busy);
    sent(&client, &bench).await.unwrap().unwrap();
    assert_eq!(bench.clock.elapsed(), Duration::from_secs(10), "not 20");
}

#[tokio::test]
async fn a_hint_holds_up_those_who_already_wait_for_their_place() {
    let permit = Arc::new(Semaphore::new(0));
    let busy = wire("429 Too Many Requests", "retry-after: 40\r\n", b"");
    let raw = Raw::answering(busy, permit.clone()).await;
    let bench = Bench::new().await;
    let keys = vec![("max_in_flight", Value::Integer(1)), ("max_attempts", Value::Integer(1))];
    let client = bench.at(vec![raw.url.clone()], Auth::none(), settings(keys));
    let first = sent(&client, &bench);
    raw.met(1).await;
    // It has its place by the rate, and waits for the first to end.
    let second = sent(&client, &bench);
    turns(20).await;
    permit.add_permits(2);
    first.await.unwrap().unwrap_err();
    assert_eq!(bench.clock.elapsed(), Duration::ZERO);
    second.await.unwrap().unwrap_err();
    assert_eq!(bench.clock.elapsed(), Duration::from_secs(40));
}

#[tokio::test]
async fn after_a_hint_those_who_waited_keep_their_distance() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::retry_after(429, 30));
    let client = bench.client(settings(vec![("requests_per_second", Value::Float(0.5))]));
    let all: Vec<_> = (0..4).map(|_| sent(&client, &bench)).collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
    let at: Vec<_> = bench.server.log().of("item").iter().map(|l| l.at).collect();
    let gaps: Vec<_> = at.windows(2).map(|w| w[1].since(w[0]).as_secs()).collect();
    assert!(gaps[0] >= 30 && gaps[1..].iter().all(|gap| *gap >= 2), "{gaps:?}");
}

#[tokio::test]
async fn who_asked_first_is_served_first() {
    let (bench, raw, permit, client) =
        one_under_way(vec![("max_in_flight", Value::Integer(1))]).await;
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut all = Vec::new();
    for n in 0..5 {
        let (client, call, order) = (client.clone(), bench.call(), order.clone());
        all.push(tokio::spawn(async move {
            client.get("item", "x.get").send(&call).await.unwrap();
            order.lock().unwrap().push(n);
        }));
        turns(20).await;
    }
    permit.add_permits(6);
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    drop(raw);
}
