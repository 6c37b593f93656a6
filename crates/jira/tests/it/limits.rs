//! Limits, credentials that are refused, gateways, and which product it is.

use serde_json::json;
use watchfloor_core::{Kind, Outcome, Stage, TicketKey};
use watchfloor_testkit::{Answer, Fault, Server, TestClock, twins};

use super::{BASIC, BOTH, Product, World, connector, entries, scope};

fn limited(reason: &str, seconds: u64) -> Fault {
    let reset = "2026-11-24T09:00:00Z".parse().unwrap();
    Fault::Instead(twins::Jira::limited(reason, seconds, reset))
}

#[tokio::test]
async fn a_limit_is_waited_for_where_it_is_short() {
    for reason in ["jira-burst-based", "jira-per-issue-on-write", "jira-quota-tenant-based"] {
        let w = World::new(Product::Cloud).await;
        w.site.script().on("create", 1, limited(reason, 3));
        w.ticket("wf-1").await;
        assert!(w.clock.elapsed().as_secs() >= 3, "{reason}");
        assert_eq!((w.site.held().len(), w.count("create")), (1, 2));
    }
}

#[tokio::test]
async fn t12_a_quota_holds_all_calls_up_and_a_burst_that_request_alone() {
    for (reason, waits) in [("jira-quota-global-based", true), ("jira-burst-based", false)] {
        let w = World::new(Product::Cloud).await;
        let id = w.ticket("wf-1").await;
        for nth in 1..=20 {
            w.site.script().on("comments", nth, limited(reason, 1847));
        }
        let marker = watchfloor_core::Marker::derive("a", "b");
        let error = w.desk.has_comment(&w.call(), &id, &marker).await.unwrap_err();
        assert_eq!(error.kind(), Kind::RateLimited);
        let from = w.clock.elapsed();
        let _ = w.desk.get(&w.call(), &id).await;
        assert_eq!(w.clock.elapsed() > from, waits, "{reason}");
    }
}

#[tokio::test]
async fn what_is_announced_for_later_and_tokens_that_are_left_hold_nobody_up() {
    for product in BOTH {
        let w = World::new(product).await;
        for n in 0..5 {
            w.ticket(&format!("wf-{n}")).await;
        }
        assert_eq!(w.clock.elapsed().as_millis(), 0);
    }
}

#[tokio::test]
async fn a_captcha_ends_all_requests_with_the_credential() {
    let challenge = || {
        Answer::new(403)
            .header("x-authentication-denied-reason", "CAPTCHA_CHALLENGE; login-url=https://x")
            .header("x-seraph-loginreason", "AUTHENTICATION_DENIED")
    };
    let w = World::new(Product::DataCenter).await;
    let id = w.ticket("wf-1").await;
    w.site.script().on("read", 1, Fault::Instead(challenge()));
    let error = w.desk.get(&w.call(), &id).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthenticated);
    assert!(error.to_string().contains("CAPTCHA"), "{error}");
    let sent = w.site.log().all().len();
    let again = w.desk.get(&w.call(), &id).await.unwrap_err();
    assert_eq!(again.kind(), Kind::Unauthenticated);
    let draft = w.scope.draft(TicketKey::given("wf-2"), "s");
    assert!(w.desk.open(&w.call(), &draft).await.is_err());
    assert_eq!(w.site.log().all().len(), sent, "each one more would lengthen the lock");
    // A person has logged in meanwhile.
    w.clock.advance(std::time::Duration::from_secs(16 * 60));
    w.desk.get(&w.call(), &id).await.unwrap();
}

