//! The rows of the table: each compares what we say with what the systems hold.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use watchfloor::core::{Alert, ConnectorName, Event, Scope, Target, Ticket, TicketKey, Timestamp};
use watchfloor::respond::{Verdict, block_marker};
use watchfloor_testkit::Canaries;

use crate::job::{Done, Systems};
use crate::recording::Recording;
use crate::table::Table;
use crate::world::{DATA_STREAM, World};

/// How long a block lasts.
const LEASE: Duration = Duration::from_secs(3600);

/// Nobody benign and nobody framed is alerted on or blocked; every attacker is found, with its kind.
pub(crate) fn truth(table: &mut Table, recording: &Recording, done: &Done) {
    let truth = &recording.truth;
    let mut wrong = Vec::new();
    let mut found: BTreeMap<IpAddr, BTreeSet<&str>> = BTreeMap::new();
    for alert in &done.alerts {
        match alert.ip() {
            Some(ip) => drop(found.entry(ip).or_default().insert(alert.attack.slug())),
            None => wrong.push(format!("alert {} names no client", alert.id)),
        }
    }
    for attacker in &truth.attackers {
        let kinds = found.get(&attacker.ip).cloned().unwrap_or_default();
        if kinds != BTreeSet::from([attacker.kind.as_str()]) {
            wrong.push(format!("{} did {}, found was {kinds:?}", attacker.ip, attacker.kind));
        }
    }
    for alert in &done.alerts {
        let by = truth.attackers.iter().find(|a| alert.ip() == Some(a.ip));
        let during = |a: &crate::recording::Attacker| {
            let (from, to) = (a.from.parse::<Timestamp>().ok()?, a.to.parse::<Timestamp>().ok()?);
            // The truth has whole seconds.
            let slack = Duration::from_secs(1);
            let within = from.saturating_sub(slack)..=to.saturating_add(slack);
            Some(within.contains(&alert.first_seen) && within.contains(&alert.last_seen))
        };
        if by.and_then(during) != Some(true) {
            wrong.push(format!("alert {} is not within the attack's time", alert.id));
        }
    }
    let seen = format!("{} attackers, {} alerts", truth.attackers.len(), done.alerts.len());
    table.check("every attacker found, with its kind", seen, &wrong);

    let blocked: HashSet<_> = blocked(done).iter().map(|(target, _)| target.addr()).collect();
    let innocent = truth.benign.iter().chain(&truth.framed);
    let wrong: Vec<_> = innocent
        .filter(|ip| found.contains_key(ip) || blocked.contains(ip))
        .map(|ip| format!("{ip} was alerted on or blocked"))
        .collect();
    let seen = format!(
        "{} benign and {} framed clients left alone",
        truth.benign.len(),
        truth.framed.len()
    );
    table.check("nobody benign, nobody framed", seen, &wrong);
}

/// Events made = held by Splunk = held by Elastic, byte for byte.
pub(crate) fn held_events(table: &mut Table, done: &Done, world: &World) {
    let made: BTreeMap<&str, &Event> = done.events.iter().map(|e| (e.uid(), e)).collect();
    let mut wrong = Vec::new();
    if made.len() != done.events.len() {
        wrong.push("two events have the same id".to_owned());
    }
    let splunk = world.hec.held();
    let mut documents: HashSet<&[u8]> = HashSet::new();
    for held in &splunk {
        if !documents.insert(&held.event) {
            wrong.push("Splunk holds a document twice".to_owned());
        }
    }
    for event in done.events.iter().filter(|e| !documents.contains(e.json())) {
        wrong.push(format!("Splunk does not hold {} as it was made", event.uid()));
    }
    let elastic = world.elastic.held(DATA_STREAM);
    for event in &done.events {
        if elastic.get(event.uid()) != Some(&with_timestamp(event)) {
            wrong.push(format!("Elastic does not hold {} as it was made", event.uid()));
        }
    }
    if splunk.len() != made.len() || elastic.len() != made.len() {
        wrong.push("the counts differ".to_owned());
    }
    for (name, summary) in &done.shipped {
        if summary.delivered != made.len() as u64 || summary.sent != summary.delivered {
            wrong.push(format!(
                "{name} reports {} of {} delivered",
                summary.delivered, summary.sent
            ));
        }
    }
    let seen =
        format!("{} made = {} in Splunk = {} in Elastic", made.len(), splunk.len(), elastic.len());
    table.check("every event there, byte for byte", seen, &wrong);
}

