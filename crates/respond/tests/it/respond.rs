//! Alerts in, verdicts out, over desks and a blocklist in memory.

use std::net::IpAddr;
use std::sync::Arc;

use watchfloor_core::block::BlockVerdict;
use watchfloor_core::config::Value;
use watchfloor_core::{
    Alert, Attack, Attribution, Client, Error, Kind, Outcome, Root, TenantId, Timestamp, Who,
};
use watchfloor_respond::{Report, Responder, Verdict, block_marker};
use watchfloor_testkit::TestClock;

use crate::fakes::{Shelf, Wall, read_owners, table, text};

const NOW: &str = "2026-11-24T08:00:00.000Z";
/// An hour later, when blocks end.
const END: &str = "2026-11-24T09:00:00.000Z";
const ATTACKER: &str = "203.0.113.7";

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::at(NOW.parse().unwrap()))
}

fn responder(clock: &Arc<TestClock>) -> Responder {
    let place = |group| Value::Table(table([("group", text(group))]));
    let (owners, problems) = read_owners([
        table([
            ("name", text("orders")),
            ("paths", text("/api/orders")),
            ("desk", place("Orders")),
        ]),
        table([
            ("name", text("platform")),
            ("default", Value::Bool(true)),
            ("desk", place("Platform")),
        ]),
    ]);
    assert_eq!(problems, []);
    let scope = Root::new(clock.clone()).scope(TenantId::new("acme"));
    Responder::new(scope, owners.unwrap())
}

fn alert_of(
    tenant: &str,
    attack: Attack,
    who: &Who,
    url_group: &str,
    client: Option<(&str, Attribution)>,
) -> Alert {
    let start: Timestamp = NOW.parse().unwrap();
    let alert = Alert::build(&TenantId::new(tenant), attack, who, url_group, start)
        .explanation("80 distinct orders in 40 s; 20 are allowed");
    match client {
        Some((ip, attribution)) => {
            alert.client(Client { ip: ip.parse().unwrap(), attribution }).build()
        }
        None => alert.build(),
    }
}

fn alert(attack: Attack, ip: &str, attribution: Attribution) -> Alert {
    let who = Who::Client(ip.parse::<IpAddr>().unwrap());
    alert_of("acme", attack, &who, "/api/orders/{id}", Some((ip, attribution)))
}

/// The verdicts in short, with the connector that each is of.
fn verdicts(report: &Report) -> Vec<(String, String)> {
    let short = |verdict: &Verdict| match verdict {
        Verdict::Ticket { opened, .. } => format!("ticket {}", opened.ticket().id),
        Verdict::Blocked { target, expires, already } => {
            let until = expires.map_or_else(|| "?".to_owned(), |at| at.to_string());
            format!("blocked {target} until {until}{}", if *already { ", held" } else { "" })
        }
        Verdict::NotBlocked { why, .. } => format!("not blocked: {why}"),
        Verdict::Commented { ticket } => format!("comment {}", ticket.id),
        Verdict::Failed { what, error } => format!("{what}: {:?}", error.outcome()),
        other => format!("{other:?}"),
    };
    report.entries().iter().map(|e| (e.on.to_string(), short(&e.verdict))).collect()
}

fn said(verdicts: &[(String, String)]) -> Vec<(&str, &str)> {
    verdicts.iter().map(|(on, what)| (on.as_str(), what.as_str())).collect()
}

