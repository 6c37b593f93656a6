//! The detectors: each looks at the requests of one client, in the order of their time.

mod login;
mod objects;
mod paths;
mod payloads;
mod rate;
mod window;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use watchfloor_core::{Alert, Attack, EventId, Evidence, TenantId, Who};

use crate::Thresholds;
use crate::seen::Seen;

/// An attack that a detector found: its requests, in order, and why it is one.
pub(crate) struct Finding<'s> {
    attack: Attack,
    requests: Vec<&'s Seen>,
    group: String,
    account: Option<String>,
    indicators: Vec<(&'static str, String)>,
    explanation: String,
    score: u8,
}

/// Every alert that the requests give, in the order of their first request.
///
/// `is_proxy` tells addresses that are never the client: a trusted proxy whose log kept no header.
pub(crate) fn alerts(
    tenant: &TenantId,
    seen: &[Seen],
    limits: &Thresholds,
    is_proxy: impl Fn(IpAddr) -> bool,
) -> Vec<Alert> {
    let mut by_client: BTreeMap<IpAddr, Vec<&Seen>> = BTreeMap::new();
    for request in seen {
        if let Some(client) = request.suspect().filter(|c| !is_proxy(c.ip)) {
            by_client.entry(network(client.ip)).or_default().push(request);
        }
    }
    let public = objects::public(seen);
    let mut alerts: Vec<Alert> = by_client
        .values()
        .flat_map(|requests| one_client(requests, limits, &public))
        .map(|finding| finding.alert(tenant))
        .collect();
    alerts.sort_by(|a, b| (a.first_seen, &a.id).cmp(&(b.first_seen, &b.id)));
    alerts
}

/// What one client did. Every request counts for one kind: what has a name of its own, however
/// fast, is no flood as well.
fn one_client<'s>(
    requests: &[&'s Seen],
    limits: &Thresholds,
    public: &HashSet<&str>,
) -> Vec<Finding<'s>> {
    let mut findings = payloads::find(requests, limits);
    findings.extend(login::find(requests, limits));
    findings.extend(objects::find(requests, limits, public));
    findings.extend(paths::find(requests, limits));
    let named: HashSet<*const Seen> =
        findings.iter().flat_map(|f| &f.requests).map(|r| std::ptr::from_ref(*r)).collect();
    let rest = requests.iter().copied().filter(|r| !named.contains(&std::ptr::from_ref(*r)));
    findings.extend(rate::find(&rest.collect::<Vec<_>>(), limits));
    findings
}

/// Whose requests count together: an IPv6 client has its /64, as in fingerprints.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
    }
}

impl Finding<'_> {
    fn alert(self, tenant: &TenantId) -> Alert {
        let (first, last) = (self.requests[0], self.requests[self.requests.len() - 1]);
        // The best word on who it is that any of the requests has.
        let clients = self.requests.iter().filter_map(|r| r.suspect());
        let client = clients.min_by_key(|c| c.attribution).expect("grouped by client");
        let ip = client.ip;
        let title = format!("{} from {ip} on {}", self.attack.title(), self.group);
        let mut alert =
            Alert::build(tenant, self.attack, &Who::Client(ip), self.group.clone(), first.time)
                .client(client)
                .title(title)
                .explanation(self.explanation)
                .severity(self.attack.severity(), self.score)
                .seen(last.time, self.requests.len() as u64);
        if let Some(host) = &first.host {
            alert = alert.host(host.to_string());
        }
        if let Some(account) = self.account {
            alert = alert.account(account.clone()).indicator("user", account);
        }
        for (kind, value) in self.indicators {
            alert = alert.indicator(kind, value);
        }
        let shown = self.requests.iter().take(3).chain(self.requests.iter().skip(3).last());
        for request in shown {
            alert = alert.evidence(evidence(request));
        }
        alert.build()
    }
}

fn evidence(request: &Seen) -> Evidence {
    let status = request.status.map_or_else(|| "-".to_owned(), |s| s.to_string());
    let mut what = format!("{} {} {status}", request.method, request.path);
    if let Some(user) = &request.user {
        let _ = write!(what, " as {user}");
    }
    if let Some((_, rules)) = &request.payload {
        let _ = write!(what, " (rules {})", rules.join(", "));
    }
    let mut evidence = Evidence::new(request.time, what);
    evidence.event = Some(EventId::new(&*request.event));
    evidence.request_id = request.request_id.as_deref().map(str::to_owned);
    evidence
}

/// The group that most of the requests are about; of several the first by name.
fn most_hit(requests: &[&Seen]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for request in requests {
        *counts.entry(&request.place.group).or_default() += 1;
    }
    let most = counts.iter().max_by_key(|(group, n)| (**n, std::cmp::Reverse(**group)));
    most.map(|(group, _)| (*group).to_owned()).unwrap_or_default()
}

/// `42 s`, for explanations; never zero.
fn span(requests: &[&Seen]) -> String {
    let (first, last) = (requests[0].time, requests[requests.len() - 1].time);
    format!("{} s", last.since(first).as_secs().max(1))
}
