//! T25: every setting has a test in which changing it changes what happens. The values go through
//! the configuration.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Semaphore;
use watchfloor_core::config::Value;
use watchfloor_core::{Kind, Outcome};
use watchfloor_http::{Auth, Repeat, Settings};
use watchfloor_testkit::Fault;

use crate::bench::{Bench, Raw, section, settings, table, text, wire};

#[tokio::test]
async fn t25_timeout_bounds_an_operation_with_its_retries() {
    for (timeout, kind) in [("59s", Some(Kind::RateLimited)), ("61s", None)] {
        let bench = Bench::new().await;
        bench.server.script().on("item", 1, Fault::retry_after(429, 60));
        let client = bench.client(settings(vec![("timeout", text(timeout))]));
        let sent = client.get("item", "x.get").send(&bench.call()).await;
        assert_eq!(sent.err().map(|e| e.kind()), kind, "{timeout}");
    }
}

#[tokio::test]
async fn t25_attempt_timeout_ends_an_attempt() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::Hang);
    let client = bench.client(settings(vec![("attempt_timeout", text("250ms"))]));
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert_eq!(bench.count("item"), 2);
    // With longer attempts it is the operation's end that comes first.
    bench.server.script().on("item", 1, Fault::Hang);
    let long = settings(vec![
        ("attempt_timeout", text("9m")),
        ("timeout", text("250ms")),
        ("max_attempts", Value::Integer(1)),
    ]);
    let e = bench.client(long).get("item", "x.get").send(&bench.call()).await.unwrap_err();
    assert_eq!((e.kind(), bench.count("item")), (Kind::Timeout, 3));
}

#[tokio::test]
async fn t25_connect_timeout_ends_a_handshake() {
    // It accepts, and says nothing that TLS could begin with: the connection is never made.
    let raw = Raw::answering("", Arc::new(Semaphore::new(0))).await;
    let mut url = raw.url.clone();
    url.set_scheme("https").unwrap();
    for (timeout, outcome) in [("40ms", Outcome::NotSent), ("5m", Outcome::Unknown)] {
        let bench = Bench::new().await;
        let short = settings(vec![
            ("connect_timeout", text(timeout)),
            ("attempt_timeout", text("400ms")),
            ("max_attempts", Value::Integer(1)),
        ]);
        let client = bench.at(vec![url.clone()], Auth::none(), short);
        let e = client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
        assert_eq!((e.kind(), e.outcome()), (Kind::Timeout, outcome), "{timeout}: {e}");
    }
}

#[tokio::test]
async fn t25_max_attempts_counts_the_first() {
    for most in [1, 3] {
        let bench = Bench::new().await;
        for nth in 1..=9 {
            bench.server.script().on("item", nth, Fault::status(503));
        }
        let client = bench.client(settings(vec![("max_attempts", Value::Integer(most))]));
        client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
        assert_eq!(bench.count("item"), most as u64);
    }
}

#[tokio::test]
async fn t25_retry_after_cap_is_the_longest_wait() {
    for (cap, waited) in [("5s", 5), ("60s", 30)] {
        let bench = Bench::new().await;
        bench.server.script().on("item", 1, Fault::retry_after(429, 30));
        let client = bench.client(settings(vec![("retry_after_cap", text(cap))]));
        client.get("item", "x.get").send(&bench.call()).await.unwrap();
        assert_eq!(bench.clock.elapsed(), Duration::from_secs(waited));
    }
}

#[tokio::test]
async fn t25_requests_per_second_spaces_requests() {
    for (rate, waited) in [(Value::Integer(4), 1), (Value::Float(0.5), 8)] {
        let bench = Bench::new().await;
        let client = bench.client(settings(vec![("requests_per_second", rate)]));
        let sent = (0..5).map(|_| {
            let (client, call) = (client.clone(), bench.call());
            tokio::spawn(async move { client.get("item", "x.get").send(&call).await })
        });
        for one in sent.collect::<Vec<_>>() {
            one.await.unwrap().unwrap();
        }
        assert_eq!(bench.clock.elapsed(), Duration::from_secs(waited));
    }
    let bench = Bench::new().await;
    for _ in 0..20 {
        let get = bench.client(Settings::default()).get("item", "x.get");
        get.send(&bench.call()).await.unwrap();
    }
    assert_eq!(bench.clock.elapsed(), Duration::ZERO, "no limit by default");
}

#[tokio::test]
async fn t25_max_in_flight_bounds_what_is_under_way() {
    for most in [1, 3] {
        let permit = Arc::new(Semaphore::new(0));
        let raw = Raw::answering(wire("200 OK", "", b"{}"), permit.clone()).await;
        let bench = Bench::new().await;
        let few = settings(vec![("max_in_flight", Value::Integer(most))]);
        let client = bench.at(vec![raw.url.clone()], Auth::none(), few);
        let sent: Vec<_> = (0..6)
            .map(|_| {
                let (client, call) = (client.clone(), bench.call());
                tokio::spawn(async move { client.get("item", "x.get").send(&call).await })
            })
            .collect();
        // Nothing is answered yet: as many connections as requests under way.
        while raw.connections.load(Ordering::SeqCst) < most as usize {
            tokio::task::yield_now().await;
        }
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(raw.connections.load(Ordering::SeqCst), most as usize);
        permit.add_permits(6);
        for one in sent {
            one.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn t25_max_answer_bounds_a_body() {
    let zeros = vec![b'0'; 3000];
    let chunked = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nbb8\r\n".as_slice(),
        &zeros,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    for answer in [wire("200 OK", "", &zeros), chunked] {
        for (max, fits) in [("2KiB", false), ("3KiB", true)] {
            let raw = Raw::always(answer.clone()).await;
            let bench = Bench::new().await;
            let settings = settings(vec![("max_answer", text(max))]);
            let client = bench.at(vec![raw.url.clone()], Auth::none(), settings);
            let create = client.post("item", "x.op", Repeat::Forbidden);
            match create.send(&bench.call()).await {
                Ok(answer) => assert!(fits && answer.body.len() == 3000),
                Err(e) => {
                    assert!(!fits, "{e}");
                    assert_eq!((e.kind(), e.outcome()), (Kind::Protocol, Outcome::Unknown));
                }
            }
        }
    }
}

#[test]
fn wrong_and_unknown_keys_are_reported_at_once() {
    let (mut section, problems) = section(vec![(
        "http",
        table(vec![
            ("timout", text("5s")),
            ("max_attempts", Value::Integer(0)),
            ("requests_per_second", Value::Integer(-1)),
            ("connect_timeout", Value::Integer(5)),
        ]),
    )]);
    assert_eq!(Settings::read(&mut section), None);
    let lines: Vec<_> = problems.take().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines.iter().any(|l| l.contains(r#"did you mean "timeout"?"#)), "{lines:#?}");
}

#[test]
fn an_adapters_defaults_stand_below_the_configuration() {
    let mut slow = Settings::default();
    slow.attempt_timeout = Duration::from_secs(75);
    let (mut none, _) = section(vec![]);
    assert_eq!(slow.clone().or_as_in(&mut none), Some(slow.clone()));
    let (mut some, _) = section(vec![("http", table(vec![("attempt_timeout", text("5s"))]))]);
    assert_eq!(slow.or_as_in(&mut some).unwrap().attempt_timeout, Duration::from_secs(5));
}

#[test]
fn what_is_no_table_builds_nothing() {
    let (mut section, problems) = section(vec![("http", text("fast"))]);
    assert_eq!((Settings::read(&mut section), problems.count()), (None, 1));
}
