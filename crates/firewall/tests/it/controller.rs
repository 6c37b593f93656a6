//! What the controller promises, whatever the device does.

use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::block::{Basis, BlockCaps, BlockVerdict, Facts, GuardConfig, Plan, PlanParts};
use watchfloor_core::{
    Applied, Attribution, BlockRequest, Blocklist, Guard, Kind, Lease, Outcome, Target, Timestamp,
};
use watchfloor_firewall::Controller;
use watchfloor_testkit::TestClock;

use crate::device::{FakeDevice, Fault, call, clock};

const HOUR: Duration = Duration::from_hours(1);

struct Desk {
    device: Arc<FakeDevice>,
    clock: TestClock,
    edge: Controller<Arc<FakeDevice>>,
}

fn desk_over(device: Arc<FakeDevice>, config: GuardConfig) -> Desk {
    let clock = clock();
    let guard = Arc::new(Guard::new("edge".into(), config));
    let edge = Controller::new(device.clone(), guard, Arc::default(), Arc::new(clock.clone()));
    Desk { device, clock, edge }
}

fn desk() -> Desk {
    desk_over(FakeDevice::new(), GuardConfig::new())
}

fn target(text: &str) -> Target {
    text.parse().unwrap()
}

fn by(owner: &str, text: &str, ttl: Duration) -> BlockRequest {
    BlockRequest::new(target(text), Attribution::Peer, Lease::For(ttl), "why", owner)
}

fn want(text: &str) -> BlockRequest {
    by("soc", text, HOUR)
}

fn words(applied: &Applied) -> Vec<(String, &'static str)> {
    applied.items.iter().map(|(t, v)| (t.to_string(), v.as_str())).collect()
}

impl Desk {
    async fn block(&self, want: Vec<BlockRequest>) -> Applied {
        let plan = self.edge.plan(&call(), want).await.unwrap();
        self.edge.apply(&call(), plan).await
    }

    async fn verdict(&self, request: BlockRequest) -> &'static str {
        let applied = self.block(vec![request]).await;
        assert_eq!(applied.items.len(), 1);
        applied.items[0].1.as_str()
    }

    async fn release(&self, text: &str, owner: &str) -> &'static str {
        let applied = self.edge.release(&call(), &[target(text)], owner).await;
        assert_eq!(applied.items.len(), 1);
        applied.items[0].1.as_str()
    }
}

#[tokio::test]
async fn a_plan_changes_nothing() {
    let desk = desk();
    let want = vec![want("203.0.113.7"), want("10.0.0.1"), want("203.0.113.7")];
    let plan = desk.edge.plan(&call(), want).await.unwrap();
    assert_eq!(plan.add().len(), 1);
    let rules: Vec<_> = plan.refused().iter().map(|(_, refusal)| refusal.rule).collect();
    assert_eq!(rules, ["never-block.built-in", "twice-in-plan"]);
    assert!(desk.device.calls().is_empty() && desk.device.targets().is_empty());
}

#[tokio::test]
async fn a_block_is_read_back_and_listed_with_its_end_and_owner() {
    let desk = desk();
    let applied = desk.block(vec![want("203.0.113.7"), want("10.0.0.1")]).await;
    assert_eq!(
        words(&applied),
        [("10.0.0.1".into(), "refused"), ("203.0.113.7".into(), "enforced")]
    );
    assert!(!applied.is_good());
    let listed = desk.edge.list(&call()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].expires, applied.expires(&target("203.0.113.7")));
    assert!(listed[0].expires.is_some() && listed[0].ours);
    assert_eq!(listed[0].owner.as_deref(), Some("soc"));
}

#[tokio::test]
async fn t33_a_claimed_address_is_never_blocked() {
    let desk = desk();
    let mut claimed = want("203.0.113.7");
    claimed.attribution = Attribution::Claimed;
    let applied = desk.block(vec![claimed]).await;
    let BlockVerdict::Refused(refusal) = &applied.items[0].1 else { panic!("{applied:?}") };
    assert_eq!(refusal.rule, "claimed-client");
    assert!(desk.device.targets().is_empty());
}

#[tokio::test]
async fn t31_what_is_protected_is_never_blocked_in_either_direction() {
    let config = GuardConfig::new().with_trusted_proxies([target("198.51.100.7")]);
    let desk = desk_over(FakeDevice::new(), config);
    let targets = ["192.168.1.1", "198.51.100.0/24", "198.51.100.7", "::1", "fe80::1"];
    let applied = desk.block(targets.into_iter().map(want).collect()).await;
    assert!(applied.items.iter().all(|(_, v)| v.as_str() == "refused"), "{applied:?}");
    assert!(desk.device.calls().is_empty());
}

