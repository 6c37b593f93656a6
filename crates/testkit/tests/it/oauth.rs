//! The authorization server is as strict as the standards.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use watchfloor_testkit::{Answer, Fault, Request, TestClock, Twin, twins};

fn clock() -> TestClock {
    TestClock::at("2026-11-24T08:00:00Z".parse().unwrap())
}

fn twin(clock: &TestClock) -> twins::OAuth<twins::Hec> {
    twins::OAuth::before(twins::Hec::new("inside"), Arc::new(clock.clone()))
        .client("bot", "secret")
        .client("other", "secret")
        .public_client("public")
        .user("ann", "pass")
        .scope("read")
        .product_takes("Splunk inside")
}

fn ask(twin: &impl Twin, headers: &[(&str, &str)], form: &str) -> (u16, Value) {
    let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
    all.extend(headers);
    let request = Request::of("POST", "/oauth/token", &all, form.to_owned().into());
    assert_eq!(twin.operation(&request), "token");
    let answer = twin.handle(&request, None);
    (answer.status(), serde_json::from_slice(answer.bytes()).unwrap())
}

fn send(twin: &impl Twin, token: &str, fault: Option<&Fault>) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let path = "/services/collector/event";
    twin.handle(&Request::of("POST", path, &headers, "{\"event\":1}".into()), fault)
}

const BOT: &str = "client_id=bot&client_secret=secret";

#[test]
fn what_is_wrong_is_refused_by_the_standards_code() {
    let twin = twin(&clock());
    for (form, status, code) in [
        ("grant_type=client_credentials", 400, "unauthorized_client"),
        ("grant_type=client_credentials&client_id=public", 400, "unauthorized_client"),
        ("grant_type=client_credentials&client_id=bot", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=bot&client_secret=x", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=nobody&client_secret=x", 401, "invalid_client"),
        (&format!("grant_type=device&{BOT}"), 400, "unsupported_grant_type"),
        (&format!("grant_type=client_credentials&{BOT}&client_id=bot"), 400, "invalid_request"),
        (&format!("grant_type=client_credentials&{BOT}&scope=admin"), 400, "invalid_scope"),
        (&format!("grant_type=password&{BOT}&username=ann&password=x"), 400, "invalid_grant"),
        (&format!("grant_type=password&{BOT}&username=ann"), 400, "invalid_request"),
        (&format!("grant_type=refresh_token&{BOT}&refresh_token=x"), 400, "invalid_grant"),
    ] {
        let (answered, body) = ask(&twin, &[], form);
        assert_eq!((answered, &body["error"]), (status, &code.into()), "{form}");
    }
    assert_eq!((twin.asked("client_credentials"), twin.granted("client_credentials")), (6, 0));
    let both = [("authorization", "Basic Ym90OnNlY3JldA==")];
    let (_, body) = ask(&twin, &both, &format!("grant_type=client_credentials&{BOT}"));
    assert_eq!(body["error"], "invalid_request");
    let (status, body) = ask(&twin, &both, "grant_type=client_credentials&scope=read");
    assert_eq!((status, &body["expires_in"]), (200, &3600.into()));
    assert!(body.get("refresh_token").is_none());
}

#[test]
fn a_used_refresh_token_ends_all_that_was_granted_with_it() {
    let twin = twin(&clock());
    let refresh = |token: &str| {
        ask(&twin, &[], &format!("grant_type=refresh_token&{BOT}&refresh_token={token}"))
    };
    let text = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
    let first = twin.consent("bot");
    let stranger = twin.consent("other");
    assert_eq!(refresh(&stranger).0, 400, "it is another client's");
    let (_, second) = refresh(&first);
    assert_eq!(send(&twin, &text(&second, "access_token"), None).status(), 200);
    assert_eq!(refresh(&first).0, 400);
    assert_eq!(refresh(&text(&second, "refresh_token")).0, 400);
    assert_eq!(send(&twin, &text(&second, "access_token"), None).status(), 401);
    assert_eq!(twin.live_refresh_tokens(), 1, "the other client's");
}

#[test]
fn access_ends_by_the_clock_or_by_word_and_the_product_sees_its_own_credential() {
    let clock = clock();
    let twin = twin(&clock);
    let token = || {
        let (_, body) = ask(&twin, &[], &format!("grant_type=client_credentials&{BOT}"));
        body["access_token"].as_str().unwrap().to_owned()
    };
    let first = token();
    assert_eq!(send(&twin, &first, None).status(), 200);
    assert_eq!(twin.product().held().len(), 1);
    clock.advance(Duration::from_secs(3600));
    assert_eq!(send(&twin, &first, None).status(), 401);
    let second = token();
    assert_eq!(send(&twin, &second, Some(&Fault::ExpireCredential)).status(), 401);
    let third = token();
    twin.revoke();
    let refused = send(&twin, &third, None);
    assert_eq!(refused.status(), 401);
    assert!(refused.headers().contains_key("www-authenticate"));
    assert_eq!(send(&twin, "", None).status(), 401);
    assert_eq!(twin.product().held().len(), 1, "the product was not asked");
}