#[tokio::test]
async fn one_ticket_per_key_and_desk_one_block_and_the_word_about_it() {
    let clock = clock();
    let (desk, board) = (Arc::new(Shelf::new("desk")), Arc::new(Shelf::new("board")));
    let wall = Arc::new(Wall::new("edge", &clock));
    let again = alert(Attack::Bola, ATTACKER, Attribution::Peer);
    let alerts = [again.clone(), again];
    let responder = responder(&clock)
        .desk("servicenow", desk.clone())
        .desk("jira", board.clone())
        .blocklist(wall.clone());
    let report = responder.respond(&alerts).await;
    assert_eq!(
        said(&verdicts(&report)),
        [
            ("desk", "ticket desk-1"),
            ("board", "ticket board-1"),
            ("edge", &format!("blocked {ATTACKER} until {END}")),
            ("desk", "comment desk-1"),
            ("board", "comment board-1"),
        ]
    );
    assert!(report.failures().next().is_none() && !report.has_unknown());

    let key = alerts[0].ticket_key();
    let drafts = desk.drafts.lock().unwrap();
    assert_eq!(*drafts[0].key(), key);
    assert_eq!(drafts[0].route.as_ref().unwrap().place["group"], "Orders");
    let body = drafts[0].body.to_string();
    assert!(body.contains("lies under /api/orders, which orders owns."), "{body}");

    let asked = wall.asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].owner, key.as_str());
    let marker = block_marker(&key, ATTACKER.parse().unwrap(), &"edge".into());
    for shelf in [&desk, &board] {
        let said = shelf.said();
        assert_eq!(said.len(), 1);
        assert!(marker.is_in(&said[0].1), "{said:?}");
        let text = format!("{ATTACKER} is blocked on edge until {END}.");
        assert!(said[0].1.contains(&text), "{said:?}");
    }
    assert_eq!(responder.tickets(&alerts).unwrap().len(), 2);
    assert_eq!(responder.blocks(&alerts).unwrap(), *asked);
}

#[tokio::test]
async fn two_attacks_of_one_client_are_one_block_said_on_both_tickets() {
    let clock = clock();
    let (desk, wall) = (Arc::new(Shelf::new("desk")), Arc::new(Wall::new("edge", &clock)));
    let alerts = [
        alert(Attack::Bola, ATTACKER, Attribution::Peer),
        alert(Attack::SqlInjection, ATTACKER, Attribution::Attested),
    ];
    let responder = responder(&clock).desk("servicenow", desk.clone()).blocklist(wall.clone());
    let report = responder.respond(&alerts).await;
    assert_eq!(
        said(&verdicts(&report)),
        [
            ("desk", "ticket desk-1"),
            ("desk", "ticket desk-2"),
            ("edge", &format!("blocked {ATTACKER} until {END}")),
            ("desk", "comment desk-1"),
            ("desk", "comment desk-2"),
        ]
    );
    assert_eq!(wall.asked.lock().unwrap().len(), 1);
    let comments = desk.comments.lock().unwrap();
    assert_ne!(comments[0].1.marker, comments[1].1.marker);
}

#[tokio::test]
async fn two_clients_of_one_ticket_are_both_said_on_it() {
    let clock = clock();
    let (desk, wall) = (Arc::new(Shelf::new("desk")), Arc::new(Wall::new("edge", &clock)));
    // An account that is attacked from two addresses is one attack, and one ticket.
    let who = Who::Account("alice".to_owned());
    let from = |ip| {
        let client = Some((ip, Attribution::Peer));
        alert_of("acme", Attack::CredentialBruteForce, &who, "/api/login", client)
    };
    let responder = responder(&clock).desk("servicenow", desk.clone()).blocklist(wall);
    let report = responder.respond(&[from(ATTACKER), from("203.0.113.8")]).await;
    assert_eq!(
        said(&verdicts(&report)),
        [
            ("desk", "ticket desk-1"),
            ("edge", &format!("blocked {ATTACKER} until {END}")),
            ("desk", "comment desk-1"),
            ("edge", &format!("blocked 203.0.113.8 until {END}")),
            ("desk", "comment desk-1"),
        ]
    );
}

