use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use watchfloor_core::{Kind, Outcome, TicketKey};
use watchfloor_testkit::{Answer, Fault, Server, TestClock, leaks, twins};

use super::world::world;
use super::{SECRET, connector, scope, with_basic};

#[tokio::test]
async fn t03_an_expired_token_is_renewed_once_and_the_request_goes_again_byte_for_byte() {
    let w = world().await;
    w.instance.script().on("create", 1, Fault::ExpireCredential);
    w.open("wf-1").await.unwrap();
    assert_eq!(w.instance.tokens_given(), 2);
    let created = w.instance.log().of("create");
    assert_eq!(created.len(), 2);
    assert_eq!(created[0].request.body, created[1].request.body);
    assert_eq!(created[0].request.query, created[1].request.query);
    assert_eq!(w.instance.held("incident").len(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let instance = twins::ServiceNow::new(clock.clone(), "watchfloor", "another");
    let instance = Server::start(instance, clock.clone()).await.unwrap();
    let desk = connector(clock.clone(), &with_basic(&instance.url())).desk.unwrap();
    let scope = scope(clock);
    let draft = scope.draft(TicketKey::given("wf-1"), "x");
    let error = desk.open(&scope.call(), &draft).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (Kind::Unauthenticated, Outcome::Rejected));
    assert_eq!(instance.log().all().len(), 1, "five failures lock the user out");
    assert!(leaks(format!("{error} {error:?} {desk:?}").as_bytes(), [SECRET]).is_empty());
}

#[tokio::test]
async fn a_refresh_token_that_expired_is_refused_like_a_wrong_secret() {
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let inside = twins::ServiceNow::new(clock.clone(), "", "").accept("Basic inside");
    let instance = twins::OAuth::before(inside, clock.clone())
        .client("watchfloor", SECRET)
        .user("bot", SECRET)
        .product_takes("Basic inside");
    let instance = Server::start(instance, clock.clone()).await.unwrap();
    let (url, secret) = (instance.url(), json!({ "env": "SECRET" }));
    let auth = json!({
        "type": "oauth2", "grant": "password", "token_url": format!("{url}oauth/token"),
        "client_id": "watchfloor", "client_secret": secret, "username": "bot", "password": secret,
    });
    let ports = connector(clock.clone(), &json!({ "url": url, "auth": auth }));
    let (desk, scope) = (ports.desk.unwrap(), scope(clock.clone()));
    let find = async || desk.find(&scope.call(), &TicketKey::given("wf-1")).await;
    find().await.unwrap();
    clock.advance(Duration::from_secs(3600));
    let refused = json!({ "error_description": "access_denied", "error": "server_error" });
    instance.script().on("token", 1, Fault::Instead(Answer::json(401, &refused)));
    find().await.unwrap();
    assert_eq!(instance.granted("password"), 2, "it went on with the password");
    assert_eq!(instance.script().count("token"), 3);
}

/// How often a desk with this `auth` finds nothing where nothing is, before and after the time.
async fn finds(
    twin: impl FnOnce(twins::ServiceNow) -> twins::ServiceNow,
    auth: impl FnOnce(&str, &twins::ServiceNow) -> Value,
    later: Duration,
) -> Server<twins::ServiceNow> {
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let instance = twin(twins::ServiceNow::new(clock.clone(), "watchfloor", SECRET));
    let instance = Server::start(instance, clock.clone()).await.unwrap();
    let url = instance.url();
    let auth = auth(&format!("{url}oauth_token.do"), &instance);
    let desk = connector(clock.clone(), &json!({ "url": url, "auth": auth })).desk.unwrap();
    let scope = scope(clock.clone());
    for _ in 0..2 {
        desk.find(&scope.call(), &TicketKey::given("wf-1")).await.unwrap();
        clock.advance(later);
    }
    instance
}

#[tokio::test]
async fn the_grants_password_and_refresh_token_renew_what_expires() {
    let secret = json!({ "env": "SECRET" });
    let password = |url: &str, _: &twins::ServiceNow| {
        json!({
            "type": "oauth2", "grant": "password", "token_url": url, "client_id": "watchfloor",
            "client_secret": secret, "username": "bot", "password": secret,
        })
    };
    let hour = Duration::from_secs(3600);
    for rotating in [false, true] {
        let user = |twin: twins::ServiceNow| {
            let twin = twin.user("bot", SECRET);
            if rotating { twin.rotating_refresh_tokens() } else { twin }
        };
        let instance = finds(user, password, hour).await;
        assert_eq!(instance.tokens_given(), 2);
        let asked = instance.log().of("token");
        let second = String::from_utf8(asked[1].request.body.to_vec()).unwrap();
        assert!(second.contains("grant_type=refresh_token"), "it did not say the password again");
    }
}

#[tokio::test]
async fn an_api_key_goes_in_the_header_of_servicenow() {
    let key =
        |_: &str, _: &twins::ServiceNow| json!({ "type": "api_key", "key": { "env": "SECRET" } });
    let instance = finds(|twin| twin.api_key(SECRET), key, Duration::ZERO).await;
    for asked in instance.log().all() {
        assert_eq!(asked.request.header("x-sn-apikey"), Some(SECRET));
        assert_eq!(asked.request.header("authorization"), None);
        assert!(!asked.request.query.contains(SECRET));
    }
}
