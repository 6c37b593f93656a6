//! Watchfloor's words in Jira's, and back.

use watchfloor_core::{
    Count, Priority, StatusCategory, Ticket, TicketDraft, TicketId, TicketKey, Timestamp, cut,
};

use crate::wire::{Issue, PROPERTY};

/// The fields that a [`Ticket`] is made from.
pub(crate) const TICKET_FIELDS: [&str; 6] =
    ["summary", "status", "labels", "created", "project", "components"];

/// The key as a label, and the draft's own; a label holds no whitespace.
pub(crate) fn labels(draft: &TicketDraft) -> Vec<String> {
    let own = draft.labels.iter().map(|l| l.split_whitespace().collect::<Vec<_>>().join("-"));
    std::iter::once(draft.key().as_str().to_owned())
        .chain(own.filter(|l| !l.is_empty()).map(|l| cut(&l, 255, Count::Chars).into_owned()))
        .collect()
}

/// The names of the default priority scheme.
pub(crate) const fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Critical => "Highest",
        Priority::High => "High",
        Priority::Medium => "Medium",
        Priority::Low => "Low",
    }
}

/// The status category's key: a fixed set, whatever the status is called and in which language.
pub(crate) fn status(category: Option<&str>) -> StatusCategory {
    match category {
        Some("done") => StatusCategory::Done,
        Some("indeterminate") => StatusCategory::InProgress,
        _ => StatusCategory::New,
    }
}

/// `2026-11-22T01:40:00.000+0000`: the offset has no colon, so it is not RFC 3339.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let (head, offset) = text.split_at_checked(text.len().checked_sub(5)?)?;
    let (hours, minutes) = offset.split_at_checked(3)?;
    let colon = if offset.starts_with(['+', '-']) { ":" } else { return text.parse().ok() };
    format!("{head}{hours}{colon}{minutes}").parse().ok()
}

/// Whether the issue carries the key: in our property, or as a label where properties were not
/// asked for or are gone.
pub(crate) fn has_key(issue: &Issue, key: &TicketKey) -> bool {
    match issue.properties.pointer(&format!("/{PROPERTY}/key")).and_then(|v| v.as_str()) {
        Some(held) => held == key.as_str(),
        None => issue.fields.labels.iter().flatten().any(|l| l == key.as_str()),
    }
}

/// The ticket of an issue; `base` is the site's URL.
pub(crate) fn ticket(issue: &Issue, base: &url::Url) -> Ticket {
    let fields = &issue.fields;
    let category = fields.status.as_ref().and_then(|s| s.category.as_ref());
    let mut ticket =
        Ticket::new(TicketId::new(&*issue.id), status(category.and_then(|c| c.key.as_deref())));
    let held = issue.properties.pointer(&format!("/{PROPERTY}/key")).and_then(|v| v.as_str());
    let label = || fields.labels.iter().flatten().find(|l| l.starts_with("wf-"));
    ticket.key = held.or_else(|| label().map(String::as_str)).map(TicketKey::given);
    name(&mut ticket, &issue.key, base);
    ticket.summary = fields.summary.clone().unwrap_or_default();
    ticket.created = fields.created.as_deref().and_then(time);
    if let Some(project) = fields.project.as_ref().and_then(|p| p.key.clone()) {
        ticket.place.insert("project".to_owned(), project);
    }
    if let Some(component) = fields.components.iter().flatten().next().and_then(|c| c.name.clone())
    {
        ticket.place.insert("component".to_owned(), component);
    }
    ticket
}

/// The ticket as people name it, and where they see it.
pub(crate) fn name(ticket: &mut Ticket, key: &str, base: &url::Url) {
    if !key.is_empty() {
        key.clone_into(&mut ticket.display);
        ticket.url = base.join(&format!("browse/{key}")).ok().map(Into::into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_a_colon_in_the_offset() {
        let t = time("2026-11-22T01:40:00.000+0100").unwrap();
        assert_eq!(t.to_string(), "2026-11-22T00:40:00.000Z");
        assert!(time("2026-11-22T01:40:00.000Z").is_some());
        for bad in ["", "x", "ääääää", "2026"] {
            assert!(time(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn t18_t19_status_goes_by_category_key() {
        assert_eq!(status(Some("done")), StatusCategory::Done);
        assert_eq!(status(Some("indeterminate")), StatusCategory::InProgress);
        assert_eq!(status(None), StatusCategory::New);
    }
}
