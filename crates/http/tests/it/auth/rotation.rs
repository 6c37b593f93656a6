//! Grants, and refresh tokens that are good for one use.

use std::time::Duration;

use watchfloor_core::{Kind, Outcome, Secret};
use watchfloor_http::{Assertion, ClientAuth, OAuth2};
use watchfloor_testkit::{Answer, Fault};

use super::realm::{CLIENT_SECRET, PASSWORD, Realm, Twin};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn t04_a_hundred_callers_with_an_expired_token_ask_once() {
    let grants = ["client_credentials", "password", "refresh_token", "jwt_bearer"];
    for (nth, grant) in grants.into_iter().enumerate() {
        let realm = Realm::new().await;
        let oauth2 = match nth {
            0 => realm.client_credentials(),
            1 => realm.password(),
            2 => realm.consented(),
            _ => {
                let key = Secret::new(realm.server.trust("bot", "here", None, true));
                OAuth2::jwt_bearer(realm.token_url(), Assertion::new(key, "bot", "here"))
            }
        };
        let client = realm.client(&realm.layer(), oauth2);
        realm.get(&client).await.unwrap();
        let count = || realm.server.script().count("token");
        assert_eq!(count(), 1, "{grant}");
        realm.clock.advance(HOUR);
        realm.all_served(&client, 100).await;
        assert_eq!(count(), 2, "{grant}: expired");
        // And where the product takes it back early: a 401 for each of them, on a token that holds.
        realm.server.revoke();
        let before = realm.server.script().count("item");
        realm.all_served(&client, 100).await;
        assert_eq!(count(), 3, "{grant}: taken back");
        assert_eq!(realm.server.script().count("item") - before, 200, "{grant}");
        // Each refresh token was sent once, else all of them would be dead.
        assert_eq!(realm.server.live_refresh_tokens(), usize::from(nth == 1 || nth == 2));
        let refreshes = [0, 2, 3, 0][nth];
        assert_eq!(realm.server.granted("refresh_token"), refreshes, "{grant}");
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_is_sent_once_and_the_newest_next() {
    let realm = Realm::new().await;
    let client = realm.client(&realm.layer(), realm.consented());
    for _ in 0..4 {
        realm.get(&client).await.unwrap();
        realm.clock.advance(HOUR);
    }
    let mut sent = realm.sent("refresh_token");
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 4);
    assert_eq!(realm.server.granted("refresh_token"), 4);
    // When the newest is refused, no older one is tried.
    realm.server.revoke_refresh_tokens();
    let e = realm.get(&client).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::Unauthenticated, Outcome::NotSent));
    assert!(e.to_string().contains("invalid_grant"), "{e}");
    assert_eq!(realm.server.asked("refresh_token"), 5);
}

#[tokio::test]
async fn an_answer_without_a_new_refresh_token_leaves_the_old_one() {
    let realm = Realm::of(Twin::lasting_refresh_tokens).await;
    for oauth2 in [realm.password(), realm.consented()] {
        let client = realm.client(&realm.layer(), oauth2);
        for _ in 0..3 {
            realm.get(&client).await.unwrap();
            realm.clock.advance(HOUR);
        }
    }
    assert_eq!(realm.server.granted("password"), 1);
    assert_eq!(realm.server.granted("refresh_token"), 2 + 3);
}

#[tokio::test]
async fn a_refused_refresh_token_falls_back_to_the_password_once() {
    let realm = Realm::new().await;
    let client = realm.client(&realm.layer(), realm.password());
    let asked = || ["password", "refresh_token"].map(|grant| realm.server.asked(grant));
    realm.get(&client).await.unwrap();
    realm.clock.advance(HOUR);
    realm.get(&client).await.unwrap();
    assert_eq!(asked(), [1, 1]);
    realm.server.revoke_refresh_tokens();
    realm.clock.advance(HOUR);
    realm.get(&client).await.unwrap();
    assert_eq!(asked(), [2, 2]);
    // The new one is used again.
    realm.clock.advance(HOUR);
    realm.get(&client).await.unwrap();
    assert_eq!(asked(), [2, 3]);
    // ServiceNow's word for a refresh token that has expired.
    realm.clock.advance(HOUR);
    let refused =
        serde_json::json!({"error_description": "access_denied", "error": "server_error"});
    realm.server.script().on("token", 1, Fault::Instead(Answer::json(401, &refused)));
    realm.get(&client).await.unwrap();
    assert_eq!(asked(), [3, 3]);
}

