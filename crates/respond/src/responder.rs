//! Alerts in, verdicts out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::{
    Action, Alert, Attribution, BlockRequest, BlockVerdict, Blocklist, Call, Comment,
    ConnectorName, Error, Kind, Lease, Marker, Opened, Outcome, Result, RichText, Scope, Target,
    Ticket, TicketDesk, TicketKey, Timestamp,
};

use crate::{ActionRecord, Owners, Report, Verdict};

/// A desk that tickets are opened in.
#[derive(Clone, Debug)]
pub struct DeskAt {
    /// The connector's type: `servicenow`, `jira`.
    pub type_name: String,
    /// The desk.
    pub desk: Arc<dyn TicketDesk>,
}

/// Opens tickets, blocks attackers and says so on the tickets.
#[derive(Debug)]
pub struct Responder {
    scope: Scope,
    owners: Owners,
    desks: Vec<DeskAt>,
    blocklists: Vec<Arc<dyn Blocklist>>,
    lease: Duration,
}

/// A ticket that stands, with the alert behind it.
struct Standing<'a> {
    alert: &'a Alert,
    desk: &'a DeskAt,
    key: TicketKey,
    ticket: Ticket,
}

impl Responder {
    /// A responder for one tenant; blocks last an hour.
    pub fn new(scope: Scope, owners: Owners) -> Self {
        Self {
            scope,
            owners,
            desks: Vec::new(),
            blocklists: Vec::new(),
            lease: Duration::from_secs(3600),
        }
    }

    /// Opens tickets in this desk too.
    pub fn desk(mut self, type_name: impl Into<String>, desk: Arc<dyn TicketDesk>) -> Self {
        self.desks.push(DeskAt { type_name: type_name.into(), desk });
        self
    }

    /// Blocks on this blocklist too.
    pub fn blocklist(mut self, blocklist: Arc<dyn Blocklist>) -> Self {
        self.blocklists.push(blocklist);
        self
    }

    /// How long a block lasts.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// The ticket actions of alerts: one per distinct ticket key and desk.
    pub fn tickets(&self, alerts: &[Alert]) -> Result<Vec<ActionRecord>> {
        let mut records = Vec::new();
        for alert in distinct_by(alerts, |a| Some(a.ticket_key())) {
            for at in &self.desks {
                records.push(self.ticket(alert, at)?);
            }
        }
        Ok(records)
    }

    fn ticket(&self, alert: &Alert, at: &DeskAt) -> Result<ActionRecord> {
        let on = at.desk.name().clone();
        let route = self.owners.route(alert, &on, &at.type_name);
        let draft = self.scope.draft_for(alert, route)?;
        Ok(ActionRecord::new(self.scope.call().record(), Action::OpenTicket { on, draft }))
    }

    /// What to block: each client once, of whom more than somebody's word is known.
    pub fn blocks(&self, alerts: &[Alert]) -> Vec<BlockRequest> {
        distinct_by(alerts, blockable).map(|alert| self.block(alert)).collect()
    }

    fn block(&self, alert: &Alert) -> BlockRequest {
        let client = alert.client.as_ref().expect("only clients are blocked");
        BlockRequest::new(
            Target::from(client.ip),
            client.attribution,
            Lease::For(self.lease),
            format!("{}: {}", alert.title, alert.explanation),
            alert.ticket_key().as_str(),
        )
    }

    /// Carries everything out: tickets first, then blocks, then the word about the block on each
    /// ticket. A failure is reported and the rest goes on.
    pub async fn respond(&self, alerts: &[Alert]) -> Report {
        let mut report = Report::default();
        let tickets = self.open_all(alerts, &mut report).await;
        for blocklist in &self.blocklists {
            self.block_all(blocklist, alerts, &tickets, &mut report).await;
        }
        report
    }

    async fn open_all<'a>(&'a self, alerts: &'a [Alert], report: &mut Report) -> Vec<Standing<'a>> {
        let mut standing = Vec::new();
        for alert in distinct_by(alerts, |a| Some(a.ticket_key())) {
            for desk in &self.desks {
                let verdict = match self.open(alert, desk).await {
                    Ok(opened) => {
                        let (key, ticket) = (alert.ticket_key(), opened.ticket().clone());
                        standing.push(Standing { alert, desk, key: key.clone(), ticket });
                        Verdict::Ticket { key, opened }
                    }
                    Err(error) => Verdict::Failed { what: "open a ticket", error },
                };
                self.note(report, desk.desk.name(), alert, verdict);
            }
        }
        standing
    }

    async fn open(&self, alert: &Alert, at: &DeskAt) -> Result<Opened> {
        let record = self.ticket(alert, at)?;
        let call = self.scope.resume(record.call)?;
        match record.action {
            Action::OpenTicket { draft, .. } => at.desk.open(&call, &draft).await,
            _ => Err(Error::new(Kind::Internal, "a ticket action opens a ticket")),
        }
    }

