//! Tokens that outlive the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use watchfloor_core::{Clock as _, Kind, Secret};
use watchfloor_http::{Client, Layer, OAuth2};
use watchfloor_testkit::{Answer, Fault, leaks};

use super::realm::{CLIENT_SECRET, Failing, MemoryStore, PASSWORD, Realm, Twin};

const HOUR: Duration = Duration::from_secs(3600);

/// A process: a layer of its own on a store.
fn process(realm: &Realm, store: &Arc<MemoryStore>) -> Layer {
    realm.layer().with_store(store.clone())
}

fn restarted(realm: &Realm, store: &Arc<MemoryStore>, oauth2: &OAuth2) -> Client {
    realm.client(&process(realm, store), oauth2.clone())
}

#[tokio::test]
async fn t05_expiry_holds_across_restarts_on_the_wall_clock() {
    let realm = Realm::new().await;
    for (oauth2, first) in [(realm.consented(), 0), (realm.password(), 1)] {
        let store = Arc::new(MemoryStore::default());
        let before = realm.server.script().count("token");
        let asked = || realm.server.script().count("token") - before;
        realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
        let access = realm.last_access();
        let record = store.record();
        let now = realm.clock.now().as_millis();
        assert_eq!(
            (record["v"].as_i64(), record["expires"].as_i64()),
            (Some(1), Some(now + 3_600_000))
        );
        // While it holds, a restart asks for nothing.
        realm.clock.advance(Duration::from_secs(3500));
        realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
        assert_eq!((asked(), realm.last_access()), (1, access.clone()));
        // Within its last ten seconds it is as good as expired, since clocks differ.
        realm.clock.advance(Duration::from_secs(90));
        realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
        assert_eq!(asked(), 2);
        assert_ne!(realm.last_access(), access);
        for _ in 0..3 {
            realm.clock.advance(HOUR);
            realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
        }
        assert_eq!((asked(), realm.server.asked("password")), (5, first));
        assert_eq!(realm.server.live_refresh_tokens(), 1 + first as usize);
    }
}

#[tokio::test]
async fn a_stored_token_that_is_taken_back_is_renewed() {
    let realm = Realm::new().await;
    let (store, oauth2) = (Arc::new(MemoryStore::default()), realm.consented());
    realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
    realm.server.revoke();
    realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
    assert_eq!(realm.server.granted("refresh_token"), 2);
}

#[tokio::test]
async fn an_odd_record_gives_no_access_but_its_refresh_token_is_tried() {
    type Change = fn(&mut Value, i64);
    let odd: [(&str, Change); 10] = [
        ("a later version", |r, _| r["v"] = json!(2)),
        ("no version", |r, _| drop(r.as_object_mut().unwrap().remove("v"))),
        ("expired", |r, now| r["expires"] = json!(now - 1)),
        ("far in the future", |r, now| r["expires"] = json!(now + 400 * 86_400_000)),
        ("ends before it begins", |r, now| r["issued"] = json!(now + 200_000_000)),
        ("made tomorrow", |r, now| {
            r["issued"] = json!(now + 86_400_000);
            r["expires"] = json!(now + 90_000_000);
        }),
        ("no number", |r, _| r["expires"] = json!("tomorrow")),
        ("below zero", |r, _| r["issued"] = json!(-5)),
        ("beyond all time", |r, _| r["expires"] = json!(i64::MAX)),
        ("no header's text", |r, _| r["access"] = json!("a\nb")),
    ];
    for (what, change) in odd {
        let realm = Realm::new().await;
        let (store, oauth2) = (Arc::new(MemoryStore::default()), realm.consented());
        realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
        let (mut record, access) = (store.record(), realm.last_access());
        change(&mut record, realm.clock.now().as_millis());
        let refresh = record["refresh"].as_str().map(str::to_owned);
        store.replace(record.to_string());
        realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
        assert_ne!(realm.last_access(), access, "{what}");
        assert_eq!(realm.sent("refresh_token").pop(), Some(refresh), "{what}");
        assert_eq!(
            (store.record()["v"].as_i64(), realm.server.live_refresh_tokens()),
            (Some(1), 1)
        );
    }
}

#[tokio::test]
async fn an_unreadable_record_is_as_good_as_none() {
    let long = vec![b' '; 2 << 20];
    for junk in [&b""[..], b"{", b"\xff\xfe", b"[]", b"null", b"{\"v\":1}", &long] {
        let realm = Realm::new().await;
        let (store, oauth2) = (Arc::new(MemoryStore::default()), realm.password());
        realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
        store.replace(junk.to_vec());
        realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
        assert_eq!(realm.server.asked("password"), 2);
        // And it was written over.
        realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
        assert_eq!(realm.server.asked("password"), 2);
    }
}