#[tokio::test]
async fn the_password_is_not_presented_for_what_it_cannot_mend() {
    for (answer, kind) in [
        (Answer::json(401, &serde_json::json!({"error": "invalid_client"})), Kind::Unauthenticated),
        (Answer::json(400, &serde_json::json!({"error": "invalid_scope"})), Kind::Config),
        (Answer::new(404), Kind::NotFound),
    ] {
        let realm = Realm::new().await;
        let client = realm.client(&realm.layer(), realm.password());
        realm.get(&client).await.unwrap();
        realm.clock.advance(HOUR);
        realm.server.script().on("token", 1, Fault::Instead(answer));
        let e = realm.get(&client).await.unwrap_err();
        assert_eq!((e.kind(), realm.server.asked("password")), (kind, 1));
    }
}

#[tokio::test]
async fn a_refused_credential_rests_so_that_no_account_is_locked() {
    let realm = Realm::new().await;
    let client = realm.client(&realm.layer(), realm.with_password("cnry-old"));
    let asked = || realm.server.asked("password");
    for (wait, expected) in [(0, 1), (59, 1), (1, 2), (119, 2), (1, 3), (239, 3), (1, 4)] {
        realm.clock.advance(Duration::from_secs(wait));
        for _ in 0..3 {
            let e = realm.get(&client).await.unwrap_err();
            assert_eq!((e.kind(), e.outcome()), (Kind::Unauthenticated, Outcome::NotSent));
        }
        assert_eq!(asked(), expected, "after {wait} s more");
    }
    for _ in 0..20 {
        realm.clock.advance(HOUR);
        realm.get(&client).await.unwrap_err();
    }
    assert_eq!(asked(), 4 + 20, "never rarer than hourly");
    // What was put right is seen, and the next refusal begins anew.
    realm.server.set_password("ann", "cnry-old");
    realm.clock.advance(HOUR);
    realm.get(&client).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_costs_the_password_not_the_call() {
    let realm = Realm::new().await;
    let client = realm.client(&realm.layer(), realm.password());
    for fault in [Fault::ResetAfter, Fault::HalfBody, Fault::After(Answer::new(503))] {
        realm.get(&client).await.unwrap();
        realm.clock.advance(HOUR);
        realm.server.script().on("token", 1, fault);
        realm.get(&client).await.unwrap();
    }
    // Each time the refresh token was used up, and its twin killed all that came of it.
    assert_eq!(realm.server.granted("password"), 1 + 3);
}

#[tokio::test]
async fn t37_the_rotated_token_lands_though_who_asked_has_gone() {
    let realm = Realm::new().await;
    let client = realm.client(&realm.layer(), realm.consented());
    realm.get(&client).await.unwrap();
    realm.clock.advance(HOUR);
    let mut call = Box::pin(realm.get(&client));
    let asked = || realm.server.script().count("token");
    // Its future is dropped between the token endpoint's work and the answer's arrival.
    while asked() < 2 {
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx)));
        assert!(polled.await.is_pending());
        tokio::task::yield_now().await;
    }
    drop(call);
    realm.get(&client).await.unwrap();
    assert_eq!((asked(), realm.server.live_refresh_tokens()), (2, 1));
    realm.clock.advance(HOUR);
    realm.get(&client).await.unwrap();
    assert_eq!(realm.server.granted("refresh_token"), 3);
}

