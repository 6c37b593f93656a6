//! Watchfloor's words in Jira's, and back.

use serde_json::{Value, json};
use watchfloor_core::{
    Count, StatusCategory, Ticket, TicketDraft, TicketId, TicketKey, Timestamp, cut,
};

use crate::config::Priorities;
use crate::dialect::Flavor;
use crate::text::{self, Limit};
use crate::wire::{FieldMeta, Issue, PROPERTY};

/// The fields that a [`Ticket`] of a look-up is made from.
pub(crate) const FIND_FIELDS: [&str; 8] =
    ["summary", "status", "labels", "created", "project", "components", "priority", "assignee"];

/// The key as a label, and the draft's own; a label holds no whitespace.
pub(crate) fn labels(draft: &TicketDraft) -> Vec<String> {
    let own = draft.labels.iter().map(|l| l.split_whitespace().collect::<Vec<_>>().join("-"));
    let own = own.map(|l| l.replace(char::is_control, ""));
    let key = draft.key().as_str();
    std::iter::once(key.to_owned())
        .chain(own.filter(|l| !l.is_empty()).map(|l| cut(&l, 255, Count::Utf16).into_owned()))
        .collect()
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

fn held_key(issue: &Issue) -> Option<&str> {
    issue.properties.get(PROPERTY)?.get("key")?.as_str()
}

/// Whether the issue carries the key: in our property, or as a label where properties were not
/// asked for or are gone.
pub(crate) fn has_key(issue: &Issue, key: &TicketKey) -> bool {
    match held_key(issue) {
        Some(held) => held == key.as_str(),
        None => issue.fields.labels.iter().flatten().any(|l| l == key.as_str()),
    }
}

/// The ticket of an issue; `asked` are fields in Jira's words.
pub(crate) fn ticket(
    issue: &Issue,
    flavor: Flavor,
    priorities: &Priorities,
    browse: Option<&url::Url>,
    asked: &[&str],
) -> Ticket {
    let fields = &issue.fields;
    let category = fields.status.as_ref().and_then(|s| s.category.as_ref());
    let mut ticket =
        Ticket::new(TicketId::new(&*issue.id), status(category.and_then(|c| c.key.as_deref())));
    let label = || fields.labels.iter().flatten().find(|l| l.starts_with("wf-"));
    ticket.key = held_key(issue).or_else(|| label().map(String::as_str)).map(TicketKey::given);
    name(&mut ticket, &issue.key, browse);
    ticket.state = fields.status.as_ref().map(|s| s.id.clone()).unwrap_or_default();
    ticket.summary = fields.summary.clone().unwrap_or_default();
    ticket.body = fields.description.as_ref().map(|held| text::plain(flavor, held));
    let priority = fields.priority.as_ref().and_then(|p| p.name.as_deref());
    ticket.priority = priority.and_then(|name| priorities.of_name(name));
    ticket.assignee = fields.assignee.as_ref().and_then(|user| match user {
        Value::Null => Some(String::new()),
        user => flavor.user_id(user).map(str::to_owned),
    });
    ticket.created = fields.created.as_deref().and_then(time);
    if let Some(project) = fields.project.as_ref().and_then(|p| p.key.clone()) {
        ticket.place.insert("project".to_owned(), project);
    }
    if let Some(component) = fields.components.iter().flatten().next().and_then(|c| c.name.clone())
    {
        ticket.place.insert("component".to_owned(), component);
    }
    for name in asked {
        if let Some(held) = fields.others.get(*name) {
            ticket.fields.insert((*name).to_owned(), shown(flavor, held));
        }
    }
    ticket
}

/// The ticket as people name it, and where they see it.
pub(crate) fn name(ticket: &mut Ticket, key: &str, browse: Option<&url::Url>) {
    if !key.is_empty() {
        key.clone_into(&mut ticket.display);
        let url = browse.and_then(|base| base.join(&format!("browse/{key}")).ok());
        ticket.url = url.map(Into::into);
    }
}

/// A field's value as text, in the words in which it is set.
fn shown(flavor: Flavor, held: &Value) -> String {
    match held {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shown(flavor, item)).collect();
            items.join(",")
        }
        Value::Object(_) if held["type"] == "doc" => text::plain(flavor, held),
        Value::Object(_) => {
            let word = ["value", "name", "accountId", "key", "id"];
            let word = word.iter().find_map(|key| held[*key].as_str());
            word.map_or_else(|| held.to_string(), str::to_owned)
        }
        other => other.to_string(),
    }
}

