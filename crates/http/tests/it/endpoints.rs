use std::time::Duration;

use watchfloor_core::{Clock as _, Kind, Outcome, Retry};
use watchfloor_http::{Auth, Reach, Repeat, Settings, Verdict, by_status};
use watchfloor_testkit::Fault;

use crate::bench::{Bench, Product, Raw, name, wire};

#[tokio::test]
async fn requests_take_turns_and_pass_by_what_fails() {
    let (bench, second) = (Bench::new().await, Bench::new().await);
    let closed = Raw::closed().await;
    let urls = vec![bench.url(), closed, second.url()];
    let client = bench.at(urls, Auth::none(), Settings::default());
    for _ in 0..12 {
        client.post("item", "x.op", Repeat::Forbidden).send(&bench.call()).await.unwrap();
    }
    assert_eq!(bench.count("item") + second.count("item"), 12);
    assert!(bench.count("item") >= 4 && second.count("item") >= 4);
}

#[tokio::test]
async fn one_endpoints_hint_does_not_hold_up_the_others() {
    let (bench, second) = (Bench::new().await, Bench::of(Product::open()).await);
    bench.server.script().on("item", 1, Fault::retry_after(503, 60));
    let client = bench.at(vec![bench.url(), second.url()], Auth::none(), Settings::default());
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert_eq!((bench.count("item"), second.count("item")), (1, 1));
    assert!(bench.clock.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn an_only_endpoint_is_asked_at_once_up_to_its_third_failure_in_a_row() {
    let bench = Bench::new().await;
    for nth in 1..=4 {
        bench.server.script().on("item", nth, Fault::status(503));
    }
    let mut once = Settings::default();
    once.max_attempts = 1;
    let client = bench.client(once);
    let mut elapsed = Vec::new();
    for _ in 0..4 {
        let e = client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
        assert_eq!(e.outcome(), Outcome::Rejected);
        elapsed.push(bench.clock.elapsed().as_secs());
    }
    assert_eq!(elapsed, [0, 0, 0, 4], "the fourth at the end of its rest");
    // It never is removed, and whoever has no time to wait for it is told at once.
    let now = bench.clock.now();
    let hurried = bench.call().within(now, Duration::from_secs(5));
    let e = client.get("item", "x.get").send(&hurried).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::Unavailable, Outcome::NotSent), "{e}");
    assert_eq!(e.retry(), Retry::NotBefore(now.saturating_add(Duration::from_secs(8))));
    assert_eq!(bench.count("item"), 4);
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert_eq!(bench.clock.elapsed(), Duration::from_secs(12), "an answer ends the rest");
}

#[tokio::test]
async fn after_its_rest_one_request_tries_it_and_the_others_wait_for_that_one() {
    let bench = Bench::new().await;
    for nth in 1..=3 {
        bench.server.script().on("item", nth, Fault::status(503));
    }
    let mut once = Settings::default();
    once.max_attempts = 1;
    let client = bench.client(once);
    for _ in 0..3 {
        client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
    }
    bench.server.script().on("item", 1, Fault::status(503));
    let all: Vec<_> = (0..9)
        .map(|_| {
            let (client, call) = (client.clone(), bench.call());
            tokio::spawn(async move { client.get("item", "x.get").send(&call).await.is_ok() })
        })
        .collect();
    let mut good = 0;
    for one in all {
        good += usize::from(one.await.unwrap());
    }
    assert_eq!(good, 8);
    let at: Vec<_> = bench.server.log().of("item").iter().map(|l| l.at).collect();
    let since: Vec<_> = at[3..].iter().map(|t| t.since(at[0]).as_secs()).collect();
    assert_eq!(since[..2], [4, 12], "one, and one again after its rest: {since:?}");
    assert!(since[2..].iter().all(|s| *s == 12), "then everybody: {since:?}");
}

#[tokio::test]
async fn a_probe_that_is_dropped_leaves_the_way_free() {
    let permit = std::sync::Arc::new(tokio::sync::Semaphore::new(3));
    let raw = Raw::answering(wire("503 No", "", b""), permit.clone()).await;
    let bench = Bench::new().await;
    let mut once = Settings::default();
    once.max_attempts = 1;
    let client = bench.at(vec![raw.url.clone()], Auth::none(), once);
    for _ in 0..3 {
        client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
    }
    let sent = || {
        let (client, call) = (client.clone(), bench.call());
        tokio::spawn(async move { client.get("item", "x.get").send(&call).await })
    };
    let probe = sent();
    raw.met(4).await;
    let waits = sent();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    probe.abort();
    assert!(probe.await.unwrap_err().is_cancelled());
    raw.met(5).await;
    permit.add_permits(2);
    let e = waits.await.unwrap().unwrap_err();
    assert_eq!(e.context("status"), Some("503"), "it was the next to try");
    assert!(bench.clock.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_credentials_hint_holds_on_every_endpoint() {
    let (bench, second) = (Bench::new().await, Bench::new().await);
    bench.server.script().on("item", 1, Fault::retry_after(429, 30));
    let classify = |answer: &watchfloor_http::Answer| -> Option<Verdict> {
        by_status(answer).map(|verdict| verdict.reach(Reach::Credential))
    };
    let urls = vec![bench.url(), second.url()];
    let client =
        bench.layer.client(&name(), urls, Auth::none(), Settings::default(), classify).unwrap();
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert_eq!(second.count("item"), 1);
    assert_eq!(bench.clock.elapsed(), Duration::from_secs(30));
}

#[tokio::test]
async fn a_verdict_can_give_the_connections_up() {
    for (close, connections) in [(false, 1), (true, 3)] {
        let raw = Raw::always(wire("200 OK", "", b"{}")).await;
        let bench = Bench::new().await;
        let classify = move |_: &watchfloor_http::Answer| {
            let kind = watchfloor_core::Kind::Invalid;
            let verdict = Verdict::new(kind, Outcome::Rejected, "no");
            Some(if close { verdict.close() } else { verdict })
        };
        let urls = vec![raw.url.clone()];
        let client =
            bench.layer.client(&name(), urls, Auth::none(), Settings::default(), classify).unwrap();
        for _ in 0..3 {
            client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
        }
        let made = raw.connections.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(made, connections);
    }
}
