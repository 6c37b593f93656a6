//! Tickets: what is asked of a desk, and what it answers.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::hash::FieldHash;
use crate::{Alert, RichText, Severity, TenantId, TicketId, TicketKey, Timestamp};

/// What sort of ticket it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TicketKind {
    /// Something is wrong now.
    #[default]
    Incident,
    /// Its cause.
    Problem,
    /// A planned change.
    Change,
    /// An incident in the security desk.
    SecurityIncident,
    /// Work to be done.
    Task,
}

/// How urgent it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// When there is time.
    Low,
    /// In turn.
    #[default]
    Medium,
    /// Before the others.
    High,
    /// Now.
    Critical,
}

impl From<Severity> for Priority {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Critical | Severity::Fatal => Self::Critical,
            Severity::High => Self::High,
            Severity::Medium | Severity::Unknown => Self::Medium,
            Severity::Low | Severity::Informational => Self::Low,
        }
    }
}

/// Where in its life a ticket is, whatever its product calls the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusCategory {
    /// Nobody works on it yet.
    New,
    /// Somebody does.
    InProgress,
    /// It is resolved, closed or cancelled.
    Done,
}

/// The team a ticket goes to, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Route {
    /// The owner's name, as configured.
    pub owner: String,
    /// Why this owner, in words for the ticket.
    pub reason: String,
    /// The place in the desk, in the desk's words: ServiceNow `group`; Jira `project`, `component`.
    pub place: BTreeMap<String, String>,
}

impl Route {
    /// A route to an owner.
    pub fn new(owner: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { owner: owner.into(), reason: reason.into(), place: BTreeMap::new() }
    }

    /// One word of the place.
    pub fn at(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.place.insert(key.into(), value.into());
        self
    }
}

/// A ticket to be opened. Made by [`Scope::draft`](crate::Scope::draft) alone; change its fields
/// after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TicketDraft {
    tenant: TenantId,
    key: TicketKey,
    /// What sort of ticket.
    pub kind: TicketKind,
    /// How urgent.
    pub priority: Priority,
    /// One line.
    pub summary: String,
    /// The text.
    pub body: RichText,
    /// The team it goes to; the connector's own default place without one.
    pub route: Option<Route>,
    /// Labels, where the desk has them.
    pub labels: Vec<String>,
}

impl TicketDraft {
    pub(crate) fn new(tenant: TenantId, key: TicketKey, summary: String) -> Self {
        Self {
            tenant,
            key,
            kind: TicketKind::default(),
            priority: Priority::default(),
            summary,
            body: RichText::new(),
            route: None,
            labels: Vec::new(),
        }
    }

    pub(crate) fn of_alert(alert: &Alert, route: Route) -> Self {
        let mut draft = Self::new(alert.tenant.clone(), alert.ticket_key(), alert.title.clone());
        draft.priority = alert.severity.into();
        draft.body = alert.report().text(format!("Owner: {}. {}", route.owner, route.reason));
        draft.labels = vec!["watchfloor".to_owned(), alert.attack.slug().to_owned()];
        draft.route = Some(route);
        draft
    }

    /// Whose ticket.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// What makes it the same ticket.
    pub fn key(&self) -> &TicketKey {
        &self.key
    }

    /// The ticket that was created of this draft, as far as the draft knows it: for a backend whose
    /// create answers little more than an id.
    pub fn opened_as(&self, id: TicketId) -> Ticket {
        let mut ticket = Ticket::new(id, StatusCategory::New);
        ticket.key = Some(self.key.clone());
        ticket.summary.clone_from(&self.summary);
        ticket.priority = Some(self.priority);
        if let Some(route) = &self.route {
            ticket.place.clone_from(&route.place);
        }
        ticket
    }
}

/// What changes in a ticket; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TicketPatch {
    /// One line.
    pub summary: Option<String>,
    /// The text.
    pub body: Option<RichText>,
    /// How urgent.
    pub priority: Option<Priority>,
    /// Whose it is, in the desk's words: ServiceNow a user's `sys_id`, Jira Cloud an `accountId`,
    /// Jira Data Center a user's name.
    pub assignee: Option<String>,
    /// How it ended, for a move to [`StatusCategory::Done`].
    pub resolution: Option<String>,
    /// Fields in the desk's words, such as those that a transition requires.
    pub fields: BTreeMap<String, String>,
}

