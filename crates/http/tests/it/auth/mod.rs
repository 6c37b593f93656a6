//! Credentials: fixed ones, tokens, and who keeps them.

mod endpoint;
mod leaks;
mod read;
mod realm;
mod rotation;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use url::Url;
use watchfloor_core::config::Value;
use watchfloor_core::{BoxFuture, Call, Clock, Kind, Outcome, Retry, Root, Secret, Timestamp};
use watchfloor_http::{Auth, ByStatus, Client, Layer, Repeat, Settings};
use watchfloor_testkit::{Answer, Fault};

use crate::bench::{Bench, Product, Raw, name, settings, wire};

fn granted(token: &str) -> Vec<u8> {
    let body = format!(r#"{{"access_token":"{token}","token_type":"bearer","expires_in":"3600"}}"#);
    wire("200 OK", "content-type: application/json\r\n", body.as_bytes())
}

fn token_at(url: &Url, secret: &str) -> Auth {
    Auth::client_credentials(url.join("token").unwrap(), "bot", Secret::new(secret), None)
}

fn get(client: &Client, call: Call) -> tokio::task::JoinHandle<watchfloor_core::Result<()>> {
    let client = client.clone();
    tokio::spawn(async move { client.get("item", "x.get").send(&call).await.map(drop) })
}

#[tokio::test]
async fn t03_the_replay_after_a_401_is_byte_identical_and_costs_no_attempt() {
    let bench = Bench::of(Product::locked(3600)).await;
    let client = bench.with_token(settings(vec![
        ("max_attempts", Value::Integer(1)),
        ("requests_per_second", Value::Integer(1)),
    ]));
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    bench.server.revoke();
    // A create: a refused credential did nothing, so the replay is safe for every request.
    let create = client
        .post("item/a b", "x.create", Repeat::Forbidden)
        .query("q", "ü&x=1")
        .header("x-one", "1")
        .json(&serde_json::json!({"text": "grüße", "n": 1.10}));
    create.send(&bench.call()).await.unwrap();
    let [_, refused, replayed] = &bench.server.log().of("item")[..] else { panic!("three") };
    assert_eq!((refused.status, replayed.status), (Some(401), Some(200)));
    let (mut a, mut b) = (refused.request.clone(), replayed.request.clone());
    assert_ne!(a.headers.remove("authorization"), b.headers.remove("authorization"));
    assert_eq!((a.method, a.path, a.query, a.headers), (b.method, b.path, b.query, b.headers));
    assert_eq!(a.body, b.body);
    assert!(!a.body.is_empty());
    assert_eq!(bench.count("token"), 2);
    assert_eq!(bench.clock.elapsed(), Duration::from_secs(2), "three rate permits");
}

#[tokio::test]
async fn t03_the_replay_has_every_kind_of_body() {
    let text = "grüße ".repeat(400);
    for gzip in [false, true] {
        let bench = Bench::of(Product::locked(3600)).await;
        let client = bench.with_token(settings(vec![("gzip", Value::Bool(gzip))]));
        let post = || client.post("item", "x.post", Repeat::Duplicates).header("x-one", "1");
        for request in [
            post(),
            post().form(&[("a", "ü&"), ("b", "")]),
            post().body("application/octet-stream", vec![0, 10, 13, 255].into()),
            post().body("application/x-ndjson", text.clone().into()),
            client.delete("item/7", "x.delete", Repeat::Keyed).query("a", "1").query("a", "2"),
        ] {
            bench.server.revoke();
            let before = bench.server.log().of("item").len();
            request.send(&bench.call()).await.unwrap();
            // The first of all goes without a 401: there is no token yet.
            let sent = bench.server.log().of("item").split_off(before);
            let [refused, replayed] = &sent[..] else {
                assert_eq!((before, sent.len()), (0, 1));
                continue;
            };
            let (mut a, mut b) = (refused.request.clone(), replayed.request.clone());
            assert_ne!(a.headers.remove("authorization"), b.headers.remove("authorization"));
            assert_eq!((a.method, a.path, a.query), (b.method, b.path, b.query));
            // `content-length` among them is that of the packed body.
            assert_eq!((&a.headers, &a.body), (&b.headers, &b.body));
            let packed = a.headers.contains_key("content-encoding");
            assert_eq!(packed, gzip && a.body.len() > 1000);
        }
    }
}

#[tokio::test]
async fn a_renewed_token_that_is_refused_too_ends_it() {
    let bench = Bench::of(Product::locked(3600)).await;
    for nth in 1..=9 {
        bench.server.script().on("item", nth, Fault::status(401));
    }
    let client = bench.with_token(Settings::default());
    let e = client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
    assert_eq!((e.kind(), e.retry()), (Kind::Unauthenticated, Retry::Never));
    assert_eq!((bench.count("item"), bench.count("token")), (2, 2));
}

#[tokio::test]
async fn a_fixed_credential_is_never_tried_twice() {
    for auth in [
        Auth::bearer(Secret::new("old")),
        Auth::basic("u", Secret::new("p")),
        Auth::scheme("ApiKey", Secret::new("k")),
        Auth::header("x-api-key", Secret::new("k")),
    ] {
        let bench = Bench::of(Product::locked(0)).await;
        let client = bench.with_auth(auth, Settings::default());
        let e = client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
        assert_eq!((e.kind(), bench.count("item")), (Kind::Unauthenticated, 1));
    }
}

#[tokio::test]
async fn t04_one_token_for_all_callers_and_one_renewal() {
    let bench = Bench::of(Product::locked(3600)).await;
    let settings = settings(vec![("max_in_flight", Value::Integer(100))]);
    // Two connectors with one credential are one credential.
    let clients = [bench.with_token(settings.clone()), bench.with_token(settings)];
    for renewals in 1..=2 {
        let callers: Vec<_> = (0..40).map(|i| get(&clients[i % 2], bench.call())).collect();
        for caller in callers {
            caller.await.unwrap().unwrap();
        }
        assert_eq!(bench.count("token"), renewals);
        bench.server.revoke();
    }
}

#[tokio::test]
async fn t04_tokens_are_kept_apart_by_tenant_and_secret() {
    let bench = Bench::new().await;
    let client = bench.with_token(Settings::default());
    for tenant in ["a", "b", "a", "b"] {
        client.get("item", "x.get").send(&bench.call_of(tenant)).await.unwrap();
    }
    assert_eq!(bench.count("token"), 2);
    let rotated = bench.with_auth(token_at(&bench.url(), "old"), Settings::default());
    let e = rotated.get("item", "x.get").send(&bench.call_of("a")).await.unwrap_err();
    assert_eq!(e.kind(), Kind::Unauthenticated, "the token of another secret is not used");
}

/// A clock whose wall time is set by hand and whose monotonic time stands still, as on a machine
/// that was suspended.
#[derive(Debug)]
struct Suspended(AtomicI64);

impl Clock for Suspended {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.load(Ordering::SeqCst)).unwrap()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn pause(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn t05_expiry_is_wall_clock() {
    let bench = Bench::of(Product::locked(1000)).await;
    let clock = Arc::new(Suspended(AtomicI64::new(1_800_000_000)));
    let layer = Layer::new(clock.clone());
    let auth = token_at(&bench.url(), "s3cret");
    let client =
        layer.client(&name(), vec![bench.url()], auth, Settings::default(), ByStatus).unwrap();
    let scope = Root::new(clock.clone()).scope("acme".into());
    for (passed, tokens) in [(0, 1), (900, 1), (995, 2), (-5000, 2), (995, 2)] {
        clock.0.store(1_800_000_000 + passed, Ordering::SeqCst);
        client.get("item", "x.get").send(&scope.call()).await.unwrap();
        assert_eq!(bench.count("token"), tokens, "after {passed} s");
    }
    assert!(
        bench.server.log().of("item").iter().all(|l| l.status == Some(200)),
        "no 401 was needed"
    );
}

#[tokio::test]
async fn a_token_is_renewed_early_and_used_while_it_holds() {
    // The product takes any token here: only what is asked for counts.
    let bench = Bench::of(Product::open()).await;
    let raw = Raw::always(granted("t")).await;
    let client = bench.with_auth(token_at(&raw.url, "s"), Settings::default());
    let asked = || raw.connections.load(Ordering::SeqCst);
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    bench.clock.advance(Duration::from_secs(3600 - 61));
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert_eq!(asked(), 1);
    drop(raw);
    // Its endpoint is gone: within the last minute the token still serves, beyond it does not.
    bench.clock.advance(Duration::from_secs(30));
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    bench.clock.advance(Duration::from_secs(30));
    let e = client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::Unavailable, Outcome::NotSent));
    assert!(e.to_string().contains("token request"), "{e}");
}

