use std::time::Duration;

use watchfloor_core::{Kind, Outcome, Retry};
use watchfloor_http::retry::{Action, COLUMNS, Class, action};
use watchfloor_http::{Auth, ByStatus, Hint, Repeat, Reply, Settings, Verdict, by_status};
use watchfloor_testkit::{Answer, Fault};

use crate::bench::{Bench, Raw, name};

fn quick() -> Settings {
    let mut settings = Settings::default();
    settings.attempt_timeout = Duration::from_millis(300);
    settings
}

#[tokio::test]
async fn t06_a_create_with_an_unknown_outcome_is_never_repeated() {
    for fault in [
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::HalfBody,
        Fault::Hang,
        Fault::status(500),
        Fault::status(502),
        Fault::After(Answer::new(504)),
    ] {
        let bench = Bench::new().await;
        bench.server.script().on("item", 1, fault.clone());
        let create = bench.client(quick()).post("item", "x.create", Repeat::Forbidden);
        let e = create.json(&1).send(&bench.call()).await.unwrap_err();
        assert_eq!(bench.count("item"), 1, "{fault}");
        assert_eq!((e.outcome(), e.retry()), (Outcome::Unknown, Retry::AfterLookup), "{fault}");
    }
}

#[tokio::test]
async fn each_repeat_does_with_each_failure_what_the_table_says() {
    for (fault, kind, outcome) in [
        (Fault::ResetAfter, Kind::Unavailable, Outcome::Unknown),
        (Fault::HalfBody, Kind::Unavailable, Outcome::Unknown),
        (Fault::Hang, Kind::Timeout, Outcome::Unknown),
        (Fault::status(500), Kind::Unavailable, Outcome::Unknown),
        (Fault::status(503), Kind::Unavailable, Outcome::Rejected),
        (Fault::status(429), Kind::RateLimited, Outcome::Rejected),
        (Fault::status(400), Kind::Invalid, Outcome::Rejected),
        (Fault::status(401), Kind::Unauthenticated, Outcome::Rejected),
        (Fault::status(403), Kind::Forbidden, Outcome::Rejected),
        (Fault::status(409), Kind::Conflict, Outcome::Rejected),
        (Fault::status(413), Kind::TooLarge, Outcome::Rejected),
    ] {
        for repeat in COLUMNS {
            let bench = Bench::new().await;
            bench.server.script().on("item", 1, fault.clone());
            let sent = bench.client(quick()).post("item", "x.op", repeat).send(&bench.call()).await;
            let again = action(repeat, outcome, Class::of(kind)) == Action::Again;
            assert_eq!(bench.count("item"), 1 + u64::from(again), "{fault} {repeat:?}");
            match sent {
                Ok(_) => assert!(again),
                Err(e) => assert_eq!((e.kind(), e.outcome()), (kind, outcome), "{fault} {e}"),
            }
        }
    }
}

#[tokio::test]
async fn what_was_not_sent_is_repeated_for_every_request() {
    let bench = Bench::new().await;
    let client = bench.at(vec![Raw::closed().await], Auth::none(), Settings::default());
    let create = client.post("item", "x.create", Repeat::Forbidden);
    let e = create.send(&bench.call()).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::Unavailable, Outcome::NotSent));
    assert_eq!(e.context("attempts"), Some("5"));
    assert!(matches!(e.retry(), Retry::NotBefore(_)));
    assert!(e.to_string().contains("the connection was refused"), "{e}");
}

#[tokio::test]
async fn t08_what_is_too_large_is_sent_once() {
    let bench = Bench::new().await;
    for nth in 1..=2 {
        bench.server.script().on("item", nth, Fault::retry_after(413, 1));
    }
    let put = bench.client(Settings::default()).put("item", "x.put", Repeat::Harmless);
    let e = put.json(&[0; 32]).send(&bench.call()).await.unwrap_err();
    assert_eq!(
        (e.kind(), e.outcome(), e.retry()),
        (Kind::TooLarge, Outcome::Rejected, Retry::Never)
    );
    assert_eq!(bench.count("item"), 1);
}