impl TicketPatch {
    /// Nothing changes.
    pub fn new() -> Self {
        Self::default()
    }
}

/// A ticket as its desk holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ticket {
    /// As the desk's API names it.
    pub id: TicketId,
    /// The key it was opened with.
    pub key: Option<TicketKey>,
    /// As people name it: `INC0010023`, `SEC-7`.
    pub display: String,
    /// Where people see it.
    pub url: Option<String>,
    /// Where in its life it is.
    pub status: StatusCategory,
    /// The status as the desk's API names it; empty where it does not say.
    pub state: String,
    /// One line.
    pub summary: String,
    /// The text, plain, where it was read.
    pub body: Option<String>,
    /// How urgent, where the desk says.
    pub priority: Option<Priority>,
    /// Whose it is, in the words of [`TicketPatch::assignee`]; empty where it is nobody's, `None`
    /// where the desk does not say.
    pub assignee: Option<String>,
    /// When it was opened, where the desk says.
    pub created: Option<Timestamp>,
    /// Where it lies, in the words of [`Route::place`].
    pub place: BTreeMap<String, String>,
    /// Fields in the desk's words that were asked for.
    pub fields: BTreeMap<String, String>,
}

impl Ticket {
    /// A ticket of which no more is known; fill in the rest.
    pub fn new(id: TicketId, status: StatusCategory) -> Self {
        Self {
            display: id.as_str().to_owned(),
            id,
            key: None,
            url: None,
            status,
            state: String::new(),
            summary: String::new(),
            body: None,
            priority: None,
            assignee: None,
            created: None,
            place: BTreeMap::new(),
            fields: BTreeMap::new(),
        }
    }
}

/// What makes a comment the same comment: it stands in the comment's text, so that a comment whose
/// answer was lost is found again, and so that a sync knows its own echo.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marker(String);

impl Marker {
    /// The marker of what is said once about `subject`: the same parts give the same marker.
    pub fn derive(subject: &str, what: &str) -> Self {
        let hash = FieldHash::new("watchfloor comment v1").field("subject", subject);
        Self(format!("wf:{}", hash.field("what", what).hex(12)))
    }

    /// `wf:` and 24 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` carries this marker.
    pub fn is_in(&self, text: &str) -> bool {
        text.contains(&self.0)
    }
}

/// A comment, with the marker that keeps it single.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Comment {
    /// What makes it the same comment.
    pub marker: Marker,
    /// The text, without the marker.
    pub text: RichText,
}

impl Comment {
    /// A comment.
    pub fn new(marker: Marker, text: RichText) -> Self {
        Self { marker, text }
    }

    /// The line that carries the marker: `[wf:…]`.
    pub fn mark(&self) -> String {
        format!("[{}]", self.marker.as_str())
    }

    /// The text with the mark as its last line, as a backend writes it. One whose product limits
    /// the text cuts what comes before the mark.
    pub fn marked(&self) -> RichText {
        self.text.clone().text(self.mark())
    }
}

/// A file for a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// Its name, without directories.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Its content.
    pub bytes: Bytes,
}

impl Attachment {
    /// A file.
    pub fn new(
        name: impl Into<String>,
        content_type: impl Into<String>,
        bytes: impl Into<Bytes>,
    ) -> Self {
        Self { name: name.into(), content_type: content_type.into(), bytes: bytes.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_the_same_each_time_and_found_in_the_text() {
        let marker = Marker::derive("wf-1", "block 203.0.113.7");
        assert_eq!(marker, Marker::derive("wf-1", "block 203.0.113.7"));
        assert_ne!(marker, Marker::derive("wf-1b", "lock 203.0.113.7"));
        let comment = Comment::new(marker.clone(), RichText::new().text("blocked"));
        assert!(marker.is_in(&comment.marked().to_string()));
    }
}