/// A value for a field, in the shape that its type has; JSON stands as it is.
pub(crate) fn typed(flavor: Flavor, meta: Option<&FieldMeta>, limit: Limit, value: &str) -> Value {
    if let Ok(json @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(value) {
        return json;
    }
    let Some(meta) = meta else { return json!(value) };
    let one = |kind: &str| {
        let by_id = meta.allowed.iter().any(|a| a["id"] == value);
        match kind {
            "option" if !by_id => json!({ "value": value }),
            "user" => flavor.user(value),
            "resolution" | "priority" | "version" | "component" | "issuetype" | "securitylevel"
                if !by_id =>
            {
                json!({ "name": value })
            }
            "string" if !by_id => json!(value),
            _ if by_id => json!({ "id": value }),
            _ => json!(value),
        }
    };
    match meta.schema.kind.as_str() {
        "number" => {
            value.parse::<serde_json::Number>().map_or_else(|_| json!(value), Value::Number)
        }
        "array" => {
            let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
            items
                .map(|item| {
                    if meta.schema.items.is_empty() {
                        json!(item)
                    } else {
                        typed_item(flavor, meta, item)
                    }
                })
                .collect()
        }
        "string" if meta.schema.custom.ends_with(":textarea") => {
            text::render(flavor, &watchfloor_core::RichText::plain(value), None, limit)
        }
        kind => one(kind),
    }
}

/// An item of a list.
fn typed_item(flavor: Flavor, meta: &FieldMeta, item: &str) -> Value {
    let by_id = meta.allowed.iter().any(|a| a["id"] == item);
    match meta.schema.items.as_str() {
        "string" => json!(item),
        "user" => flavor.user(item),
        _ if by_id => json!({ "id": item }),
        "option" => json!({ "value": item }),
        _ => json!({ "name": item }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Schema;

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

    #[test]
    fn a_value_takes_the_shape_of_its_field() {
        let limit = Limit::new(32_767);
        let field = |kind: &str, items: &str| FieldMeta {
            schema: Schema { kind: kind.into(), items: items.into(), custom: String::new() },
            allowed: vec![json!({ "id": "7", "value": "seven" })],
            ..FieldMeta::default()
        };
        for (kind, items, value, cloud) in [
            ("string", "", "a", json!("a")),
            ("number", "", "1.5", json!(1.5)),
            ("option", "", "seven", json!({ "value": "seven" })),
            ("option", "", "7", json!({ "id": "7" })),
            ("user", "", "5b10", json!({ "accountId": "5b10" })),
            ("resolution", "", "Done", json!({ "name": "Done" })),
            ("array", "option", "a, 7", json!([{ "value": "a" }, { "id": "7" }])),
            ("array", "string", "a,b", json!(["a", "b"])),
            (
                "any",
                "",
                r#"{"value":"x","child":{"value":"y"}}"#,
                json!({ "value": "x", "child": { "value": "y" } }),
            ),
        ] {
            assert_eq!(
                typed(Flavor::Cloud, Some(&field(kind, items)), limit, value),
                cloud,
                "{kind}"
            );
        }
        let area = FieldMeta {
            schema: Schema {
                kind: "string".into(),
                custom: "com.atlassian.jira.plugin.system.customfieldtypes:textarea".into(),
                ..Schema::default()
            },
            ..FieldMeta::default()
        };
        assert_eq!(typed(Flavor::Cloud, Some(&area), limit, "x")["type"], "doc");
        assert_eq!(typed(Flavor::DataCenter, Some(&area), limit, "*x*"), r"\*x\*");
        assert_eq!(
            typed(Flavor::DataCenter, Some(&field("user", "")), limit, "ada"),
            json!({ "name": "ada" })
        );
    }
}
