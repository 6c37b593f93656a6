use std::time::Duration;

use watchfloor_core::Outcome;
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
async fn an_only_endpoint_is_asked_however_often_it_failed() {
    let bench = Bench::new().await;
    for nth in 1..=4 {
        bench.server.script().on("item", nth, Fault::status(503));
    }
    let mut once = Settings::default();
    once.max_attempts = 1;
    let client = bench.client(once);
    for _ in 0..4 {
        let e = client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
        assert_eq!(e.outcome(), Outcome::Rejected);
    }
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert_eq!(bench.clock.elapsed(), Duration::ZERO);
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
