//! What happened, in an order that a person can follow.

use std::collections::HashMap;
use std::fmt::Write as _;

use watchfloor::core::{Alert, AlertId, Opened, Ticket, Timestamp};
use watchfloor::respond::Verdict;

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
    for (at, line) in steps(done, met) {
        let _ = writeln!(text, "{}  {line}", clock(at));
    }
    for (name, summary) in &done.shipped {
        let _ = writeln!(
            text,
            "          ship     {name}: {} events sent, {} delivered, {} rejected, {} unknown",
            summary.sent, summary.delivered, summary.rejected, summary.unknown,
        );
    }
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

/// Verdicts and faults, merged by time.
fn steps(done: &Done, met: &[Met]) -> Vec<(Timestamp, String)> {
    let alerts: HashMap<&AlertId, &Alert> = done.alerts.iter().map(|a| (&a.id, a)).collect();
    let faults = met.iter().map(|m| {
        let line = format!(
            "FAULT    {} answered {} with: {}\n          settled  {}",
            m.twin, m.request, m.fault, m.settled
        );
        (m.at, line)
    });
    let verdicts = done.report.entries().iter().map(|entry| {
        let ip = alerts.get(&entry.alert).and_then(|a| a.ip()).map(|ip| ip.to_string());
        let about = ip.unwrap_or_default();
        let line = match &entry.verdict {
            Verdict::Ticket { opened, .. } => {
                let (ticket, how) = match opened {
                    Opened::Created(ticket) => (ticket, "opened"),
                    Opened::Existing(ticket) => (ticket, "there already"),
                };
                format!(
                    "ticket   {}: {} {how}, in {}, about {about}",
                    entry.on,
                    ticket.display,
                    place(ticket)
                )
            }
            Verdict::Blocked { target, expires, already } => {
                let until = expires
                    .map_or_else(|| "an end that the device keeps".to_owned(), |t| t.to_string());
                let how = if *already { "held already" } else { "blocked" };
                format!("block    {}: {target} {how} until {until}", entry.on)
            }
            Verdict::NotBlocked { ip, why } => {
                let ip = ip.map(|ip| ip.to_string()).unwrap_or_default();
                format!("no block {}: {ip}: {why}", entry.on)
            }
            Verdict::Commented { ticket } => {
                format!("comment  {}: {} says that {about} is blocked", entry.on, ticket.display)
            }
            Verdict::Failed { what, error } => format!("FAILED   {}: {what}: {error}", entry.on),
            _ => format!("         {}: another verdict", entry.on),
        };
        (entry.at, line)
    });
    let mut steps: Vec<_> = faults.chain(verdicts).collect();
    // Stable: what happened in the same instant stays in its order, faults first.
    steps.sort_by_key(|(at, _)| *at);
    steps
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
