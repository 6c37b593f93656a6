//! Token endpoints on their bad days.

use std::time::Duration;

use serde_json::json;
use watchfloor_core::{Kind, Outcome, Retry};
use watchfloor_testkit::{Answer, Fault};

use super::realm::Realm;

fn json(body: &str) -> Answer {
    Answer::new(200).body("application/json", body.to_owned())
}

#[tokio::test]
async fn what_is_no_token_is_an_error_and_nothing_was_sent() {
    let huge = format!(r#"{{"access_token":"t","x":"{}"}}"#, "x".repeat(300 << 10));
    for (fault, kind, asked) in [
        (Fault::html(200), Kind::Protocol, 1),
        (Fault::html(502), Kind::Unavailable, 5),
        (Fault::Instead(json(r#"{"error":"invalid_grant"}"#)), Kind::Unauthenticated, 1),
        (Fault::Instead(json(r#"{"error":"bad_refresh_token"}"#)), Kind::Unauthenticated, 1),
        (Fault::Instead(json(r#"{"error":"temporarily_unavailable"}"#)), Kind::Unavailable, 5),
        (Fault::Instead(json(r#"{"error":{"code":7}}"#)), Kind::Protocol, 1),
        (Fault::Instead(json(r#"{"access_token":""}"#)), Kind::Protocol, 1),
        (Fault::Instead(json(r#"{"access_token":7}"#)), Kind::Protocol, 1),
        (Fault::Instead(json("[]")), Kind::Protocol, 1),
        (Fault::Instead(json("")), Kind::Protocol, 1),
        (Fault::Instead(json(&huge)), Kind::Protocol, 1),
        (Fault::HalfBody, Kind::Unavailable, 5),
        (Fault::cut_short(), Kind::Protocol, 1),
        (Fault::ResetBefore, Kind::Unavailable, 5),
        (Fault::status(302), Kind::Protocol, 1),
        (Fault::status(500), Kind::Unavailable, 5),
    ] {
        let realm = Realm::new().await;
        for nth in 1..=9 {
            realm.server.script().on("token", nth, fault.clone());
        }
        let client = realm.client(&realm.layer(), realm.client_credentials());
        let e = realm.get(&client).await.unwrap_err();
        assert_eq!((e.kind(), e.outcome()), (kind, Outcome::NotSent), "{fault}: {e}");
        let counts = ["token", "item"].map(|operation| realm.server.script().count(operation));
        assert_eq!(counts, [asked, 0], "{fault}");
        assert!(e.to_string().contains("token request"), "{e}");
        assert!(!e.to_string().contains("bad_refresh_token"), "a foreign word: {e}");
    }
}

#[tokio::test]
async fn t23_a_life_that_is_not_said_is_short_and_a_long_one_a_day() {
    for (said, seconds) in [
        (json!(null), 300),
        (json!("soon"), 300),
        (json!(-1), 300),
        (json!("600"), 600),
        (json!(600.5), 600),
        (json!(u64::MAX), 86_400),
        (json!(1e300), 86_400),
    ] {
        let realm = Realm::of(|twin| twin.life(Duration::from_secs(1 << 40))).await;
        let twisted = said.clone();
        let twist = move |_: &_, answer: Answer| {
            let mut body: serde_json::Value = serde_json::from_slice(answer.bytes()).unwrap();
            body["expires_in"] = twisted.clone();
            Answer::json(200, &body)
        };
        realm.server.script().on("token", 1, Fault::Twist(std::sync::Arc::new(twist)));
        let client = realm.client(&realm.layer(), realm.client_credentials());
        realm.get(&client).await.unwrap();
        // Renewed early, while it is still used, and not before.
        let early = seconds - (seconds / 5).min(60);
        realm.clock.advance(Duration::from_secs(early - 1));
        realm.get(&client).await.unwrap();
        assert_eq!(realm.server.script().count("token"), 1, "{said}");
        realm.clock.advance(Duration::from_secs(62));
        realm.get(&client).await.unwrap();
        while realm.server.script().count("token") < 2 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_wait_that_the_endpoint_asks_for_holds_for_all_callers() {
    let realm = Realm::new().await;
    realm.server.script().on("token", 1, Fault::retry_after(429, 30));
    let client = realm.client(&realm.layer(), realm.client_credentials());
    realm.all_served(&client, 20).await;
    assert_eq!(realm.server.script().count("token"), 2);
    assert!(realm.clock.elapsed() >= Duration::from_secs(30));
    // Longer than the operation: it is handed back, with the time.
    let realm = Realm::new().await;
    for nth in 1..=9 {
        realm.server.script().on("token", nth, Fault::retry_after(503, 100));
    }
    let client = realm.client(&realm.layer(), realm.client_credentials());
    let e = realm.get(&client).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::Unavailable, Outcome::NotSent));
    assert!(matches!(e.retry(), Retry::NotBefore(_)), "{e:?}");
    assert_eq!(realm.server.script().count("token"), 2);
    // Who comes within the wait asks only after it.
    realm.get(&client).await.unwrap_err();
    assert_eq!(realm.server.script().count("token"), 3);
}

#[tokio::test]
async fn a_token_that_holds_is_used_while_its_renewal_fails() {
    let realm = Realm::new().await;
    let client = realm.client(&realm.layer(), realm.password());
    realm.get(&client).await.unwrap();
    for nth in 1..=9 {
        realm.server.script().on("token", nth, Fault::status(503));
    }
    // In its last minute: a try at once, and then one every ten seconds.
    realm.clock.advance(Duration::from_secs(3541));
    for (wait, asked) in [(0, 2), (9, 2), (1, 3), (30, 4)] {
        realm.clock.advance(Duration::from_secs(wait));
        realm.get(&client).await.unwrap();
        for _ in 0..500 {
            tokio::task::yield_now().await;
        }
        assert_eq!(realm.server.script().count("token"), asked, "after {wait} s");
    }
}