#[tokio::test]
async fn each_grant_is_written_as_the_standard_says() {
    let realm = Realm::of(|twin| twin.public_client("public").client("b:t ü", "s:€ +")).await;
    let layer = realm.layer();
    let field = |name| realm.sent(name).pop().unwrap();
    let header = || {
        let last = realm.token_requests().pop().unwrap();
        last.request.header("authorization").map(str::to_owned)
    };

    let with = realm.client_credentials().scope("a b").param("audience", "api").param("x", "ü&");
    realm.get(&realm.client(&layer, with)).await.unwrap();
    let fields = ["grant_type", "client_id", "client_secret", "scope", "audience", "x"];
    let expected = ["client_credentials", "bot", CLIENT_SECRET, "a b", "api", "ü&"];
    assert_eq!(fields.map(field), expected.map(|text| Some(text.to_owned())));
    assert_eq!(header(), None);

    let in_header = realm.client_credentials().client_auth(ClientAuth::Basic);
    let in_header = in_header.client("b:t ü", Some(Secret::new("s:€ +")));
    realm.get(&realm.client(&layer, in_header)).await.unwrap();
    assert_eq!((field("client_id"), field("client_secret")), (None, None));
    assert_eq!(header().as_deref(), Some("Basic YiUzQXQrJUMzJUJDOnMlM0ElRTIlODIlQUMrJTJC"));

    let password = realm.password().scope("a").param("resource", "r");
    let client = realm.client(&layer, password);
    realm.get(&client).await.unwrap();
    let fields = ["grant_type", "username", "password", "scope", "resource"];
    let expected = ["password", "ann", PASSWORD, "a", "r"];
    assert_eq!(fields.map(field), expected.map(|text| Some(text.to_owned())));
    realm.clock.advance(HOUR);
    realm.get(&client).await.unwrap();
    // A refresh asks for what was granted.
    assert_eq!([field("password"), field("username"), field("scope")], [None, None, None]);
    assert_eq!(field("resource").as_deref(), Some("r"));

    let token = Secret::new(realm.server.consent("public"));
    let public = OAuth2::refresh_token(realm.token_url(), token).client("public", None);
    realm.get(&realm.client(&layer, public.scope("a"))).await.unwrap();
    assert_eq!((field("client_id").as_deref(), field("client_secret")), (Some("public"), None));
    assert_eq!(field("scope").as_deref(), Some("a"));
}

#[tokio::test]
async fn an_assertion_is_signed_anew_for_every_token() {
    let realm = Realm::new().await;
    let layer = realm.layer();
    for es256 in [true, false] {
        let key = Secret::new(realm.server.trust("iss", "aud", Some("k1"), es256));
        let assertion = Assertion::new(key, "iss", "aud").key_id("k1").subject("ann");
        let bearer = |assertion: &Assertion| {
            OAuth2::jwt_bearer(realm.token_url(), assertion.clone())
                .client("bot", Some(Secret::new(CLIENT_SECRET)))
        };
        let client = realm.client(&layer, bearer(&assertion));
        for _ in 0..2 {
            // The twin takes no assertion twice.
            realm.get(&client).await.unwrap();
            realm.clock.advance(HOUR);
        }
        let wrong = Assertion::clone(&assertion).key_id("k2");
        let e = realm.get(&realm.client(&layer, bearer(&wrong))).await.unwrap_err();
        assert_eq!(e.kind(), Kind::Unauthenticated);
    }
    let assertions = realm.sent("assertion");
    let decoded = |nth: usize, part: usize| -> serde_json::Value {
        use base64::Engine as _;
        let part = assertions[nth].as_deref().unwrap().split('.').nth(part).unwrap();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let [es, rs] = [0, 3].map(|nth| decoded(nth, 0)["alg"].clone());
    assert_eq!((es, rs), ("ES256".into(), "RS256".into()));
    let claims = decoded(0, 1);
    assert_eq!((&claims["sub"], claims["exp"].as_i64()), (&"ann".into(), Some(1_795_507_500)));
    assert_eq!(claims["iat"], 1_795_507_200);
}