#[tokio::test]
async fn an_unknown_attempt_is_not_settled_by_a_later_refusal() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::ResetAfter);
    bench.server.script().on("item", 2, Fault::status(400));
    let keyed = bench.client(Settings::default()).post("item", "x.op", Repeat::Keyed);
    let e = keyed.send(&bench.call()).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::Invalid, Outcome::Unknown));
}

#[tokio::test]
async fn t07_retry_after_is_obeyed_up_to_its_cap() {
    let day = "Tue, 24 Nov 2026 08:00:20 GMT";
    let skewed = |until| Answer::new(429).header("date", until).header("retry-after", until);
    let past = Fault::Instead(skewed("Tue, 24 Nov 2026 23:00:00 GMT"));
    for (fault, from, to) in [
        (Fault::retry_after(429, 7), 7, 8),
        (Fault::retry_after(503, 7), 7, 8),
        (Fault::retry_after(429, 90_000), 60, 61),
        (Fault::Instead(Answer::new(429).header("retry-after", day)), 20, 21),
        // The server's clock is hours ahead, and its date says "now".
        (past, 0, 1),
        (Fault::Instead(Answer::new(429).header("retry-after", "later")), 0, 1),
        (Fault::Instead(Answer::new(429).header("retry-after", "7.25")), 7, 8),
    ] {
        let bench = Bench::new().await;
        bench.server.script().on("item", 1, fault.clone());
        let get = bench.client(Settings::default()).get("item", "x.get");
        get.send(&bench.call()).await.unwrap();
        let waited = bench.clock.elapsed().as_secs();
        assert!((from..to).contains(&waited), "{fault:?}: {waited} s");
    }
}

#[tokio::test]
async fn t07_a_wait_beyond_the_deadline_is_handed_back_with_its_time() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::retry_after(503, 40));
    let client = bench.client(Settings::default());
    let start = "2026-11-24T08:00:00Z".parse().unwrap();
    let hurried = bench.call().within(start, Duration::from_secs(30));
    let e = client.get("item", "x.get").send(&hurried).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::RateLimited, Outcome::Rejected), "{e}");
    assert_eq!(e.retry(), Retry::NotBefore(start.saturating_add(Duration::from_secs(40))));
    assert!(bench.clock.elapsed() < Duration::from_secs(1), "nobody waited in vain");
    // Another call of the tenant waits its turn, or says at once that it cannot.
    let e = client.get("item", "x.get").send(&hurried).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::RateLimited, Outcome::NotSent), "{e}");
    assert_eq!(bench.count("item"), 1);
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert!(bench.clock.elapsed() >= Duration::from_secs(40));
}

#[tokio::test]
async fn a_hint_is_the_tenants_own() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::retry_after(429, 50));
    let mut once = Settings::default();
    once.max_attempts = 1;
    let client = bench.client(once);
    client.get("item", "x.get").send(&bench.call_of("acme")).await.unwrap_err();
    client.get("item", "x.get").send(&bench.call_of("other")).await.unwrap();
    assert_eq!(bench.clock.elapsed(), Duration::ZERO);
    client.get("item", "x.get").send(&bench.call_of("acme")).await.unwrap();
    assert_eq!(bench.clock.elapsed(), Duration::from_secs(50));
}

#[tokio::test]
async fn a_host_that_only_fails_is_soon_asked_once_per_operation() {
    let bench = Bench::new().await;
    for nth in 1..=200 {
        bench.server.script().on("item", nth, Fault::status(500));
    }
    let client = bench.client(Settings::default());
    let mut requests = Vec::new();
    for _ in 0..40 {
        let before = bench.count("item");
        client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
        requests.push(bench.count("item") - before);
    }
    assert_eq!(requests[0], 5);
    assert_eq!(requests[39], 1);
    assert_eq!(requests.iter().sum::<u64>(), 40 + 100, "one each, and the budget");
}

