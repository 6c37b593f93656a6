//! Watchfloor's words in ServiceNow's, and back.

use watchfloor_core::{
    Comment, Count, Priority, RichText, Ticket, TicketId, TicketKey, Timestamp, cut,
};

use crate::known::Limits;
use crate::states::States;
use crate::wire::{Fields, Record, display, value};

/// The fields that a [`Ticket`] is made from.
pub(crate) const TICKET_FIELDS: &str = "sys_id,number,state,short_description,description,priority,\
     correlation_id,correlation_display,assignment_group,assigned_to,sys_created_on";

/// One line, as long as the column holds. In Java a text's length is in UTF-16.
pub(crate) fn short_description(text: &str, limits: &Limits) -> String {
    cut(&one_line(text), limits.short_description, Count::Utf16).into_owned()
}

pub(crate) fn description(text: &str, limits: &Limits) -> String {
    cut(&inert(text), limits.description, Count::Utf16).into_owned()
}

/// A comment as it is written: what is cut is cut before its mark.
pub(crate) fn note(comment: &Comment, limits: &Limits) -> String {
    let mark = comment.mark();
    let text = inert(&comment.text.to_string());
    let room = limits.journal.saturating_sub(mark.len() + 2);
    format!("{}\n\n{mark}", cut(&text, room, Count::Utf16))
}

/// Whether the summary is held whole.
pub(crate) fn summary_fits(text: &str, limits: &Limits) -> bool {
    length(&one_line(text)) <= limits.short_description
}

pub(crate) fn body_fits(text: &RichText, limits: &Limits) -> bool {
    length(&inert(&text.to_string())) <= limits.description
}

/// With room for a mark: `[wf:`, 24 digits, `]`, and the blank line before it.
pub(crate) fn comment_fits(text: &RichText, limits: &Limits) -> bool {
    const MARK: usize = 31;
    length(&inert(&text.to_string())) + MARK <= limits.journal
}

fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// `[code]` starts HTML in journals: what came in from outside must not. A space of no width after
/// the bracket ends that, and readers see the text as it was.
pub(crate) fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let name = tag[1..].trim_start_matches('/');
        let code = name.get(..5).is_some_and(|n| n.eq_ignore_ascii_case("code]"));
        out.push_str(if code { "[\u{200b}" } else { "[" });
        rest = &tag[1..];
    }
    out.push_str(rest);
    out
}

/// Impact and urgency; `priority` is computed by the instance and read-only.
pub(crate) const fn impact_urgency(priority: Priority) -> (&'static str, &'static str) {
    match priority {
        Priority::Critical => ("1", "1"),
        Priority::High => ("1", "2"),
        Priority::Medium => ("2", "2"),
        Priority::Low => ("2", "3"),
    }
}

/// What the instance computed.
fn priority(value: &str) -> Option<Priority> {
    Some(match value {
        "1" => Priority::Critical,
        "2" => Priority::High,
        "3" => Priority::Medium,
        "4" | "5" => Priority::Low,
        _ => return None,
    })
}

/// Sets both columns that make the priority.
pub(crate) fn set_priority(fields: &mut Fields, priority: Priority) {
    let (impact, urgency) = impact_urgency(priority);
    fields.insert("impact".to_owned(), impact.to_owned());
    fields.insert("urgency".to_owned(), urgency.to_owned());
}

/// Why a column is not written by name; `None` for one that is.
pub(crate) fn not_by_name(name: &str, limits: &Limits) -> Option<&'static str> {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    match name {
        "" => Some("is no name of a column"),
        _ if !name.bytes().all(word) => Some("is no name of a column"),
        _ if limits.journals.contains(name) => {
            Some("is a journal: what is written to it is appended, so it is said as a comment")
        }
        "correlation_id" => Some("holds the ticket's key"),
        "priority" => Some("is computed by the instance; give a priority"),
        _ if name.starts_with("sys_") || name == "number" => Some("is kept by the platform"),
        _ => None,
    }
}

/// The same of a column in the configuration, where what a draft says has no place either.
pub(crate) fn not_for_configuration(name: &str) -> Option<&'static str> {
    match name {
        "short_description" | "description" | "impact" | "urgency" | "state" => {
            Some("is set by each ticket")
        }
        _ => not_by_name(name, &Limits::default()),
    }
}