/// The document with `@timestamp` as its last member, as it stands in a data stream.
fn with_timestamp(event: &Event) -> Bytes {
    let open = event.text().strip_suffix('}').unwrap_or_default();
    format!("{open},\"@timestamp\":\"{}\"}}", event.time()).into()
}

/// By the verdicts of shipping alone: the events in a real system are not asked for.
pub(crate) fn shipped_events(table: &mut Table, done: &Done) {
    let mut wrong = Vec::new();
    for (name, summary) in &done.shipped {
        if summary.delivered != done.events.len() as u64 {
            wrong.push(format!(
                "{name}: {} delivered, {} rejected, {} unknown",
                summary.delivered, summary.rejected, summary.unknown
            ));
        }
    }
    let seen = format!("{} made, each with a verdict of both sinks", done.events.len());
    table.check("every event delivered", seen, &wrong);
}

/// The alerts with distinct ticket keys, and where their tickets belong.
fn wanted(done: &Done) -> BTreeMap<TicketKey, &Alert> {
    let mut wanted = BTreeMap::new();
    for alert in &done.alerts {
        wanted.entry(alert.ticket_key()).or_insert(alert);
    }
    wanted
}

/// One ticket per key in each desk, in the right place, with the reason of the routing.
pub(crate) fn held_tickets(table: &mut Table, done: &Done, systems: &Systems, world: &World) {
    let wanted = wanted(done);
    let mut wrong = Vec::new();
    let incidents = world.servicenow.held("incident");
    let issues = world.jira.held();
    let [(_, servicenow), (_, jira)] = &systems.desks;
    for (key, alert) in &wanted {
        let route = systems.owners.route(alert, servicenow.name(), "servicenow");
        let held: Vec<_> = incidents
            .iter()
            .filter(|r| r.fields.get("correlation_id").map(String::as_str) == Some(key.as_str()))
            .collect();
        match held[..] {
            [one] if Some(&one.group) != route.place.get("group") => {
                wrong.push(format!("ServiceNow: {key} lies with {:?}", one.group));
            }
            [one] if !one.fields["description"].contains(&route.reason) => {
                wrong.push(format!("ServiceNow: {key} does not say why it lies there"));
            }
            [_] => {}
            _ => wrong.push(format!("ServiceNow: {} tickets for {key}", held.len())),
        }
        let route = systems.owners.route(alert, jira.name(), "jira");
        let held: Vec<_> =
            issues.iter().filter(|i| i.labels.iter().any(|l| l == key.as_str())).collect();
        match held[..] {
            [one]
                if Some(&one.project) != route.place.get("project")
                    || one.components.first() != route.place.get("component") =>
            {
                wrong.push(format!("Jira: {key} lies in {} {:?}", one.project, one.components));
            }
            [one] if !one.description.contains(&route.reason) => {
                wrong.push(format!("Jira: {key} does not say why it lies there"));
            }
            [_] => {}
            _ => wrong.push(format!("Jira: {} tickets for {key}", held.len())),
        }
    }
    if incidents.len() != wanted.len() || issues.len() != wanted.len() {
        wrong.push("there are tickets without an alert".to_owned());
    }
    let seen = format!(
        "{} keys = {} in ServiceNow = {} in Jira",
        wanted.len(),
        incidents.len(),
        issues.len()
    );
    table.check("one ticket per key, in the right place", seen, &wrong);
}