#[tokio::test]
async fn a_failure_inside_a_200_is_seen() {
    let bench = Bench::new().await;
    let odd = |answer: &watchfloor_http::Answer| {
        by_status(answer).or_else(|| {
            let n = answer.json::<serde_json::Value>().ok()?["n"].as_u64()?;
            let busy = || Verdict::new(Kind::Unavailable, Outcome::Rejected, "busy");
            (n < 3).then(busy)
        })
    };
    let client = bench
        .layer
        .client(&name(), vec![bench.url()], Auth::none(), Settings::default(), odd)
        .unwrap();
    let answer = client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert_eq!((&answer.body[..], bench.count("item")), (&b"{\"n\":3}"[..], 3));
}

#[tokio::test]
async fn a_caller_that_rebuilds_the_body_draws_on_one_count() {
    let bench = Bench::new().await;
    let rebuild = |answer: &watchfloor_http::Answer| {
        let left = || Verdict::new(Kind::Invalid, Outcome::Rejected, "resume").resent_by_caller();
        by_status(answer).is_some().then(left)
    };
    for nth in 1..=9 {
        bench.server.script().on("item", nth, Fault::status(400));
    }
    let client = bench
        .layer
        .client(&name(), vec![bench.url()], Auth::none(), Settings::default(), rebuild)
        .unwrap();
    let mut attempts = client.attempts(&bench.call());
    let mut left = 9;
    let e = loop {
        let post = client.post("item", "x.send", Repeat::Duplicates).json(&left);
        match post.send_on(&mut attempts).await.unwrap() {
            Reply::Done(_) => panic!("it never succeeds"),
            Reply::Resend(answer, verdict) => {
                assert_eq!((answer.status.as_u16(), verdict.kind), (400, Kind::Invalid));
                left -= 1;
            }
        }
        if let Err(e) = attempts.wait(None).await {
            break e;
        }
    };
    assert_eq!((bench.count("item"), attempts.used(), left), (5, 5, 4));
    assert!(e.to_string().contains("max_attempts"), "{e}");
    let bodies: Vec<_> =
        bench.server.log().of("item").into_iter().map(|l| l.request.body).collect();
    assert_eq!(bodies, ["9", "8", "7", "6", "5"]);
    // Without a caller that rebuilds, it is an error like any other.
    let e = client.post("item", "x.send", Repeat::Harmless).send(&bench.call()).await.unwrap_err();
    assert_eq!((e.message(), e.context("status")), ("resume", Some("400")));
}

#[tokio::test]
async fn by_status_is_the_default_word() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::status(404));
    let client = bench
        .layer
        .client(&name(), vec![bench.url()], Auth::none(), Settings::default(), ByStatus)
        .unwrap();
    let e =
        client.delete("item", "x.drop", Repeat::Harmless).send(&bench.call()).await.unwrap_err();
    assert_eq!(e.to_string(), "x: x.drop: not found: it is not there (status 404)");
}

#[tokio::test]
async fn a_caller_that_rebuilds_the_body_waits_as_the_server_asks_up_to_the_cap() {
    let bench = Bench::new().await;
    let client = bench.client(Settings::default());
    let mut attempts = client.attempts(&bench.call());
    let at = |secs| {
        "2026-11-24T08:00:00Z"
            .parse::<watchfloor_core::Timestamp>()
            .unwrap()
            .saturating_add(Duration::from_secs(secs))
    };
    attempts.wait(Some(at(10))).await.unwrap();
    assert_eq!(bench.clock.elapsed(), Duration::from_secs(10));
    attempts.wait(Some(at(90_000))).await.unwrap();
    assert_eq!(bench.clock.elapsed(), Duration::from_secs(70));
    let e = attempts.wait(Some(at(90_000))).await.unwrap_err();
    assert_eq!((e.kind(), e.retry()), (Kind::RateLimited, Retry::NotBefore(at(130))));
}