#[tokio::test]
async fn a_desk_that_fails_stops_nobody_else_and_is_reported() {
    let clock = clock();
    let lost = Error::new(Kind::Timeout, "no answer").with_outcome(Outcome::Unknown);
    let broken = Shelf { refuses_to_open: Some(lost), ..Shelf::new("broken") };
    let no = Error::new(Kind::Forbidden, "no").with_outcome(Outcome::Rejected);
    let mute = Shelf { refuses_comments: Some(no), ..Shelf::new("mute") };
    let desk = Arc::new(Shelf::new("desk"));
    let responder = responder(&clock)
        .desk("jira", Arc::new(broken))
        .desk("jira", Arc::new(mute))
        .desk("servicenow", desk.clone())
        .blocklist(Arc::new(Wall::new("edge", &clock)));
    let report = responder.respond(&[alert(Attack::Bola, ATTACKER, Attribution::Peer)]).await;
    assert_eq!(
        said(&verdicts(&report)),
        [
            ("broken", "open a ticket: Unknown"),
            ("mute", "ticket mute-1"),
            ("desk", "ticket desk-1"),
            ("edge", &format!("blocked {ATTACKER} until {END}")),
            ("mute", "comment: Rejected"),
            ("desk", "comment desk-1"),
        ]
    );
    assert!(report.has_unknown());
    assert_eq!(report.failures().count(), 2);
}

#[tokio::test]
async fn t33_a_claimed_client_is_not_blocked_and_the_report_says_why() {
    let clock = clock();
    let (desk, wall) = (Arc::new(Shelf::new("desk")), Arc::new(Wall::new("edge", &clock)));
    let responder = responder(&clock).desk("servicenow", desk.clone()).blocklist(wall.clone());
    let alerts = [alert(Attack::Bola, ATTACKER, Attribution::Claimed)];
    let report = responder.respond(&alerts).await;
    assert_eq!(
        said(&verdicts(&report)),
        [
            ("desk", "ticket desk-1"),
            ("edge", "not blocked: 203.0.113.7 is only claimed by a header"),
        ]
    );
    assert!(report.failures().next().is_none());
    assert_eq!(wall.asked.lock().unwrap().len(), 0, "it is not even asked for");
    assert_eq!(responder.blocks(&alerts).unwrap(), []);
    assert_eq!(desk.said(), []);
}

