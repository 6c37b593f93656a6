//! Alerts: OCSF Detection Finding (2004), typed.
//!
//! [`Alert`]'s serde form *is* its OCSF document; `json.rs` maps between the two. The shape is
//! final: stored alerts and other programs read it.

mod attack;
mod json;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use attack::Attack;
pub use json::BadAlert;

use crate::{AlertId, Client, EventId, Fingerprint, RichText, TenantId, TicketKey, Timestamp, Who};

/// OCSF `severity_id`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 0
    #[default]
    Unknown,
    /// 1
    Informational,
    /// 2
    Low,
    /// 3
    Medium,
    /// 4
    High,
    /// 5
    Critical,
    /// 6
    Fatal,
}

impl Severity {
    /// OCSF's number.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// OCSF's caption.
    pub const fn caption(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Informational => "Informational",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
            Self::Fatal => "Fatal",
        }
    }

    /// From OCSF's number; `Unknown` for one it does not name.
    pub const fn from_id(id: u64) -> Self {
        match id {
            1 => Self::Informational,
            2 => Self::Low,
            3 => Self::Medium,
            4 => Self::High,
            5 => Self::Critical,
            6 => Self::Fatal,
            _ => Self::Unknown,
        }
    }
}

/// OCSF `status_id` of a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// 1
    #[default]
    New,
    /// 2
    InProgress,
    /// 3: known and not to be worked on, such as a false positive
    Suppressed,
    /// 4
    Resolved,
}

impl AlertStatus {
    /// OCSF's number.
    pub const fn id(self) -> u8 {
        match self {
            Self::New => 1,
            Self::InProgress => 2,
            Self::Suppressed => 3,
            Self::Resolved => 4,
        }
    }
}

/// Something to look for elsewhere: an address, an account, a rule that fired.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Indicator {
    /// What it is: `ip`, `user`, `user_agent`, `path`, `rule`.
    pub kind: String,
    /// Its value, masked where it was a secret.
    pub value: String,
}

impl Indicator {
    /// An indicator.
    pub fn new(kind: impl Into<String>, value: impl Into<String>) -> Self {
        Self { kind: kind.into(), value: value.into() }
    }
}

/// One request that shows the attack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The event it comes from.
    pub event: Option<EventId>,
    /// When.
    pub time: Timestamp,
    /// The request's id in the logs.
    pub request_id: Option<String>,
    /// What was seen, in one masked line: `POST /api/login 401`.
    pub what: String,
}

impl Evidence {
    /// One line of evidence.
    pub fn new(time: Timestamp, what: impl Into<String>) -> Self {
        Self { event: None, time, request_id: None, what: what.into() }
    }
}

/// An attack that was found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Alert {
    /// Derived from tenant, fingerprint and episode start.
    pub id: AlertId,
    /// Whose.
    pub tenant: TenantId,
    /// What makes it the same attack.
    pub fingerprint: Fingerprint,
    /// The kind of attack.
    pub attack: Attack,
    /// The client it comes from, with how that is known; `None` for findings about an API.
    pub client: Option<Client>,
    /// The account that is attacked or abused, where there is one.
    pub account: Option<String>,
    /// `host` of the API, where the log says.
    pub host: Option<String>,
    /// The group of URLs it is about, such as `/api/orders/{orderId}`.
    pub url_group: String,
    /// One line.
    pub title: String,
    /// The arithmetic that fired, in words.
    pub explanation: String,
    /// How serious.
    pub severity: Severity,
    /// 0…100.
    pub score: u8,
    /// The detector: `watchfloor.credential_brute_force`.
    pub analytic: String,
    /// The first event of the episode.
    pub first_seen: Timestamp,
    /// The last event that was counted.
    pub last_seen: Timestamp,
    /// When the alert was raised.
    pub time: Timestamp,
    /// How many requests.
    pub count: u64,
    /// Things to look for elsewhere.
    pub indicators: Vec<Indicator>,
    /// Some of the requests.
    pub evidence: Vec<Evidence>,
    /// Who owns the API, once routed.
    pub owner: Option<String>,
    /// Where in its life it is.
    pub status: AlertStatus,
}