#[tokio::test]
async fn t37_a_caller_that_gives_up_does_not_take_the_renewal_with_it() {
    let bench = Bench::new().await;
    let permit = Arc::new(Semaphore::new(0));
    let raw = Raw::answering(granted("t"), permit.clone()).await;
    let client = bench.with_auth(token_at(&raw.url, "s"), Settings::default());
    let first = get(&client, bench.call());
    while raw.connections.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = get(&client, bench.call());
    tokio::task::yield_now().await;
    permit.add_permits(1);
    second.await.unwrap().unwrap();
    assert_eq!(raw.connections.load(Ordering::SeqCst), 1, "one token request for both");
    let sent = bench.server.log().of("item");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].request.header("authorization"), Some("Bearer t"));
}

#[tokio::test]
async fn a_refused_client_is_told_apart_from_a_token_endpoint_that_is_down() {
    for (answer, kind, asked) in [
        (r#"401 {"error":"invalid_client"}"#, Kind::Unauthenticated, 1),
        (r#"400 {"error":"invalid_grant"}"#, Kind::Unauthenticated, 1),
        (
            r#"401 {"error":"server_error","error_description":"access_denied"}"#,
            Kind::Unauthenticated,
            1,
        ),
        (r#"400 {"error":"unauthorized_client"}"#, Kind::Forbidden, 1),
        (r#"400 {"error":"invalid_scope"}"#, Kind::Config, 1),
        ("404 {}", Kind::NotFound, 1),
        ("200 {}", Kind::Protocol, 1),
        (r#"200 {"access_token":"t","token_type":"mac"}"#, Kind::Protocol, 1),
        (r#"200 {"access_token":"a\nb"}"#, Kind::Protocol, 1),
        ("503 {}", Kind::Unavailable, 5),
        ("429 {}", Kind::RateLimited, 5),
    ] {
        let bench = Bench::of(Product::locked(1)).await;
        let (status, body) = answer.split_once(' ').unwrap();
        for nth in 1..=9 {
            let refusal =
                Answer::new(status.parse().unwrap()).body("application/json", body.to_owned());
            bench.server.script().on("token", nth, Fault::Instead(refusal));
        }
        let create =
            bench.with_token(Settings::default()).post("item", "x.create", Repeat::Forbidden);
        let e = create.send(&bench.call()).await.unwrap_err();
        assert_eq!((e.kind(), e.outcome()), (kind, Outcome::NotSent), "{answer}: {e}");
        assert_eq!((bench.count("token"), bench.count("item")), (asked, 0), "{answer}");
    }
}

#[tokio::test]
async fn a_credential_is_renewed_once_in_an_operation() {
    let bench = Bench::of(Product::locked(3600)).await;
    for (nth, status) in [401, 503, 401].into_iter().enumerate() {
        bench.server.script().on("item", nth as u64 + 1, Fault::status(status));
    }
    let client = bench.with_token(Settings::default());
    let e = client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
    assert_eq!(e.kind(), Kind::Unauthenticated);
    assert_eq!((bench.count("item"), bench.count("token")), (3, 2));
}
