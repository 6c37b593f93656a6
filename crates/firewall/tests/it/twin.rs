//! The controller over PAN-OS, against the twin of a firewall and everything that can go wrong.

use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::block::{Applied, BlockVerdict, Facts, GuardConfig};
use watchfloor_core::{
    Attribution, BlockRequest, Blocklist, Connector as _, Guard, Kind, Lease, Outcome, Secret,
    Stage, Target,
};
use watchfloor_firewall::Controller;
use watchfloor_firewall::pan_os::{PanOs, PanOsConfig};
use watchfloor_http::Layer;
use watchfloor_testkit::twins::{self, Registered};
use watchfloor_testkit::{Answer, Fault, Server, TestClock, leaks};

use crate::device::{call, clock};

const KEY: &str = "cnry-0123456789abcdef";
const HOUR: Duration = Duration::from_hours(1);

struct Edge {
    twin: Server<twins::PanOs>,
    clock: TestClock,
    controller: Controller<PanOs>,
}

async fn edge_of(twin: impl FnOnce(twins::PanOs) -> twins::PanOs) -> Edge {
    let clock = clock();
    let firewall = twin(twins::PanOs::new(Arc::new(clock.clone()), KEY));
    let twin = Server::start(firewall, Arc::new(clock.clone())).await.unwrap();
    let config = PanOsConfig::new(twin.url().parse().unwrap(), Secret::new(KEY));
    let mut settings = PanOs::settings();
    // Real time: how long a test waits for an answer that never comes.
    settings.attempt_timeout = Duration::from_millis(300);
    let layer = Layer::new(Arc::new(clock.clone()));
    let device = PanOs::connect(&layer, &"edge".into(), config, settings).unwrap();
    let guard = Arc::new(Guard::new("edge".into(), GuardConfig::new()));
    let facts = Arc::new(Facts::new());
    let controller = Controller::new(device, guard, facts, Arc::new(clock.clone()));
    Edge { twin, clock, controller }
}

async fn edge() -> Edge {
    edge_of(|twin| twin).await
}

fn target(text: &str) -> Target {
    text.parse().unwrap()
}

fn want(text: &str, ttl: Duration) -> BlockRequest {
    BlockRequest::new(target(text), Attribution::Peer, Lease::For(ttl), "why", "soc")
}

fn words(applied: &Applied) -> Vec<&'static str> {
    applied.items.iter().map(|(_, verdict)| verdict.as_str()).collect()
}

impl Edge {
    async fn block(&self, want: Vec<BlockRequest>) -> Applied {
        match self.controller.plan(&call(), want.clone()).await {
            Ok(plan) => self.controller.apply(&call(), plan).await,
            Err(e) => Applied::failed(want.iter().map(|r| r.target), e),
        }
    }

    fn held(&self, text: &str) -> Option<Registered> {
        self.twin.held().into_iter().find(|held| held.ip == text)
    }
}

#[tokio::test]
async fn a_block_ends_on_the_device_when_it_is_said_to_end() {
    let edge = edge().await;
    let applied = edge.block(vec![want("203.0.113.7", HOUR), want("198.51.100.0/24", HOUR)]).await;
    assert_eq!(words(&applied), ["enforced", "enforced"]);
    let held = edge.held("203.0.113.7").unwrap();
    assert_eq!(held.tag, "watchfloor");
    assert_eq!(held.expires, applied.expires(&target("203.0.113.7")));
    assert_eq!(edge.controller.list(&call()).await.unwrap().len(), 2);
    edge.clock.advance(HOUR);
    assert!(edge.twin.held().is_empty());
    assert!(edge.controller.list(&call()).await.unwrap().is_empty());
}

#[tokio::test]
async fn t12_an_extension_is_longer_on_the_device() {
    let edge = edge().await;
    assert!(edge.block(vec![want("203.0.113.7", HOUR)]).await.is_good());
    let longer = edge.block(vec![want("203.0.113.7", 2 * HOUR)]).await;
    assert_eq!(words(&longer), ["enforced"]);
    let held = edge.held("203.0.113.7").unwrap();
    assert_eq!(held.expires, longer.expires(&target("203.0.113.7")));
    let listed = edge.controller.list(&call()).await.unwrap();
    assert_eq!(listed[0].expires, held.expires);
}

#[tokio::test]
async fn others_entries_are_not_touched() {
    let edge = edge().await;
    edge.twin.register("203.0.113.7", "somebody-else", None);
    edge.twin.register("203.0.113.8", "watchfloor", None);
    assert_eq!(edge.controller.list(&call()).await.unwrap().len(), 1);
    let applied = edge.block(vec![want("203.0.113.7", HOUR), want("203.0.113.8", HOUR)]).await;
    assert_eq!(words(&applied), ["already_present", "enforced"]);
    let released = edge.controller.release(&call(), &[target("203.0.113.7")], "soc").await;
    assert_eq!(words(&released), ["released"]);
    assert_eq!(edge.held("203.0.113.7").unwrap().tag, "somebody-else");
    assert_eq!(edge.held("203.0.113.8").unwrap().expires, None, "its end is not changed");
}

#[tokio::test]
async fn t01_more_than_three_pages_are_listed_once_each() {
    let edge = edge().await;
    for n in 0..1750 {
        edge.twin.register(&format!("198.51.{}.{}", n / 250, n % 250), "watchfloor", None);
    }
    assert_eq!(edge.controller.list(&call()).await.unwrap().len(), 1750);
    assert_eq!(edge.twin.script().count("list"), 4);
}

