//! Alerts in, verdicts out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::{
    Action, Alert, Applied, Attribution, BlockRequest, BlockVerdict, Blocklist, Comment,
    ConnectorName, Error, Kind, Lease, Marker, Opened, Outcome, Result, RichText, Scope, Target,
    Ticket, TicketDesk, TicketKey,
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
    pub fn blocks(&self, alerts: &[Alert]) -> Result<Vec<BlockRequest>> {
        alerts.iter().try_for_each(|alert| self.scope.own(&alert.tenant))?;
        Ok(distinct_by(alerts, blockable).filter_map(|alert| self.block(alert)).collect())
    }

    fn block(&self, alert: &Alert) -> Option<BlockRequest> {
        let (target, client) = (blockable(alert)?, alert.client.as_ref()?);
        let reason = format!("{}: {}", alert.title, alert.explanation);
        let (lease, key) = (Lease::For(self.lease), alert.ticket_key());
        Some(BlockRequest::new(target, client.attribution, lease, reason, key.as_str()))
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
        let on = blocklist.name();
        let mut named: BTreeMap<Target, Vec<&Alert>> = BTreeMap::new();
        let mut requests = Vec::new();
        for alert in alerts {
            let verdict = match (self.scope.own(&alert.tenant), blockable(alert)) {
                (Err(error), _) => Verdict::Failed { what: "block", error },
                (Ok(()), None) => Verdict::NotBlocked { ip: alert.ip(), why: not_blockable(alert) },
                (Ok(()), Some(target)) => {
                    let alerts = named.entry(target).or_default();
                    if alerts.is_empty() {
                        requests.extend(self.block(alert));
                    }
                    alerts.push(alert);
                    continue;
                }
            };
            self.note(report, on, alert, verdict);
        }
        for (target, verdict) in self.enforce(blocklist, requests).await {
            let Some(alerts) = named.get(&target) else { continue };
            let text = block_text(&verdict, on);
            self.note(report, on, alerts[0], verdict);
            let Some(text) = text else { continue };
            let keys: HashSet<TicketKey> = alerts.iter().map(|a| a.ticket_key()).collect();
            for standing in tickets.iter().filter(|s| keys.contains(&s.key)) {
                let text = RichText::new().text(text.clone());
                let marker = block_marker(&standing.key, target, on);
                self.comment(standing, Comment::new(marker, text), report).await;
            }
        }
    }

    /// Plans and applies; a verdict for every request, in their order.
    async fn enforce(
        &self,
        blocklist: &Arc<dyn Blocklist>,
        requests: Vec<BlockRequest>,
    ) -> Vec<(Target, Verdict)> {
        if requests.is_empty() {
            return Vec::new();
        }
        let targets: Vec<Target> = requests.iter().map(|r| r.target).collect();
        let call = self.scope.call();
        let plan = match blocklist.plan(&call, requests).await {
            Ok(plan) => plan,
            Err(error) => {
                let failed = |error: &Error| {
                    let error = error.clone();
                    Verdict::Failed { what: "plan the block", error }
                };
                return targets.into_iter().map(|t| (t, failed(&error))).collect();
            }
        };
        let refused = plan.refused().iter().map(|(r, refusal)| (r.target, refusal.to_string()));
        let refused: HashMap<Target, String> = refused.collect();
        let applied = blocklist.apply(&call, plan).await;
        let verdict = |target| match refused.get(&target) {
            Some(why) => Verdict::NotBlocked { ip: Some(target.addr()), why: why.clone() },
            None => block_verdict(target, &applied),
        };
        targets.into_iter().map(|target| (target, verdict(target))).collect()
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

/// What is said of a block on the tickets; nothing where there is none.
fn block_text(verdict: &Verdict, on: &ConnectorName) -> Option<String> {
    let Verdict::Blocked { target, expires, already } = verdict else { return None };
    Some(match (expires, already) {
        (Some(at), _) => format!("{target} is blocked on {on} until {at}."),
        (None, true) => {
            format!("{target} is blocked on {on}: it was before, until when is not known.")
        }
        (None, false) => format!("{target} is blocked on {on} until it is lifted."),
    })
}

fn block_verdict(target: Target, applied: &Applied) -> Verdict {
    let failed = |error| Verdict::Failed { what: "block", error };
    match applied.verdict(&target) {
        None => {
            let error = Error::new(Kind::Internal, format!("no verdict on {target}"));
            failed(error.with_outcome(Outcome::Unknown))
        }
        Some(BlockVerdict::Refused(refusal)) => {
            Verdict::NotBlocked { ip: Some(target.addr()), why: refusal.to_string() }
        }
        Some(BlockVerdict::Failed(error)) => failed(error.clone()),
        Some(verdict) if verdict.outcome() == Outcome::Applied => Verdict::Blocked {
            target,
            expires: applied.expires(&target),
            already: matches!(verdict, BlockVerdict::AlreadyPresent),
        },
        Some(other) => {
            let error = Error::new(Kind::Conflict, other.reason().unwrap_or_default());
            failed(error.with_outcome(other.outcome()))
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
    let mut seen = HashSet::new();
    alerts.iter().filter(move |alert| key(alert).is_some_and(|k| seen.insert(k)))
}