#[tokio::test]
async fn t07_a_vendors_own_header_is_obeyed() {
    let bench = Bench::new().await;
    let busy = Answer::new(429).header("x-ratelimit-reset", "2026-11-24T08:00:25Z");
    bench.server.script().on("item", 1, Fault::Instead(busy));
    let classify = |answer: &watchfloor_http::Answer| {
        let verdict = by_status(answer)?;
        Some(match answer.hint("x-ratelimit-reset", Hint::Rfc3339) {
            Some(at) => verdict.not_before(at),
            None => verdict,
        })
    };
    let urls = vec![bench.url()];
    let settings = Settings::default();
    let client = bench.layer.client(&name(), urls, Auth::none(), settings, classify).unwrap();
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert_eq!(bench.clock.elapsed(), Duration::from_secs(25));
}

/// A client whose 4xx are sent again by the caller.
fn rebuilding(bench: &Bench) -> watchfloor_http::Client {
    let rebuild = |answer: &watchfloor_http::Answer| {
        by_status(answer).map(|v| if v.kind == Kind::Invalid { v.resent_by_caller() } else { v })
    };
    let urls = vec![bench.url()];
    bench.layer.client(&name(), urls, Auth::none(), Settings::default(), rebuild).unwrap()
}

#[tokio::test]
async fn a_caller_that_rebuilds_need_not_know_how_the_server_asks_for_a_wait() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::retry_after(400, 9));
    let client = rebuilding(&bench);
    let mut attempts = client.attempts(&bench.call());
    let post = || client.post("item", "x.send", Repeat::Duplicates);
    let Reply::Resend(_, verdict) = post().send_on(&mut attempts).await.unwrap() else {
        panic!("400 is resent")
    };
    attempts.wait(verdict.not_before).await.unwrap();
    assert!(matches!(post().send_on(&mut attempts).await.unwrap(), Reply::Done(_)));
    assert_eq!(bench.clock.elapsed(), Duration::from_secs(9));
}

#[tokio::test]
async fn after_a_lost_answer_a_refusal_proves_nothing_also_once_other_bodies_went_well() {
    for (fault, refused) in
        [(Fault::status(503), Outcome::Rejected), (Fault::ResetAfter, Outcome::Unknown)]
    {
        let bench = Bench::new().await;
        bench.server.script().on("item", 1, fault);
        bench.server.script().on("item", 3, Fault::status(400));
        let client = rebuilding(&bench);
        let mut attempts = client.attempts(&bench.call());
        let post = || client.post("item", "x.send", Repeat::Duplicates);
        assert!(matches!(post().send_on(&mut attempts).await.unwrap(), Reply::Done(_)));
        assert!(matches!(post().send_on(&mut attempts).await.unwrap(), Reply::Resend(..)));
        assert_eq!(attempts.refused(), refused);
    }
}

#[tokio::test]
async fn what_the_caller_resends_draws_on_the_same_budget_as_what_the_layer_resends() {
    let bench = Bench::new().await;
    // 25 operations of four repeats each use the host's budget up.
    for nth in 1..=126 {
        bench.server.script().on("item", nth, Fault::status(400));
    }
    let client = rebuilding(&bench);
    for n in 0..26 {
        let mut attempts = client.attempts(&bench.call());
        let e = loop {
            let post = client.post("item", "x.send", Repeat::Duplicates);
            post.send_on(&mut attempts).await.unwrap();
            if let Err(e) = attempts.wait(None).await {
                break e;
            }
        };
        let (used, says) = if n < 25 { (5, "max_attempts") } else { (1, "retry budget") };
        assert_eq!(attempts.used(), used, "{n}");
        assert!(e.to_string().contains(says), "{n}: {e}");
    }
    // The layer's own repeats have nothing left either.
    bench.server.script().on("item", 1, Fault::status(500));
    client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
    assert_eq!(bench.count("item"), 127);
}