#[tokio::test]
async fn t27_what_the_device_has_no_room_for_failed_and_the_rest_is_enforced() {
    let edge = edge_of(|twin| twin.capacity(1)).await;
    let applied = edge.block(vec![want("203.0.113.7", HOUR), want("203.0.113.8", HOUR)]).await;
    assert_eq!(words(&applied), ["enforced", "failed"]);
    assert!(applied.items[1].1.reason().unwrap().contains("want of room"), "{applied:?}");
}

#[tokio::test]
async fn t06_a_lost_answer_is_looked_up_and_not_sent_again() {
    for fault in [Fault::ResetAfter, Fault::HalfBody, Fault::Hang, Fault::After(bad_gateway())] {
        let edge = edge().await;
        edge.twin.script().on("register", 1, fault.clone());
        let applied = edge.block(vec![want("203.0.113.7", HOUR)]).await;
        assert_eq!(words(&applied), ["enforced"], "{fault}");
        assert_eq!(edge.twin.script().count("register"), 1, "{fault}");
        let expires = edge.held("203.0.113.7").unwrap().expires;
        assert_eq!(expires, applied.expires(&target("203.0.113.7")), "{fault}");
    }
}

fn bad_gateway() -> Answer {
    Answer::new(502).body("text/html", "<html>proxy</html>")
}

#[tokio::test]
async fn t06_a_lost_request_is_sent_again_after_the_look_up() {
    let edge = edge().await;
    edge.twin.script().on("register", 1, Fault::ResetBefore);
    let applied = edge.block(vec![want("203.0.113.7", HOUR)]).await;
    assert_eq!(words(&applied), ["enforced"]);
    assert_eq!(edge.twin.script().count("register"), 2);
    let asked: Vec<_> = edge.twin.log().all().iter().map(|l| l.operation).collect();
    let first = asked.iter().position(|o| *o == "register").unwrap();
    assert_eq!(asked[first + 1], "list", "between the two: {asked:?}");
}

#[tokio::test]
async fn t27_an_expired_key_is_an_error_and_makes_no_new_one() {
    let edge = edge().await;
    edge.twin.script().on("list", 1, Fault::ExpireCredential);
    let e = edge.controller.plan(&call(), vec![want("203.0.113.7", HOUR)]).await.unwrap_err();
    assert_eq!(e.kind(), Kind::Unauthenticated);
    assert_eq!(edge.twin.log().all().len(), 1, "a static key is tried once");
    let health = edge.controller.check(&call()).await;
    assert_eq!(health.failure().unwrap().0, Stage::Authenticated);
    assert_eq!(edge.twin.script().count("keygen"), 0);
}

#[tokio::test]
async fn a_check_tells_a_missing_right_from_a_bad_key() {
    let edge = edge().await;
    assert!(edge.controller.check(&call()).await.is_good());
    edge.twin.forbid();
    assert_eq!(edge.controller.check(&call()).await.failure().unwrap().0, Stage::Authorised);
}

/// Whatever goes wrong at whatever call: what is said is what is so.
#[tokio::test]
async fn every_fault_at_every_call_leaves_a_true_verdict() {
    let faults = [
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::HalfBody,
        Fault::status(500),
        Fault::retry_after(429, 3600),
        Fault::retry_after(503, 7),
        Fault::html(502),
        Fault::html(200),
        Fault::After(bad_gateway()),
        Fault::ExpireCredential,
    ];
    let mut ran = 0;
    for (operation, nth) in [
        ("list", 1),
        ("list", 2),
        ("list", 3),
        ("register", 1),
        ("register", 2),
        ("unregister", 1),
        ("list", 6),
    ] {
        for fault in &faults {
            let edge = edge().await;
            edge.twin.script().on(operation, nth, fault.clone());
            let mut said = Vec::new();
            for ttl in [HOUR, 2 * HOUR] {
                let (before, begun) = (edge.held("203.0.113.7"), edge.clock.elapsed());
                let applied = edge.block(vec![want("203.0.113.7", ttl)]).await;
                let case = format!("{operation} #{nth}: {fault}, {ttl:?}");
                let took = edge.clock.elapsed().saturating_sub(begun);
                let now = edge.held("203.0.113.7");
                check(&applied, before.as_ref(), now.as_ref(), took, &case);
                said.push(format!("{applied:?}"));
            }
            let said = said.concat();
            assert!(leaks(said.as_bytes(), [KEY]).is_empty(), "{said}");
            ran += 1;
        }
    }
    assert_eq!(ran, 70);
}

fn check(
    applied: &Applied,
    before: Option<&Registered>,
    now: Option<&Registered>,
    took: Duration,
    case: &str,
) {
    let (target, verdict) = &applied.items[0];
    match verdict {
        BlockVerdict::Enforced | BlockVerdict::Accepted => {
            let held = now.unwrap_or_else(|| panic!("{case}: said enforced, is not there"));
            let (said, ends) = (applied.expires(target).unwrap(), held.expires.unwrap());
            // The device counts from when the request arrives.
            let latest = said.saturating_add(took);
            assert!(said <= ends && ends <= latest, "{case}: said {said}, ends {ends}");
        }
        BlockVerdict::AlreadyPresent => assert!(now.is_some(), "{case}"),
        BlockVerdict::Failed(e) if e.outcome() == Outcome::Unknown => {}
        // It holds what it held before, or nothing: never what this call was to put there.
        BlockVerdict::Failed(_) => {
            assert!(now.is_none() || now == before, "{case}: said failed, is there");
        }
        other => panic!("{case}: {other:?}"),
    }
}