/// `2026-11-22 01:40:00`, UTC without saying so.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    text.trim().replacen(' ', "T", 1).parse().ok().or_else(|| {
        let utc = format!("{}Z", text.trim().replacen(' ', "T", 1));
        utc.parse().ok()
    })
}

/// The ticket of a record read with `sysparm_display_value=all`; `base` is the instance's URL.
pub(crate) fn ticket(record: &Record, base: &url::Url, table: &str, states: &States) -> Ticket {
    let id = value(record, "sys_id");
    let state = value(record, "state");
    let mut ticket = Ticket::new(TicketId::new(id), states.category(state));
    state.clone_into(&mut ticket.state);
    let key = value(record, "correlation_id");
    if !key.is_empty() {
        ticket.key = Some(TicketKey::given(key));
    }
    display(record, "number").clone_into(&mut ticket.display);
    ticket.url = link(base, table, id);
    display(record, "short_description").clone_into(&mut ticket.summary);
    let told = |field: &str| record.get(field).map(|cell| cell.value().to_owned());
    ticket.body = told("description");
    ticket.assignee = told("assigned_to");
    ticket.priority = priority(value(record, "priority"));
    ticket.created = time(value(record, "sys_created_on"));
    let group = display(record, "assignment_group");
    if !group.is_empty() {
        ticket.place.insert("group".to_owned(), group.to_owned());
    }
    ticket
}

/// The record's page: `https://acme.service-now.com/incident.do?sys_id=…`.
fn link(base: &url::Url, table: &str, id: &str) -> Option<String> {
    let mut url = base.join(&format!("{table}.do")).ok()?;
    url.query_pairs_mut().append_pair("sys_id", id);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use watchfloor_core::Marker;

    use super::*;

    #[test]
    fn t16_text_is_cut_at_characters() {
        let limits = Limits::default();
        let text = "ü".repeat(200);
        assert_eq!(short_description(&text, &limits).chars().count(), 160);
        assert_eq!(short_description("one\ntwo", &limits), "one two");
        let cut = description(&"😀".repeat(5000), &limits);
        assert!(cut.ends_with('…'));
        assert!(length(&cut) <= 4000 && length(&cut) > 3990, "{}", length(&cut));
    }

    #[test]
    fn a_long_comment_is_cut_before_its_mark() {
        let limits = Limits { journal: 100, ..Limits::default() };
        let text = RichText::new().text("😀".repeat(100));
        let comment = Comment::new(Marker::derive("wf-1", "x"), text);
        let note = note(&comment, &limits);
        assert!(note.ends_with(&format!("…\n\n{}", comment.mark())), "{note}");
        assert!(length(&note) <= 100);
        assert!(!comment_fits(&comment.text, &limits));
        assert!(comment_fits(&RichText::new().text("y".repeat(69)), &limits));
        assert!(!comment_fits(&RichText::new().text("y".repeat(70)), &limits));
    }

    #[test]
    fn times_are_utc_without_saying_so() {
        let t = time("2026-11-22 01:40:00").unwrap();
        assert_eq!(t.to_string(), "2026-11-22T01:40:00.000Z");
        assert!(time("21/11/2026 20:00:00").is_none());
    }

    #[test]
    fn html_from_outside_stays_inert() {
        let inert_once = inert("a [code]<b>x</b>[/CODE] [0]");
        assert_eq!(inert_once, "a [\u{200b}code]<b>x</b>[\u{200b}/CODE] [0]");
        assert_eq!(inert(&inert_once), inert_once);
    }

    #[test]
    fn the_priority_that_is_set_is_the_one_that_is_computed() {
        for set in [Priority::Critical, Priority::High, Priority::Medium, Priority::Low] {
            let (impact, urgency) = impact_urgency(set);
            let sum = impact.parse::<u8>().unwrap() + urgency.parse::<u8>().unwrap() - 1;
            assert_eq!(priority(&sum.to_string()), Some(set));
        }
        assert_eq!(priority(""), None);
    }

    #[test]
    fn what_appends_or_is_the_platform_s_is_not_written_by_name() {
        let limits = Limits::default();
        for name in [
            "work_notes",
            "comments",
            "sys_id",
            "number",
            "correlation_id",
            "priority",
            "",
            "a^b",
            "A",
        ] {
            assert!(not_by_name(name, &limits).is_some(), "{name:?}");
        }
        for name in ["category", "u_risk_2", "close_notes"] {
            assert_eq!(not_by_name(name, &limits), None, "{name:?}");
        }
    }
}