#[tokio::test]
async fn t28_no_comment_and_no_move_is_believed_after_the_token_expired() {
    for product in BOTH {
        for operation in ["comments", "read", "transitions", "edit", "create"] {
            let w = World::new(product).await;
            let id = w.ticket("wf-1").await;
            w.site.script().on(operation, 1, Fault::ExpireCredential);
            let marker = watchfloor_core::Marker::derive("a", "b");
            let mut change = watchfloor_core::TicketPatch::new();
            change.summary = Some("other".into());
            let draft = w.scope.draft(TicketKey::given("wf-2"), "s");
            let error = match operation {
                "comments" => w.desk.has_comment(&w.call(), &id, &marker).await.map(drop),
                "edit" => w.desk.update(&w.call(), &id, &change).await.map(drop),
                "create" => w.desk.open(&w.call(), &draft).await.map(drop),
                _ => {
                    let to = watchfloor_core::StatusCategory::Done;
                    let with = watchfloor_core::TicketPatch::new();
                    w.desk.transition(&w.call(), &id, to, &with).await.map(drop)
                }
            };
            let error = error.unwrap_err();
            assert_eq!(error.kind(), Kind::Unauthenticated, "{product:?} {operation}: {error}");
            assert_eq!(error.outcome(), Outcome::Rejected);
        }
    }
}

#[tokio::test]
async fn a_site_is_asked_once_what_it_is_and_again_when_it_did_not_say() {
    for product in BOTH {
        let w = World::new(product).await;
        w.site.script().on("server", 1, Fault::status(404));
        let draft = w.scope.draft(TicketKey::given("wf-1"), "s");
        assert!(w.desk.open(&w.call(), &draft).await.is_err());
        w.ticket("wf-1").await;
        w.ticket("wf-2").await;
        assert_eq!(w.count("server"), 2);
        let told = World::with(product, |s| s, |e| e["flavor"] = json!(product.flavor())).await;
        told.ticket("wf-1").await;
        assert_eq!(told.count("server"), 0);
        let roots: Vec<_> = told.site.log().all();
        assert!(roots.iter().all(|r| r.request.path.contains(product.root())));
    }
}

#[tokio::test]
async fn a_flavor_that_is_wrong_is_an_error_and_no_empty_result() {
    let w = World::with(Product::Cloud, |s| s, |e| e["flavor"] = json!("data_center")).await;
    let draft = w.scope.draft(TicketKey::given("wf-1"), "s");
    let error = w.desk.open(&w.call(), &draft).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported, "{error}");
    assert!(w.site.held().is_empty());
}

#[tokio::test]
async fn a_gateway_takes_scoped_tokens_and_people_are_led_to_the_site() {
    let clock = std::sync::Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let site = twins::Jira::new(clock.clone(), BASIC).context("/ex/jira/c-1").project("SEC", &[]);
    let site = Server::start(site, clock.clone()).await.unwrap();
    let mut entries = entries(&format!("{}/ex/jira/c-1", site.url().trim_end_matches('/')));
    let scope = scope(clock.clone());
    let draft = scope.draft(TicketKey::given("wf-1"), "s");
    let url = |entries: &serde_json::Value| {
        let desk = connector(clock.clone(), entries).desk.unwrap();
        let (call, draft) = (scope.call(), draft.clone());
        async move { desk.open(&call, &draft).await.unwrap().ticket().url.clone().unwrap() }
    };
    assert_eq!(url(&entries).await, "https://twin.example/browse/SEC-1");
    entries["flavor"] = json!("cloud");
    assert_eq!(url(&entries).await, "https://twin.example/browse/SEC-1");
    entries["browse_url"] = json!("https://jira.acme.example/x");
    assert_eq!(url(&entries).await, "https://jira.acme.example/x/browse/SEC-1");
    // Another token than the gateway knows.
    entries["auth"]["username"] = json!("other@example.com");
    let desk = connector(clock.clone(), &entries).desk.unwrap();
    let health = desk.check(&scope.call()).await;
    let (stage, why) = health.failure().unwrap();
    assert_eq!(stage, Stage::Authenticated);
    assert!(why.contains("scope"), "{why}");
}

#[tokio::test]
async fn every_request_asks_for_english_and_writes_carry_the_token() {
    for product in BOTH {
        let w = World::new(product).await;
        w.ticket("wf-1").await;
        for sent in w.site.log().all() {
            assert_eq!(sent.request.header("accept-language"), Some("en"), "{}", sent.operation);
            let token = sent.request.header("x-atlassian-token");
            assert_eq!(token.is_some(), sent.request.method != "GET", "{}", sent.operation);
        }
    }
}