#[tokio::test]
async fn t11_what_the_device_cannot_hold_is_refused_not_narrowed() {
    let desk = desk();
    let applied = desk.block(vec![want("2001:db8::/64"), want("203.0.113.0/24")]).await;
    assert_eq!(
        words(&applied),
        [("2001:db8::/64".into(), "refused"), ("203.0.113.0/24".into(), "enforced")]
    );
    assert_eq!(desk.device.targets(), ["203.0.113.0/24"]);
}

#[tokio::test]
async fn t41_a_plan_whose_basis_changed_is_stale() {
    let desk = desk();
    let want = vec![want("203.0.113.7"), want("203.0.113.8")];
    let plan = desk.edge.plan(&call(), want).await.unwrap();
    desk.device.put("203.0.113.7");
    let applied = desk.edge.apply(&call(), plan).await;
    assert!(applied.items.iter().all(|(_, v)| matches!(v, BlockVerdict::StalePlan)));
    assert_eq!(applied.items.len(), 2);
    let cause = applied.cause.unwrap();
    assert_eq!(cause.kind(), Kind::Conflict);
    assert!(cause.to_string().contains("203.0.113.7 was free"), "{cause}");
    assert!(desk.device.calls().is_empty(), "nothing of it was done");
}

#[tokio::test]
async fn t41_the_second_of_two_plans_for_one_target_is_stale() {
    let desk = desk();
    let first = desk.edge.plan(&call(), vec![want("203.0.113.7")]).await.unwrap();
    let second = desk.edge.plan(&call(), vec![by("b", "203.0.113.7", HOUR)]).await.unwrap();
    assert!(desk.edge.apply(&call(), first).await.is_good());
    let applied = desk.edge.apply(&call(), second).await;
    assert!(matches!(applied.items[0].1, BlockVerdict::StalePlan));
}

#[tokio::test]
async fn t41_a_change_that_concerns_another_target_is_none() {
    let desk = desk();
    let plan = desk.edge.plan(&call(), vec![want("203.0.113.7")]).await.unwrap();
    desk.device.put("203.0.113.99");
    assert!(desk.edge.apply(&call(), plan).await.is_good());
}

#[tokio::test]
async fn what_was_frozen_after_the_plan_is_refused_and_releases_go_on() {
    let desk = desk();
    assert_eq!(desk.verdict(want("203.0.113.1")).await, "enforced");
    let plan = desk.edge.plan(&call(), vec![want("203.0.113.7")]).await.unwrap();
    desk.edge.guard().freeze();
    let applied = desk.edge.apply(&call(), plan).await;
    assert_eq!(applied.items[0].1.as_str(), "refused");
    assert_eq!(desk.release("203.0.113.1", "soc").await, "released");
    assert!(desk.device.targets().is_empty());
}

#[tokio::test]
async fn t12_a_longer_lease_extends_and_a_shorter_one_does_not_shorten() {
    let desk = desk();
    desk.verdict(want("203.0.113.7")).await;
    let shorter = desk.block(vec![by("b", "203.0.113.7", HOUR / 2)]).await;
    assert_eq!(shorter.items[0].1.as_str(), "already_present");
    let end = desk.edge.list(&call()).await.unwrap()[0].expires.unwrap();
    assert_eq!(shorter.expires(&target("203.0.113.7")), Some(end));

    let longer = desk.block(vec![by("b", "203.0.113.7", 2 * HOUR)]).await;
    assert_eq!(longer.items[0].1.as_str(), "enforced");
    assert_eq!(longer.expires(&target("203.0.113.7")), Some(end.saturating_add(HOUR)));
    assert_eq!(desk.device.calls(), ["add 203.0.113.7", "extend 203.0.113.7"]);
}

#[tokio::test]
async fn what_another_made_is_kept_and_its_end_is_not_guessed() {
    let desk = desk();
    desk.device.put("203.0.113.7");
    let applied = desk.block(vec![want("203.0.113.7")]).await;
    assert_eq!(words(&applied), [("203.0.113.7".into(), "already_present")]);
    assert_eq!(applied.expires(&target("203.0.113.7")), None);
    let listed = desk.edge.list(&call()).await.unwrap();
    assert_eq!((listed[0].expires, listed[0].ours), (None, false));
    assert!(desk.device.calls().is_empty());
}

#[tokio::test]
async fn a_release_waits_for_the_last_owner() {
    let desk = desk();
    desk.verdict(by("a", "203.0.113.7", HOUR)).await;
    desk.verdict(by("b", "203.0.113.7", HOUR)).await;
    assert_eq!(desk.release("203.0.113.7", "stranger").await, "still_claimed");
    assert_eq!(desk.release("203.0.113.7", "a").await, "still_claimed");
    assert_eq!(desk.device.targets(), ["203.0.113.7"]);
    assert_eq!(desk.release("203.0.113.7", "b").await, "released");
    assert!(desk.device.targets().is_empty());
    assert_eq!(desk.release("203.0.113.7", "b").await, "not_present");
}