    async fn block_all(
        &self,
        blocklist: &Arc<dyn Blocklist>,
        alerts: &[Alert],
        tickets: &[Standing<'_>],
        report: &mut Report,
    ) {
        for alert in alerts.iter().filter(|a| blockable(a).is_none()) {
            let (ip, why) = (alert.ip(), not_blockable(alert));
            self.note(report, blocklist.name(), alert, Verdict::NotBlocked { ip, why });
        }
        let alerts_of: HashMap<Target, &Alert> =
            distinct_by(alerts, blockable).filter_map(|a| Some((blockable(a)?, a))).collect();
        let call = self.scope.call();
        let verdicts = match self.enforce(blocklist, &call, self.blocks(alerts)).await {
            Ok(verdicts) => verdicts,
            Err(error) => {
                if let Some(alert) = alerts.first() {
                    let verdict = Verdict::Failed { what: "plan the blocks", error };
                    self.note(report, blocklist.name(), alert, verdict);
                }
                return;
            }
        };
        for (target, verdict) in verdicts {
            let Some(alert) = alerts_of.get(&target) else { continue };
            let held = match &verdict {
                Verdict::Blocked { expires, .. } => Some(*expires),
                _ => None,
            };
            self.note(report, blocklist.name(), alert, verdict);
            let Some(expires) = held else { continue };
            let on = blocklist.name();
            for standing in tickets.iter().filter(|s| blockable(s.alert) == Some(target)) {
                let until = expires
                    .map_or_else(|| "until it is lifted".to_owned(), |t| format!("until {t}"));
                let text = RichText::new().text(format!("{target} is blocked on {on} {until}."));
                let marker = block_marker(&standing.key, target, on);
                self.comment(standing, Comment::new(marker, text), report).await;
            }
        }
    }

    /// Plans and applies; a verdict for every request.
    async fn enforce(
        &self,
        blocklist: &Arc<dyn Blocklist>,
        call: &Call,
        requests: Vec<BlockRequest>,
    ) -> Result<Vec<(Target, Verdict)>> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let plan = blocklist.plan(call, requests).await?;
        let refused = plan.refused().iter().map(|(request, refusal)| {
            let (target, why) = (request.target, refusal.to_string());
            (target, Verdict::NotBlocked { ip: Some(target.addr()), why })
        });
        let mut verdicts: Vec<_> = refused.collect();
        for (admitted, held) in plan.kept() {
            let (target, expires) = (admitted.target(), held.expires);
            verdicts.push((target, Verdict::Blocked { target, expires, already: true }));
        }
        let mut applied = blocklist.apply(call, plan).await;
        for (target, verdict) in std::mem::take(&mut applied.items) {
            if verdicts.iter().all(|(t, _)| *t != target) {
                verdicts.push((target, block_verdict(target, verdict, applied.expires(&target))));
            }
        }
        Ok(verdicts)
    }

    async fn comment(&self, standing: &Standing<'_>, comment: Comment, report: &mut Report) {
        let desk = &standing.desk.desk;
        let call = self.scope.call();
        let verdict = match desk.comment(&call, &standing.ticket.id, &comment).await {
            Ok(()) => Verdict::Commented { ticket: standing.ticket.clone() },
            Err(error) => Verdict::Failed { what: "comment", error },
        };
        self.note(report, desk.name(), standing.alert, verdict);
    }

    fn note(&self, report: &mut Report, on: &ConnectorName, alert: &Alert, verdict: Verdict) {
        report.add(self.scope.clock().now(), on, alert, verdict);
    }
}

/// The marker of the comment that says on a ticket that its attacker is blocked: the same on every
/// run, so that it is said once.
pub fn block_marker(key: &TicketKey, target: Target, on: &ConnectorName) -> Marker {
    Marker::derive(key.as_str(), &format!("block {target} on {on}"))
}

fn block_verdict(target: Target, verdict: BlockVerdict, expires: Option<Timestamp>) -> Verdict {
    let already = matches!(verdict, BlockVerdict::AlreadyPresent);
    match verdict {
        BlockVerdict::Refused(refusal) => {
            Verdict::NotBlocked { ip: Some(target.addr()), why: refusal.to_string() }
        }
        BlockVerdict::Failed(error) => Verdict::Failed { what: "block", error },
        other if other.outcome() == Outcome::Applied => {
            Verdict::Blocked { target, expires, already }
        }
        other => {
            let error = Error::new(Kind::Conflict, other.reason().unwrap_or_default())
                .with_outcome(other.outcome());
            Verdict::Failed { what: "block", error }
        }
    }
}

/// The address to block: not one that only somebody's word gives.
fn blockable(alert: &Alert) -> Option<Target> {
    let client = alert.client.as_ref()?;
    (client.attribution != Attribution::Claimed).then(|| Target::from(client.ip))
}

fn not_blockable(alert: &Alert) -> String {
    match &alert.client {
        None => "the alert names no client".to_owned(),
        Some(client) => format!("{} is only claimed by a header", client.ip),
    }
}

/// The first alert of each distinct key, in order; those without a key are left out.
fn distinct_by<K: std::hash::Hash + Eq>(
    alerts: &[Alert],
    key: impl Fn(&Alert) -> Option<K>,
) -> impl Iterator<Item = &Alert> {
    let mut seen = std::collections::HashSet::new();
    alerts.iter().filter(move |alert| key(alert).is_some_and(|k| seen.insert(k)))
}