#[tokio::test]
async fn another_credential_does_not_use_what_was_granted_for_the_first() {
    let realm = Realm::new().await;
    let store = Arc::new(MemoryStore::default());
    realm.get(&restarted(&realm, &store, &realm.consented())).await.unwrap();
    let access = realm.last_access();
    // A person has agreed anew: the new token is the one that is meant.
    let seed = realm.server.consent("bot");
    let anew = realm.refresh_token(&seed);
    realm.get(&restarted(&realm, &store, &anew)).await.unwrap();
    assert_ne!(realm.last_access(), access);
    assert_eq!(realm.sent("refresh_token").pop().unwrap().unwrap(), seed);
    // And if it is a wrong one, what is stored may still serve.
    let stored = store.record()["refresh"].as_str().unwrap().to_owned();
    let wrong = realm.refresh_token("cnry-mistyped");
    realm.get(&restarted(&realm, &store, &wrong)).await.unwrap();
    assert_eq!(realm.sent("refresh_token").pop().unwrap().unwrap(), stored);
    // Another secret of the client: its access token is not used unseen.
    let realm = Realm::of(|twin| twin.client("bot", "cnry-other")).await;
    let password = OAuth2::password(realm.token_url(), "ann", Secret::new(PASSWORD));
    let with = |secret: &str| password.clone().client("bot", Some(Secret::new(secret)));
    let store = Arc::new(MemoryStore::default());
    realm.get(&restarted(&realm, &store, &with("cnry-other"))).await.unwrap();
    let e = realm.get(&restarted(&realm, &store, &with("cnry-wrong"))).await.unwrap_err();
    assert_eq!(e.kind(), Kind::Unauthenticated);
}

#[tokio::test]
async fn it_is_stored_before_it_is_used() {
    let realm = Realm::new().await;
    let store = Arc::new(MemoryStore::default());
    let client = restarted(&realm, &store, &realm.consented());
    // The first operation reads, the second writes.
    let seen = Arc::new(AtomicBool::new(false));
    let noted = seen.clone();
    store.before(2, move |_| noted.store(true, Ordering::SeqCst));
    let mut call = Box::pin(realm.get(&client));
    while !seen.load(Ordering::SeqCst) {
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx)));
        assert!(polled.await.is_pending());
        assert_eq!(realm.server.script().count("item"), 0);
        tokio::task::yield_now().await;
    }
    call.await.unwrap();
    assert_eq!(realm.last_access(), store.record()["access"].as_str().unwrap());
}

#[tokio::test]
async fn a_store_that_fails_does_not_fail_the_call() {
    for failing in [Failing::Reads, Failing::Writes, Failing::Both] {
        let realm = Realm::new().await;
        let (store, oauth2) = (Arc::new(MemoryStore::default()), realm.consented());
        store.fail(Some(failing));
        let client = restarted(&realm, &store, &oauth2);
        for _ in 0..3 {
            realm.get(&client).await.unwrap();
            realm.clock.advance(HOUR);
        }
        // Once it works, what is known is stored, and nothing older is taken out of it.
        store.fail(None);
        realm.get(&client).await.unwrap();
        realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
        assert_eq!(realm.server.granted("refresh_token"), 4, "{failing:?}");
        assert_eq!(realm.last_access(), store.record()["access"].as_str().unwrap());
    }
}

#[tokio::test]
async fn what_could_not_be_read_does_not_replace_what_is_newer() {
    let realm = Realm::new().await;
    let (store, oauth2) = (Arc::new(MemoryStore::default()), realm.password());
    realm.get(&restarted(&realm, &store, &oauth2)).await.unwrap();
    let old = store.record();
    store.fail(Some(Failing::Reads));
    let client = restarted(&realm, &store, &oauth2);
    realm.get(&client).await.unwrap();
    assert_eq!(store.record(), old);
    // The old record still looks good, and its token is none any more.
    store.fail(None);
    realm.server.revoke();
    realm.get(&client).await.unwrap();
    assert_eq!(store.record()["access"], realm.last_access());
    assert_eq!((realm.server.asked("password"), realm.server.asked("refresh_token")), (2, 1));
}

#[tokio::test]
async fn a_store_that_hangs_is_waited_for_5_seconds() {
    let realm = Realm::new().await;
    let store = Arc::new(MemoryStore::default());
    store.fail(Some(Failing::Hangs));
    let client = restarted(&realm, &store, &realm.consented());
    let mut call = Box::pin(realm.get(&client));
    // Work is in flight all the time, so that the clock is moved by hand: for the read, the write.
    let mut polls = 0;
    let served = loop {
        let polled =
            std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx))).await;
        if let std::task::Poll::Ready(served) = polled {
            break served;
        }
        polls += 1;
        if polls % 1000 == 0 {
            realm.clock.advance(Duration::from_secs(1));
        }
        tokio::task::yield_now().await;
    };
    served.unwrap();
    let elapsed = realm.clock.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(60)).contains(&elapsed), "{elapsed:?}");
}

