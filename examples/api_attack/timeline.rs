//! What happened, in an order that a person can follow.

use std::collections::HashMap;
use std::fmt::Write as _;

use watchfloor::core::{Alert, AlertId, Opened, Ticket, Timestamp};
use watchfloor::respond::{Entry, Verdict};

use crate::job::Done;
use crate::recording::Recording;
use crate::world::Met;

/// The timeline as text.
pub(crate) fn render(recording: &Recording, done: &Done, met: &[Met]) -> String {
    let mut text = String::new();
    let lines = |log: &[u8]| log.split(|b| *b == b'\n').filter(|l| !l.is_empty()).count();
    let _ = writeln!(
        text,
        "Read {} access lines and {} audit entries: {} events, {} bad lines.\n",
        lines(&recording.access),
        lines(&recording.audit),
        done.events.len(),
        done.bad.len(),
    );
    let _ = writeln!(text, "WHO ATTACKED WHAT, AND HOW WE KNOW");
    for alert in &done.alerts {
        attack(&mut text, alert);
    }
    let _ = writeln!(text, "\nWHAT WAS DONE, AND WHAT WENT WRONG MEANWHILE");
    let (tickets, ships): (Vec<_>, Vec<_>) = met.iter().partition(|m| m.ticket.is_some());
    for met in ships {
        fault(&mut text, met);
    }
    for (name, summary) in &done.shipped {
        let _ = writeln!(
            text,
            "          ship     {name}: {} events sent, {} delivered, {} rejected, {} unknown",
            summary.sent, summary.delivered, summary.rejected, summary.unknown,
        );
    }
    respond(&mut text, done, &tickets);
    text
}

fn attack(text: &mut String, alert: &Alert) {
    let source = alert.client.as_ref().map_or_else(String::new, |client| {
        format!("{} ({})", client.ip, client.attribution.explain())
    });
    let _ = writeln!(
        text,
        "{}  {} on {}",
        clock(alert.first_seen),
        alert.attack.title(),
        alert.url_group
    );
    let _ = writeln!(text, "          from {source}");
    let _ = writeln!(text, "          {}", alert.explanation);
    if let Some(evidence) = alert.evidence.first() {
        let _ = writeln!(text, "          first: {}", evidence.what);
    }
}

fn fault(text: &mut String, met: &Met) {
    let at = clock(met.at);
    let _ = writeln!(text, "{at}  FAULT    {}, {}: {}", met.twin, met.request, met.fault);
    let _ = writeln!(text, "          settled  {}", met.settled);
}

/// Every verdict, in order; a fault stands before the ticket that was being opened.
fn respond(text: &mut String, done: &Done, faults: &[&Met]) {
    let alerts: HashMap<&AlertId, &Alert> = done.alerts.iter().map(|a| (&a.id, a)).collect();
    let mut opened_by: HashMap<&str, usize> = HashMap::new();
    for entry in done.report.entries() {
        if let Verdict::Ticket { .. } = &entry.verdict {
            let twin = if entry.on.as_str() == "dev" { "Jira" } else { "ServiceNow" };
            let opened = opened_by.entry(twin).or_default();
            let meanwhile = |m: &&&Met| m.twin == twin && m.ticket == Some(*opened);
            for met in faults.iter().filter(meanwhile) {
                fault(text, met);
            }
            *opened += 1;
        }
        let ip = alerts.get(&entry.alert).and_then(|a| a.ip()).map(|ip| ip.to_string());
        let line = step(entry, &ip.unwrap_or_default());
        let _ = writeln!(text, "{}  {line}", clock(entry.at));
    }
}

fn step(entry: &Entry, about: &str) -> String {
    let on = &entry.on;
    match &entry.verdict {
        Verdict::Ticket { opened, .. } => {
            let (ticket, how) = match opened {
                Opened::Created(ticket) => (ticket, "opened"),
                Opened::Existing(ticket) => (ticket, "there already"),
            };
            format!("ticket   {on}: {} {how}, in {}, about {about}", ticket.display, place(ticket))
        }
        Verdict::Blocked { target, expires, already } => {
            let until = expires
                .map_or_else(|| "an end that the device keeps".to_owned(), |t| t.to_string());
            let how = if *already { "held already" } else { "blocked" };
            format!("block    {on}: {target} {how} until {until}")
        }
        Verdict::NotBlocked { ip, why } => {
            let ip = ip.map(|ip| ip.to_string()).unwrap_or_default();
            format!("no block {on}: {ip}: {why}")
        }
        Verdict::Commented { ticket } => {
            format!("comment  {on}: {} says that {about} is blocked", ticket.display)
        }
        Verdict::Failed { what, error } => format!("FAILED   {on}: {what}: {error}"),
        _ => format!("         {on}: another verdict"),
    }
}

/// `SEC / platform`: the project first, then what lies within it.
fn place(ticket: &Ticket) -> String {
    let mut words: Vec<_> = ticket.place.iter().collect();
    words.sort_by_key(|(word, _)| *word != "project");
    let words: Vec<_> = words.into_iter().map(|(_, name)| name.as_str()).collect();
    words.join(" / ")
}

/// `09:24:03`
fn clock(time: Timestamp) -> String {
    time.to_string().get(11..19).unwrap_or_default().to_owned()
}