#[tokio::test]
async fn a_claim_that_has_ended_holds_nothing() {
    let desk = desk();
    desk.verdict(by("a", "203.0.113.7", HOUR)).await;
    desk.verdict(by("b", "203.0.113.7", HOUR / 2)).await;
    desk.clock.advance(HOUR / 2);
    assert_eq!(desk.release("203.0.113.7", "a").await, "released");
}

#[tokio::test]
async fn a_host_inside_a_blocked_network_stays_blocked_and_it_is_said() {
    let desk = desk();
    assert!(desk.block(vec![want("203.0.113.0/24"), want("203.0.113.7")]).await.is_good());
    let applied = desk.edge.release(&call(), &[target("203.0.113.7")], "soc").await;
    let BlockVerdict::StillCovered { by } = applied.items[0].1 else { panic!("{applied:?}") };
    assert_eq!(by, target("203.0.113.0/24"));
    assert_eq!(desk.device.targets(), ["203.0.113.0/24"]);
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_the_list() {
    let desk = desk();
    desk.device.fault(Fault::LostAnswer);
    assert_eq!(desk.verdict(want("203.0.113.7")).await, "enforced");
    assert_eq!(desk.device.calls(), ["add 203.0.113.7"], "not repeated");
    assert!(desk.edge.list(&call()).await.unwrap()[0].expires.is_some());
}

#[tokio::test]
async fn a_lost_request_is_sent_again_after_a_look_up_and_only_once() {
    let desk = desk();
    desk.device.fault(Fault::LostRequest);
    assert_eq!(desk.verdict(want("203.0.113.7")).await, "enforced");
    assert_eq!(desk.device.calls(), ["add 203.0.113.7", "add 203.0.113.7"]);

    desk.device.fault(Fault::LostRequest);
    desk.device.fault(Fault::LostRequest);
    let applied = desk.block(vec![want("203.0.113.8")]).await;
    assert_eq!(words(&applied), [("203.0.113.8".into(), "failed")]);
    assert_eq!(applied.items[0].1.outcome(), Outcome::NotSent, "two lists say so");
    assert_eq!(desk.device.calls().len(), 2);
}

#[tokio::test]
async fn an_extension_without_a_verdict_stays_unknown_and_keeps_the_old_end() {
    let desk = desk();
    let first = desk.block(vec![want("203.0.113.7")]).await;
    desk.device.fault(Fault::LostAnswer);
    desk.device.fault(Fault::LostAnswer);
    let applied = desk.block(vec![by("soc", "203.0.113.7", 2 * HOUR)]).await;
    assert_eq!(words(&applied), [("203.0.113.7".into(), "unknown")]);
    let end = desk.edge.list(&call()).await.unwrap()[0].expires;
    assert_eq!(end, first.expires(&target("203.0.113.7")));
}

#[tokio::test]
async fn a_device_that_says_yes_and_does_nothing_is_found_out() {
    let desk = desk();
    desk.device.fault(Fault::Lies);
    let applied = desk.block(vec![want("203.0.113.7")]).await;
    assert_eq!(words(&applied), [("203.0.113.7".into(), "failed")]);
    assert!(desk.edge.list(&call()).await.unwrap().is_empty());

    desk.verdict(want("203.0.113.8")).await;
    desk.device.fault(Fault::Lies);
    assert_eq!(desk.release("203.0.113.8", "soc").await, "failed");
    assert_eq!(desk.release("203.0.113.8", "soc").await, "released");
}

#[tokio::test]
async fn t02_a_failed_list_is_no_empty_one() {
    let desk = desk();
    desk.device.break_list();
    assert!(desk.edge.plan(&call(), vec![want("203.0.113.7")]).await.is_err());
    desk.device.break_list();
    assert!(desk.edge.list(&call()).await.is_err());

    let plan = desk.edge.plan(&call(), vec![want("203.0.113.7")]).await.unwrap();
    desk.device.break_list();
    let applied = desk.edge.apply(&call(), plan).await;
    assert_eq!(applied.items[0].1.outcome(), Outcome::NotSent);
    assert!(desk.device.calls().is_empty(), "nothing is written blindly");

    desk.device.fault(Fault::ListFails);
    let applied = desk.block(vec![want("203.0.113.7")]).await;
    assert_eq!(words(&applied), [("203.0.113.7".into(), "accepted")], "taken, not read back");
    assert!(applied.cause.is_some());
}

#[tokio::test]
async fn a_refusal_by_the_device_leaves_no_claim() {
    let desk = desk();
    desk.device.fault(Fault::Refused);
    assert_eq!(desk.verdict(want("203.0.113.7")).await, "failed");
    assert!(desk.edge.list(&call()).await.unwrap().is_empty());
    assert_eq!(desk.verdict(by("b", "203.0.113.7", HOUR)).await, "enforced");
    assert_eq!(desk.release("203.0.113.7", "b").await, "released");
}

#[tokio::test]
async fn what_the_device_lost_is_blocked_again() {
    let desk = desk();
    desk.verdict(want("203.0.113.7")).await;
    desk.device.take("203.0.113.7");
    assert!(desk.edge.list(&call()).await.unwrap().is_empty());
    assert_eq!(desk.verdict(want("203.0.113.7")).await, "enforced");
}

#[tokio::test]
async fn the_hour_is_charged_for_what_is_sent_and_not_for_plans() {
    let mut config = GuardConfig::new();
    config.blocks_per_hour = 2;
    let desk = desk_over(FakeDevice::new(), config);
    for _ in 0..3 {
        let plan = desk.edge.plan(&call(), vec![want("203.0.113.1")]).await.unwrap();
        assert_eq!(plan.add().len(), 1, "a plan that is dropped costs nothing");
    }
    let three = ["203.0.113.1", "203.0.113.2", "203.0.113.3"].map(want).to_vec();
    let plan = desk.edge.plan(&call(), three).await.unwrap();
    assert_eq!((plan.add().len(), plan.refused()[0].1.rule), (2, "blocks-per-hour"));
    let _ = desk.edge.apply(&call(), plan).await;
    assert_eq!(desk.verdict(want("203.0.113.3")).await, "refused");
    let longer = by("soc", "203.0.113.1", 2 * HOUR);
    assert_eq!(desk.verdict(longer).await, "enforced", "an extension takes no place");
    desk.clock.advance(HOUR);
    assert_eq!(desk.verdict(want("203.0.113.3")).await, "enforced");
}

#[tokio::test]
async fn the_device_is_filled_to_its_share_only() {
    let mut caps = BlockCaps::new();
    caps.capacity = Some(5);
    let desk = desk_over(FakeDevice::with(caps), GuardConfig::new());
    desk.device.put("203.0.113.100");
    let five = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"].map(want).to_vec();
    let plan = desk.edge.plan(&call(), five).await.unwrap();
    assert_eq!((plan.add().len(), plan.refused()[0].1.rule), (3, "capacity-share"));
    assert!(desk.edge.apply(&call(), plan).await.items.iter().all(|(_, v)| v.as_str() != "failed"));
    assert_eq!(desk.device.targets().len(), 4);
}

#[tokio::test]
async fn a_sweep_removes_what_nobody_claims_any_more() {
    let desk = desk();
    let both = vec![want("203.0.113.1"), by("soc", "203.0.113.2", 2 * HOUR)];
    assert!(desk.block(both).await.is_good());
    desk.device.put("203.0.113.3");
    desk.clock.advance(HOUR);
    let swept = desk.edge.sweep(&call()).await;
    assert_eq!(words(&swept), [("203.0.113.1".into(), "released")]);
    assert_eq!(desk.device.targets(), ["203.0.113.2", "203.0.113.3"]);
}

#[tokio::test]
async fn a_call_given_up_half_way_is_settled_by_the_next_one() {
    let desk = desk();
    desk.device.fault(Fault::Hangs);
    tokio::select! {
        biased;
        _ = desk.block(vec![want("203.0.113.7")]) => panic!("the device hangs"),
        () = std::future::ready(()) => {}
    }
    let listed = desk.edge.list(&call()).await.unwrap();
    assert!(listed[0].ours && listed[0].expires.is_some(), "it took effect: {listed:?}");
    assert_eq!(desk.verdict(want("203.0.113.7")).await, "already_present");
    assert_eq!(desk.release("203.0.113.7", "soc").await, "released");
}

#[tokio::test]
async fn what_another_guard_admitted_is_refused() {
    let desk = desk();
    let guard = Guard::new("other".into(), GuardConfig::new());
    for connector in ["other", "edge"] {
        let request = want("203.0.113.7");
        let mut basis = Basis::new();
        basis.note(request.target, "free");
        let mut parts = PlanParts::default();
        parts.add.push(guard.admit(request, &Facts::new(), Timestamp::EPOCH).unwrap());
        let applied = desk.edge.apply(&call(), Plan::new(connector.into(), basis, parts)).await;
        assert_eq!(words(&applied), [("203.0.113.7".into(), "refused")]);
    }
    assert!(desk.device.targets().is_empty());
}