/// The same by asking the desks; a search that lags is asked again.
pub(crate) async fn found_tickets(
    table: &mut Table,
    scope: &Scope,
    done: &Done,
    systems: &Systems,
) {
    let wanted = wanted(done);
    let mut wrong = Vec::new();
    for (type_name, desk) in &systems.desks {
        for (key, alert) in &wanted {
            let mut found = None;
            for _ in 0..7 {
                found = desk.find(&scope.call(), key).await.ok().flatten();
                if found.is_some() {
                    break;
                }
                scope.clock().pause(Duration::from_secs(10)).await;
            }
            let route = systems.owners.route(alert, desk.name(), type_name);
            match found {
                None => wrong.push(format!("{}: no ticket for {key}", desk.name())),
                Some(ticket) => wrong.extend(misplaced(desk.name(), &ticket, &route.place)),
            }
        }
    }
    let seen = format!("{} keys, each found in both desks", wanted.len());
    table.check("one ticket per key, in the right place", seen, &wrong);
}

fn misplaced(
    desk: &ConnectorName,
    ticket: &Ticket,
    place: &BTreeMap<String, String>,
) -> Option<String> {
    let differs = |(word, wanted): &(&String, &String)| ticket.place.get(*word) != Some(*wanted);
    let (word, wanted) = place.iter().find(differs)?;
    let there = ticket.place.get(word).map_or("nowhere", String::as_str);
    Some(format!("{desk}: {} has {word} {there:?}, not {wanted:?}", ticket.display))
}

/// What the report says is blocked, and until when.
fn blocked(done: &Done) -> Vec<(Target, Option<Timestamp>)> {
    let blocked = done.report.entries().iter().filter_map(|e| match &e.verdict {
        Verdict::Blocked { target, expires, .. } => Some((*target, *expires)),
        _ => None,
    });
    blocked.collect()
}

/// Every attacker held, for as long as our lease, and said so once on each of its tickets.
pub(crate) fn held_blocks(
    table: &mut Table,
    recording: &Recording,
    done: &Done,
    systems: &Systems,
    world: &World,
) {
    let held = world.firewall.held();
    let leases: BTreeMap<String, _> =
        blocked(done).into_iter().map(|(target, expires)| (target.to_string(), expires)).collect();
    let mut wrong = Vec::new();
    for attacker in &recording.truth.attackers {
        let ip = attacker.ip.to_string();
        match held.iter().find(|h| h.ip == ip) {
            None => wrong.push(format!("{ip} is not held")),
            Some(h) if h.expires.is_none() => wrong.push(format!("{ip} is held for ever")),
            Some(h) if leases.get(&ip) != Some(&h.expires) => {
                wrong.push(format!(
                    "{ip} is held until {:?}, our lease says {:?}",
                    h.expires,
                    leases.get(&ip)
                ));
            }
            Some(_) => {}
        }
    }
    if held.len() != recording.truth.attackers.len() {
        wrong.push(format!("{} addresses are held", held.len()));
    }
    let seen = format!("{} attackers held, each for {} min", held.len(), LEASE.as_secs() / 60);
    table.check("every attacker blocked for an hour", seen, &wrong);

    let mut wrong = Vec::new();
    let mut comments = 0;
    let (incidents, issues) = (world.servicenow.held("incident"), world.jira.held());
    for (key, alert) in wanted(done) {
        let Some(ip) = alert.ip() else { continue };
        let marker = block_marker(&key, Target::from(ip), systems.firewall.name());
        let in_servicenow = incidents
            .iter()
            .filter(|r| r.fields.get("correlation_id").map(String::as_str) == Some(key.as_str()))
            .flat_map(|r| &r.work_notes);
        let in_jira = issues
            .iter()
            .filter(|i| i.labels.iter().any(|l| l == key.as_str()))
            .flat_map(|i| &i.comments);
        let count =
            |notes: &mut dyn Iterator<Item = &String>| notes.filter(|n| marker.is_in(n)).count();
        let counts = [count(&mut in_servicenow.into_iter()), count(&mut in_jira.into_iter())];
        comments += counts.iter().sum::<usize>();
        if counts != [1, 1] {
            wrong.push(format!("{key}: {counts:?} comments"));
        }
    }
    let all: usize = incidents.iter().map(|r| r.work_notes.len()).sum::<usize>()
        + issues.iter().map(|i| i.comments.len()).sum::<usize>();
    if all != comments {
        wrong.push(format!("{all} comments altogether"));
    }
    table.check("the block said once on each ticket", format!("{comments} comments"), &wrong);
}