#[tokio::test]
async fn of_two_processes_the_later_takes_what_the_first_has_stored() {
    let realm = Realm::new().await;
    let (store, oauth2) = (Arc::new(MemoryStore::default()), realm.consented());
    let [one, two] = [(); 2].map(|()| restarted(&realm, &store, &oauth2));
    for hours in 1..=3 {
        realm.get(&one).await.unwrap();
        let access = realm.last_access();
        realm.get(&two).await.unwrap();
        assert_eq!((realm.last_access(), realm.server.granted("refresh_token")), (access, hours));
        realm.clock.advance(HOUR);
    }
}

/// What another process would have stored, with tokens that the twin knows.
async fn of_another(realm: &Realm, oauth2: &OAuth2) -> (String, Value) {
    let elsewhere = Arc::new(MemoryStore::default());
    realm.get(&restarted(realm, &elsewhere, oauth2)).await.unwrap();
    (realm.last_access(), elsewhere.record())
}

#[tokio::test]
async fn who_loses_compare_and_set_takes_the_stored_token() {
    let realm = Realm::of(Twin::lasting_refresh_tokens).await;
    let (store, oauth2) = (Arc::new(MemoryStore::default()), realm.password());
    let client = restarted(&realm, &store, &oauth2);
    realm.get(&client).await.unwrap();
    realm.clock.advance(HOUR);
    let (access, record) = of_another(&realm, &oauth2).await;
    // Between this one's look and its write.
    store.before(2, move |store| store.replace(record.to_string()));
    realm.get(&client).await.unwrap();
    assert_eq!(realm.last_access(), access);
    assert_eq!(store.record()["access"], access);
    // Where what the winner stored is of no use, it is written over.
    realm.clock.advance(HOUR);
    store.before(2, |store| store.replace("{}"));
    realm.get(&client).await.unwrap();
    assert_eq!(realm.last_access(), store.record()["access"].as_str().unwrap());
}

#[tokio::test]
async fn who_is_refused_because_another_was_first_takes_the_stored_token() {
    for password in [false, true] {
        let realm = Realm::new().await;
        let store = Arc::new(MemoryStore::default());
        let oauth2 = if password { realm.password() } else { realm.consented() };
        let client = restarted(&realm, &store, &oauth2);
        realm.get(&client).await.unwrap();
        realm.clock.advance(HOUR);
        // The other one's tokens are of another consent, so that the twin does not end both.
        let (access, mut record) = of_another(&realm, &realm.password()).await;
        record["identity"] = store.record()["identity"].clone();
        let refused = Answer::json(400, &json!({"error": "invalid_grant"}));
        realm.server.script().on("token", 1, Fault::Instead(refused));
        let before = realm.server.asked("password");
        store.before(2, move |store| store.replace(record.to_string()));
        realm.get(&client).await.unwrap();
        assert_eq!((realm.last_access(), realm.server.asked("password")), (access, before));
    }
}

#[tokio::test]
async fn only_what_rotates_is_stored_by_tenant_and_under_no_secret() {
    let realm = Realm::of(Twin::lasting_refresh_tokens).await;
    let store = Arc::new(MemoryStore::default());
    let layer = process(&realm, &store);
    // A refresh token that stays as it is configured need not lie in the store.
    for oauth2 in [realm.client_credentials(), realm.consented()] {
        realm.get(&realm.client(&layer, oauth2)).await.unwrap();
        assert!(store.entries.lock().unwrap().is_empty());
    }
    // Also where it is said again in every answer, as ServiceNow does.
    let seed = realm.server.consent("bot");
    let oauth2 = realm.refresh_token(&seed);
    let repeat = move |_: &_, answer: Answer| {
        let mut body: Value = serde_json::from_slice(answer.bytes()).unwrap();
        body["refresh_token"] = json!(seed);
        Answer::json(200, &body)
    };
    realm.server.script().on("token", 1, Fault::Twist(Arc::new(repeat)));
    realm.get(&realm.client(&layer, oauth2)).await.unwrap();
    assert!(store.entries.lock().unwrap().is_empty());
    let client = realm.client(&layer, realm.password());
    for tenant in ["a", "b", "a"] {
        realm.get_for(tenant, &client).await.unwrap();
    }
    let entries = store.entries.lock().unwrap().clone();
    assert_eq!((entries.len(), realm.server.granted("password")), (2, 2));
    for (key, value) in entries {
        assert!(leaks(&key, [CLIENT_SECRET, PASSWORD, "cnry", "ann", "bot"]).is_empty());
        assert!(leaks(&value, [CLIENT_SECRET, PASSWORD]).is_empty());
    }
}
