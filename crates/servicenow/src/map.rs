//! Watchfloor's words in ServiceNow's, and back.

use watchfloor_core::{
    Count, Priority, StatusCategory, Ticket, TicketId, TicketKey, Timestamp, cut,
};

use crate::wire::{Record, display, value};

/// The fields that a [`Ticket`] is made from.
pub(crate) const TICKET_FIELDS: &str = "sys_id,number,state,short_description,correlation_id,correlation_display,assignment_group,\
     sys_created_on";

/// Out of the box, longer text is cut by the instance without a word.
pub(crate) const SHORT_DESCRIPTION: usize = 160;
/// As above.
pub(crate) const DESCRIPTION: usize = 4000;

pub(crate) fn short_description(text: &str) -> String {
    let line: Vec<_> = text.split_whitespace().collect();
    cut(&line.join(" "), SHORT_DESCRIPTION, Count::Chars).into_owned()
}

pub(crate) fn description(text: &str) -> String {
    cut(&inert(text), DESCRIPTION, Count::Chars).into_owned()
}

/// `[code]` starts HTML in journals and descriptions: what came in from outside must not.
pub(crate) fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let name = tag[1..].trim_start_matches('/');
        let code = name.get(..5).is_some_and(|n| n.eq_ignore_ascii_case("code]"));
        out.push_str(if code { "(" } else { "[" });
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

/// The states of the incident table, old and new model: 1 New, 2 In Progress, 3…5 held in one way
/// or another, 6 Resolved, 7 Closed, 8 Canceled.
pub(crate) fn status(state: &str) -> StatusCategory {
    match state {
        "6" | "7" | "8" => StatusCategory::Done,
        "1" | "" => StatusCategory::New,
        _ => StatusCategory::InProgress,
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
pub(crate) fn ticket(record: &Record, base: &url::Url, table: &str) -> Ticket {
    let id = value(record, "sys_id");
    let mut ticket = Ticket::new(TicketId::new(id), status(value(record, "state")));
    let key = value(record, "correlation_id");
    if !key.is_empty() {
        ticket.key = Some(TicketKey::given(key));
    }
    display(record, "number").clone_into(&mut ticket.display);
    ticket.url = link(base, table, id);
    display(record, "short_description").clone_into(&mut ticket.summary);
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
    use super::*;

    #[test]
    fn t16_text_is_cut_at_characters() {
        let text = "ü".repeat(200);
        assert_eq!(short_description(&text).chars().count(), SHORT_DESCRIPTION);
        assert_eq!(short_description("one\ntwo"), "one two");
        assert!(description(&"😀".repeat(5000)).ends_with('…'));
    }

    #[test]
    fn times_are_utc_without_saying_so() {
        let t = time("2026-11-22 01:40:00").unwrap();
        assert_eq!(t.to_string(), "2026-11-22T01:40:00.000Z");
        assert!(time("21/11/2026 20:00:00").is_none());
    }

    #[test]
    fn html_from_outside_stays_inert() {
        assert_eq!(inert("a [code]<b>x</b>[/CODE] [0]"), "a (code]<b>x</b>(/CODE] [0]");
    }

    #[test]
    fn t19_done_is_a_state_not_a_resolution() {
        assert_eq!(status("7"), StatusCategory::Done);
        assert_eq!(status("3"), StatusCategory::InProgress);
        assert_eq!(status("1"), StatusCategory::New);
    }
}
