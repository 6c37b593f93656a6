//! The recording: every attacker found, with the right kind; nobody else; no secret anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use watchfloor_core::mask::{Masker, Mode};
use watchfloor_core::{Alert, Event, TenantId};
use watchfloor_detect::{ClientConfig, Detect, Format, Spec};
use watchfloor_testkit::{Canaries, leaks, validate_ocsf};

fn file(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data/shop-api");
    std::fs::read(dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn detect() -> Detect {
    let mut spec = Spec::new();
    spec.add(&file("openapi.json")).unwrap();
    spec.add(&file("openapi-v1.json")).unwrap();
    let trusted = ["127.0.0.0/8", "::1", "192.0.2.10"].iter().map(|t| t.parse().unwrap());
    Detect::builder(TenantId::new("shop"), Masker::new(Mode::Mask, [7; 32]))
        .client(ClientConfig::new(trusted.collect(), "x-forwarded-for"))
        .spec(spec)
        .build()
}

/// Reads logs in this order: events and alerts.
fn read(logs: &[(&str, Format)]) -> (Vec<Event>, Vec<Alert>) {
    let mut detect = detect();
    let mut events = Vec::new();
    for (name, format) in logs {
        for (i, line) in file(name).split(|b| *b == b'\n').enumerate() {
            let number = i as u64 + 1;
            events.extend(
                detect
                    .push_line(*format, number, line)
                    .unwrap_or_else(|e| panic!("{name}: {e}: {}", e.text)),
            );
        }
    }
    (events, detect.finish())
}

const ACCESS: (&str, Format) = ("access.ndjson", Format::Json);
const AUDIT: (&str, Format) = ("modsec-audit.ndjson", Format::ModSecurity);

fn truth() -> Value {
    serde_json::from_slice(&file("truth.json")).unwrap()
}

fn found(alerts: &[Alert]) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for alert in alerts {
        found.entry(alert.ip().unwrap().to_string()).or_default().insert(alert.attack.slug());
    }
    found
}

#[test]
fn every_attacker_is_found_with_its_kind_and_nobody_else() {
    let (_, alerts) = read(&[ACCESS, AUDIT]);
    let truth = truth();
    let attackers = truth["attackers"].as_array().unwrap();
    let expected: BTreeMap<_, _> = attackers
        .iter()
        .map(|a| (a["ip"].as_str().unwrap().to_owned(), a["kind"].as_str().unwrap()))
        .collect();
    let found: BTreeMap<_, Vec<_>> =
        found(&alerts).into_iter().map(|(ip, kinds)| (ip, kinds.into_iter().collect())).collect();
    let expected: BTreeMap<_, Vec<_>> =
        expected.into_iter().map(|(ip, kind)| (ip, vec![kind])).collect();
    assert_eq!(found, expected, "{:#?}", alerts.iter().map(|a| &a.explanation).collect::<Vec<_>>());
    assert_eq!(alerts.len(), attackers.len(), "one alert per episode");
}

#[test]
fn the_order_of_the_logs_and_a_second_read_change_nothing() {
    let ids = |alerts: Vec<Alert>| alerts.into_iter().map(|a| a.id).collect::<Vec<_>>();
    let first = ids(read(&[ACCESS, AUDIT]).1);
    assert_eq!(ids(read(&[AUDIT, ACCESS]).1), first);
    assert_eq!(ids(read(&[ACCESS, AUDIT]).1), first);
}

#[test]
fn every_line_is_one_event_and_valid_ocsf() {
    let (events, alerts) = read(&[ACCESS, AUDIT]);
    let lines = |name| file(name).split(|b| *b == b'\n').filter(|l| !l.is_empty()).count();
    assert_eq!(events.len(), lines("access.ndjson") + lines("modsec-audit.ndjson"));
    // All of the audit log's, and enough of the access log's to have every shape.
    let audit = |e: &&Event| e.text().contains("\"log_name\":\"audit\"");
    for event in events.iter().filter(audit).chain(events.iter().step_by(11)) {
        validate_ocsf(event.json()).unwrap_or_else(|e| panic!("{e:#?}\n{}", event.text()));
    }
    for alert in &alerts {
        let doc = serde_json::to_vec(alert).unwrap();
        validate_ocsf(&doc).unwrap_or_else(|e| panic!("{e:#?}\n{alert:#?}"));
    }
    // Without a document of the API it is HTTP Activity, which has no actor for its user.
    let mut plain =
        Detect::builder(TenantId::new("shop"), Masker::new(Mode::Mask, [7; 32])).build();
    for line in file(ACCESS.0).split(|b| *b == b'\n').step_by(11) {
        let Some(event) = plain.push_line(ACCESS.1, 1, line).unwrap() else { continue };
        assert_eq!(event.class_uid(), 4002);
        validate_ocsf(event.json()).unwrap_or_else(|e| panic!("{e:#?}\n{}", event.text()));
    }
    let uids: BTreeSet<_> = events.iter().map(Event::uid).collect();
    assert_eq!(uids.len(), events.len());
}

#[test]
fn t35_no_canary_is_in_any_event_or_alert() {
    let (events, alerts) = read(&[ACCESS, AUDIT]);
    let (combined, _) = read(&[("access.log", Format::Nginx)]);
    let truth = truth();
    let canaries: Vec<_> =
        truth["canaries"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let mut all = Vec::new();
    events.iter().chain(&combined).for_each(|e| all.extend_from_slice(e.json()));
    for alert in &alerts {
        all.extend(serde_json::to_vec(alert).unwrap());
    }
    assert_eq!(leaks(&all, canaries.iter().copied()), Vec::<&str>::new());
    assert!(
        !leaks(&file("access.ndjson"), canaries.iter().copied()).is_empty(),
        "the search finds"
    );
}

/// Lines cut off anywhere, such as the last of a full disk, and lines read in the wrong format.
#[test]
fn t35_no_canary_is_in_any_bad_line() {
    let truth = truth();
    let canaries =
        Canaries::new(truth["canaries"].as_array().unwrap().iter().filter_map(Value::as_str));
    let mut detect = detect();
    let (mut bad, mut held) = (0, 0);
    for (name, _) in [ACCESS, AUDIT, ("access.log", Format::Nginx)] {
        for line in file(name).split(|b| *b == b'\n') {
            if canaries.in_text(line).is_empty() {
                continue;
            }
            held += 1;
            for format in [Format::Nginx, Format::Json, Format::ModSecurity] {
                for eighths in [3, 5, 7, 8] {
                    let cut = &line[..line.len() * eighths / 8];
                    let Err(error) = detect.push_line(format, 1, cut) else { continue };
                    bad += 1;
                    let told = format!("{error} {}", error.text);
                    assert_eq!(canaries.in_text(told.as_bytes()), Vec::<&str>::new(), "{name}");
                }
            }
        }
    }
    assert!(held > 100 && bad > held, "{bad} bad lines of {held} with a canary");
}

#[test]
fn t33_no_event_names_a_framed_client_for_an_attack() {
    let (events, _) = read(&[ACCESS, AUDIT]);
    let truth = truth();
    let framed: Vec<_> =
        truth["framed"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for event in &events {
        let view = event.view().unwrap();
        if view.waf.iter().any(|m| m.severity <= 2) {
            let ip = view.client.unwrap().ip.to_string();
            assert!(!framed.contains(&ip.as_str()), "{}", event.text());
        }
    }
}

#[test]
fn a_log_without_the_header_names_no_proxy_as_an_attacker() {
    let (_, alerts) = read(&[("access.log", Format::Nginx)]);
    assert!(!alerts.is_empty());
    assert!(alerts.iter().all(|a| a.ip() != "192.0.2.10".parse().ok()), "{:?}", found(&alerts));
}

#[test]
fn events_read_back_give_the_same_alerts() {
    let (events, alerts) = read(&[ACCESS, AUDIT]);
    let mut again = detect();
    for (i, event) in events.iter().enumerate() {
        let out = again.push_line(Format::Ocsf, i as u64 + 1, event.json()).unwrap().unwrap();
        assert_eq!(out.json(), event.json());
    }
    let ids = |alerts: &[Alert]| alerts.iter().map(|a| a.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&again.finish()), ids(&alerts));
}
