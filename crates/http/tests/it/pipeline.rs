use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::Semaphore;
use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use watchfloor_core::config::Value;
use watchfloor_core::{Clock as _, Kind, Outcome, Retry};
use watchfloor_http::{Auth, Repeat, Settings};
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
    while raw.connections.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
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

/// Writes down every span with its fields.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<(span::Id, String)>>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Spans {
    fn on_new_span(&self, span: &span::Attributes<'_>, id: &span::Id, _: Context<'_, S>) {
        let mut line = span.metadata().name().to_owned();
        span.record(&mut Fields(&mut line));
        self.0.lock().unwrap().push((id.clone(), line));
    }
    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        // Ids are used again: the newest is meant.
        let mut all = self.0.lock().unwrap();
        if let Some((_, line)) = all.iter_mut().rev().find(|(known, _)| known == id) {
            values.record(&mut Fields(line));
        }
    }
}

#[tokio::test]
async fn spans_have_opentelemetrys_names_and_no_query_or_body() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::status(503));
    // For the whole process: a subscriber of one thread is missed by call sites that another
    // thread meets first. What is of this test is told by its names.
    let spans = Spans::default();
    let subscriber = tracing_subscriber::registry().with(spans.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let auth = Auth::bearer(watchfloor_core::Secret::new("cnry"));
    let client = bench.with_auth(auth, Settings::default());
    let post = client.post("item", "spans.op", Repeat::Keyed).query("q", "cnry").json("cnry");
    post.send(&bench.call()).await.unwrap();
    let port = format!("server.port={}", bench.url().port().unwrap());
    let spans = spans.0.lock().unwrap();
    let ours: Vec<_> = spans
        .iter()
        .map(|(_, line)| line)
        .filter(|l| l.contains(&port) || l.contains("spans.op"))
        .collect();
    let seen = format!("{ours:#?}");
    assert_eq!(ours.len(), 3, "{seen}");
    assert!(
        ours[0].starts_with("http.call") && ours[0].contains(r#"otel.name="spans.op""#),
        "{seen}"
    );
    for (n, status) in [(0, 503), (1, 200)] {
        let line = ours[n + 1];
        for field in [
            "http.attempt".to_owned(),
            r#" http.request.method="POST""#.to_owned(),
            format!(" http.request.resend_count={n}"),
            format!(" http.response.status_code={status}"),
            r#" server.address="127.0.0.1""#.to_owned(),
        ] {
            assert!(line.contains(&field), "{field}: {line}");
        }
    }
    assert!(!seen.contains("cnry"), "{seen}");
}