/// The same by asking the firewall and the desks.
pub(crate) async fn listed_blocks(
    table: &mut Table,
    scope: &Scope,
    recording: &Recording,
    done: &Done,
    systems: &Systems,
) {
    let mut wrong = Vec::new();
    match systems.firewall.list(&scope.call()).await {
        Err(e) => wrong.push(e.to_string()),
        Ok(held) => {
            let held: HashSet<_> = held.iter().map(|h| h.target).collect();
            let attackers = recording.truth.attackers.iter();
            let missing = attackers.filter(|a| !held.contains(&Target::from(a.ip)));
            wrong.extend(missing.map(|a| format!("{} is not held", a.ip)));
        }
    }
    let seen = format!("{} attackers held", recording.truth.attackers.len());
    table.check("every attacker blocked", seen, &wrong);

    let mut wrong = Vec::new();
    let mut comments = 0;
    for entry in done.report.entries() {
        let Verdict::Ticket { key, opened } = &entry.verdict else { continue };
        let Some(desk) = systems.desks.iter().map(|(_, d)| d).find(|d| *d.name() == entry.on)
        else {
            continue;
        };
        let ip = done.alerts.iter().find(|a| a.id == entry.alert).and_then(Alert::ip);
        let Some(ip) = ip else { continue };
        let marker = block_marker(key, Target::from(ip), systems.firewall.name());
        match desk.has_comment(&scope.call(), &opened.ticket().id, &marker).await {
            Ok(true) => comments += 1,
            Ok(false) => wrong.push(format!("{}: not on {}", entry.on, opened.ticket().display)),
            Err(e) => wrong.push(e.to_string()),
        }
    }
    table.check("the block said on each ticket", format!("{comments} comments"), &wrong);
}

/// Every fault of the script was met.
pub(crate) fn faults(table: &mut Table, world: &World) {
    let seen = format!("{} faults met and settled", world.met().len());
    table.check("every fault of the script met", seen, &world.unmet());
}

/// No secret of a customer, and none of ours, anywhere.
pub(crate) fn canaries(
    table: &mut Table,
    recording: &Recording,
    done: &Done,
    ours: &[&str],
    mut outputs: Vec<(&'static str, Vec<u8>)>,
) {
    let alerts: Vec<u8> =
        done.alerts.iter().flat_map(|a| a.to_json().to_string().into_bytes()).collect();
    let events: Vec<u8> = done.events.iter().flat_map(|e| e.json().to_vec()).collect();
    let (mut bad, mut errors) = (String::new(), String::new());
    for line in &done.bad {
        let _ = writeln!(bad, "{line} {}", line.text);
    }
    for error in done.report.failures() {
        let _ = writeln!(errors, "{error} {error:?}");
    }
    outputs.extend([
        ("alerts", alerts),
        ("events made", events),
        ("bad lines", bad.into_bytes()),
        ("errors", errors.into_bytes()),
    ]);
    let canaries: Vec<&str> =
        recording.truth.canaries.iter().map(String::as_str).chain(ours.iter().copied()).collect();
    let forms = Canaries::new(canaries.iter().copied());
    let mut wrong = Vec::new();
    for (what, bytes) in &outputs {
        let leaked = forms.in_text(bytes).into_iter();
        wrong.extend(leaked.map(|canary| format!("{canary} is in the {what}")));
    }
    let bytes: usize = outputs.iter().map(|(_, b)| b.len()).sum();
    let seen = format!("{} canaries, none in {} kB of output", canaries.len(), bytes / 1000);
    table.check("no secret anywhere", seen, &wrong);
}