impl Alert {
    /// An alert of an episode; its ids are derived here.
    pub fn build(
        tenant: &TenantId,
        attack: Attack,
        who: &Who,
        url_group: impl Into<String>,
        first_seen: Timestamp,
    ) -> AlertBuilder {
        let url_group = url_group.into();
        let fingerprint = Fingerprint::new(attack, who, &url_group);
        let account = match who {
            Who::Account(name) => Some(name.clone()),
            _ => None,
        };
        AlertBuilder(Self {
            id: AlertId::derive(tenant, &fingerprint, first_seen),
            tenant: tenant.clone(),
            fingerprint,
            attack,
            client: None,
            account,
            host: None,
            title: attack.title().to_owned(),
            url_group,
            explanation: String::new(),
            severity: attack.severity(),
            score: 50,
            analytic: format!("watchfloor.{}", attack.slug()),
            first_seen,
            last_seen: first_seen,
            time: first_seen,
            count: 0,
            indicators: Vec::new(),
            evidence: Vec::new(),
            owner: None,
            status: AlertStatus::New,
        })
    }

    /// The client's address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.client.as_ref().map(|c| c.ip)
    }

    /// The key of its ticket.
    pub fn ticket_key(&self) -> TicketKey {
        TicketKey::derive(&self.tenant, &self.fingerprint, self.first_seen)
    }

    /// What a ticket says of it.
    pub fn report(&self) -> RichText {
        let mut text = RichText::new().text(self.explanation.clone());
        let mut facts = vec![
            format!("Attack: {} ({})", self.attack.title(), self.attack.owasp().unwrap_or("-")),
            format!("Endpoint: {}", self.url_group),
        ];
        if let Some(client) = &self.client {
            facts.push(format!("Source: {} ({})", client.ip, client.attribution.explain()));
        }
        if let Some(account) = &self.account {
            facts.push(format!("Account: {account}"));
        }
        facts.push(format!(
            "Seen: {} requests from {} to {}",
            self.count, self.first_seen, self.last_seen
        ));
        facts.push(format!("Severity: {}, score {}", self.severity.caption(), self.score));
        facts.push(format!("Alert: {}", self.id));
        text = text.text(facts.join("\n"));
        if !self.indicators.is_empty() {
            let lines: Vec<_> =
                self.indicators.iter().map(|i| format!("{}: {}", i.kind, i.value)).collect();
            text = text.text("Indicators:").code(lines.join("\n"));
        }
        if !self.evidence.is_empty() {
            let lines: Vec<_> =
                self.evidence.iter().map(|e| format!("{} {}", e.time, e.what)).collect();
            text = text.text("Evidence:").code(lines.join("\n"));
        }
        text
    }
}

/// Fills in an [`Alert`].
#[derive(Clone, Debug)]
#[must_use]
pub struct AlertBuilder(Alert);

impl AlertBuilder {
    /// The client it comes from.
    pub fn client(mut self, client: Client) -> Self {
        self.0.indicators.push(Indicator::new("ip", client.ip.to_string()));
        self.0.client = Some(client);
        self
    }

    /// The account that is attacked or abused.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.0.account = Some(account.into());
        self
    }

    /// The API's host.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.0.host = Some(host.into());
        self
    }

    /// One line.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.0.title = title.into();
        self
    }

    /// The arithmetic that fired, in words.
    pub fn explanation(mut self, text: impl Into<String>) -> Self {
        self.0.explanation = text.into();
        self
    }

    /// How serious, and 0…100.
    pub fn severity(mut self, severity: Severity, score: u8) -> Self {
        self.0.severity = severity;
        self.0.score = score.min(100);
        self
    }

    /// The last event counted, and how many requests.
    pub fn seen(mut self, last: Timestamp, count: u64) -> Self {
        self.0.last_seen = last;
        self.0.time = self.0.time.max(last);
        self.0.count = count;
        self
    }

    /// Something to look for elsewhere.
    pub fn indicator(mut self, kind: impl Into<String>, value: impl Into<String>) -> Self {
        let indicator = Indicator::new(kind, value);
        if !self.0.indicators.contains(&indicator) {
            self.0.indicators.push(indicator);
        }
        self
    }

    /// One of the requests.
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.0.evidence.push(evidence);
        self
    }

    /// The alert.
    pub fn build(self) -> Alert {
        self.0
    }
}

/// What is written back to an alert's source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AlertPatch {
    /// Its status.
    pub status: Option<AlertStatus>,
    /// Who works on it.
    pub owner: Option<String>,
    /// A comment.
    pub comment: Option<String>,
}