#[tokio::test]
async fn an_alert_without_a_client_has_a_ticket_and_no_block() {
    let clock = clock();
    let (desk, wall) = (Arc::new(Shelf::new("desk")), Arc::new(Wall::new("edge", &clock)));
    let responder = responder(&clock).desk("servicenow", desk.clone()).blocklist(wall.clone());
    let shadow = alert_of("acme", Attack::ShadowApi, &Who::Nobody, "/internal/dump", None);
    let report = responder.respond(&[shadow]).await;
    assert_eq!(
        said(&verdicts(&report)),
        [("desk", "ticket desk-1"), ("edge", "not blocked: the alert names no client")]
    );
    let route = desk.drafts.lock().unwrap()[0].route.clone().unwrap();
    assert_eq!((route.owner.as_str(), route.place["group"].as_str()), ("platform", "Platform"));
    assert_eq!(wall.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn what_the_guard_refuses_is_no_failure_and_nothing_is_said_on_the_ticket() {
    let clock = clock();
    let mut wall = Wall::new("edge", &clock);
    wall.facts.own = vec![ATTACKER.parse().unwrap()];
    let desk = Arc::new(Shelf::new("desk"));
    let responder = responder(&clock).desk("servicenow", desk.clone()).blocklist(Arc::new(wall));
    let alerts = [
        alert(Attack::Bola, ATTACKER, Attribution::Peer),
        alert(Attack::Bola, "203.0.113.8", Attribution::Peer),
    ];
    let report = responder.respond(&alerts).await;
    let verdicts = verdicts(&report);
    assert_eq!(
        said(&verdicts)[2..],
        [
            (
                "edge",
                "not blocked: never-block.own-address: overlaps 203.0.113.7, an address of this host"
            ),
            ("edge", &format!("blocked 203.0.113.8 until {END}")),
            ("desk", "comment desk-2"),
        ]
    );
    assert!(report.failures().next().is_none());
    let Verdict::NotBlocked { ip, .. } = &report.entries()[2].verdict else { panic!() };
    assert_eq!(*ip, Some(ATTACKER.parse().unwrap()));
}

#[tokio::test]
async fn what_is_held_already_is_said_as_far_as_it_is_known() {
    let clock = clock();
    let (desk, wall) = (Arc::new(Shelf::new("desk")), Arc::new(Wall::new("edge", &clock)));
    wall.held.lock().unwrap().insert(ATTACKER.parse().unwrap(), None);
    wall.held.lock().unwrap().insert("203.0.113.8".parse().unwrap(), Some(END.parse().unwrap()));
    let responder = responder(&clock).desk("servicenow", desk.clone()).blocklist(wall);
    let alerts = [ATTACKER, "203.0.113.8"].map(|ip| alert(Attack::Bola, ip, Attribution::Peer));
    let report = responder.respond(&alerts).await;
    let verdicts = verdicts(&report);
    assert!(said(&verdicts).contains(&("edge", "blocked 203.0.113.7 until ?, held")));
    assert!(said(&verdicts).contains(&("edge", &format!("blocked 203.0.113.8 until {END}, held"))));
    let said = desk.said();
    assert!(said[0].1.contains("203.0.113.7 is blocked on edge"), "{said:?}");
    assert!(!said[0].1.contains("until it is lifted"), "{said:?}");
    assert!(said[1].1.contains(&format!("until {END}.")), "{said:?}");
}

#[tokio::test]
async fn a_block_that_fails_has_its_outcome_and_no_comment() {
    let lost = Error::new(Kind::Timeout, "no answer").with_outcome(Outcome::Unknown);
    let clock = clock();
    let wall = || Wall::new("edge", &clock);
    let cases = [
        (Wall { verdict: Some(BlockVerdict::Failed(lost.clone())), ..wall() }, "block: Unknown"),
        (Wall { verdict: Some(BlockVerdict::StalePlan), ..wall() }, "block: NotSent"),
        (Wall { silent: true, ..wall() }, "block: Unknown"),
        (
            Wall { cannot_plan: Some(lost.with_outcome(Outcome::NotSent)), ..wall() },
            "plan the block: NotSent",
        ),
    ];
    for (wall, expected) in cases {
        let desk = Arc::new(Shelf::new("desk"));
        // One of them is held already, which does not make it blocked where the plan is stale.
        wall.held.lock().unwrap().insert(ATTACKER.parse().unwrap(), None);
        let responder =
            responder(&clock).desk("servicenow", desk.clone()).blocklist(Arc::new(wall));
        let alerts = [ATTACKER, "203.0.113.8"].map(|ip| alert(Attack::Bola, ip, Attribution::Peer));
        let report = responder.respond(&alerts).await;
        assert_eq!(said(&verdicts(&report))[2..], [("edge", expected), ("edge", expected)]);
        assert_eq!(report.failures().count(), 2);
        assert_eq!(desk.said(), []);
    }
}

#[tokio::test]
async fn another_tenants_alert_is_refused_everywhere_and_the_rest_goes_on() {
    let clock = clock();
    let (desk, wall) = (Arc::new(Shelf::new("desk")), Arc::new(Wall::new("edge", &clock)));
    let responder = responder(&clock).desk("servicenow", desk.clone()).blocklist(wall.clone());
    let who = Who::Client(ATTACKER.parse().unwrap());
    let client = Some((ATTACKER, Attribution::Peer));
    let foreign = alert_of("other", Attack::Bola, &who, "/api/orders/{id}", client);
    let alerts = [foreign, alert(Attack::Bola, "203.0.113.8", Attribution::Peer)];
    let report = responder.respond(&alerts).await;
    assert_eq!(
        said(&verdicts(&report)),
        [
            ("desk", "open a ticket: NotSent"),
            ("desk", "ticket desk-1"),
            ("edge", "block: NotSent"),
            ("edge", &format!("blocked 203.0.113.8 until {END}")),
            ("desk", "comment desk-1"),
        ]
    );
    assert!(report.failures().all(|e| e.kind() == Kind::Refused));
    let held: Vec<_> = wall.held.lock().unwrap().keys().map(ToString::to_string).collect();
    assert_eq!(held, ["203.0.113.8"]);
    assert_eq!(responder.tickets(&alerts).unwrap_err().kind(), Kind::Refused);
    assert_eq!(responder.blocks(&alerts).unwrap_err().kind(), Kind::Refused);
}
