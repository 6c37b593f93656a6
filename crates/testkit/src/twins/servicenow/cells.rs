//! Records as the Table API shows them.

use std::time::Duration;

use serde_json::{Value, json};
use watchfloor_core::Timestamp;

use crate::Request;

use super::query::Row;
use super::schema;
use super::state::State;

/// How far behind UTC the clock of the integration user is.
const ZONE: Duration = Duration::from_secs(5 * 3600);

impl State {
    /// The fields that were asked for, as `sysparm_display_value` wants them.
    pub(super) fn cells(&self, record: &Row, request: &Request, table: &str) -> Value {
        let wanted = request.param("sysparm_fields").filter(|f| !f.is_empty());
        let names: Vec<String> = match &wanted {
            Some(list) => list.split(',').map(|f| f.trim().to_owned()).collect(),
            None => record.keys().cloned().collect(),
        };
        let columns = self.columns(table);
        let known = |name: &&String| record.contains_key(*name) || columns.contains(&name.as_str());
        let cell = |name: &String| (name.clone(), self.cell(record, name, request, table));
        Value::Object(names.iter().filter(known).map(cell).collect())
    }

    fn cell(&self, record: &Row, name: &str, request: &Request, table: &str) -> Value {
        let value = record.get(name).map_or("", String::as_str);
        let refers_to = match name {
            "assignment_group" => Some("sys_user_group"),
            "assigned_to" | "caller_id" => Some("sys_user"),
            _ => None,
        };
        let shown = match name {
            "state" | "close_code" => self.label(table, name, value),
            _ if refers_to.is_some() => self.name_of(name, value),
            "sys_created_on" | "sys_updated_on" => shown_time(value),
            _ => value.to_owned(),
        };
        let bare = request.param("sysparm_exclude_reference_link").as_deref() == Some("true");
        let link = refers_to
            .filter(|_| !value.is_empty() && !bare)
            .map(|table| format!("/api/now/table/{table}/{value}"));
        match (request.param("sysparm_display_value").as_deref(), link) {
            (Some("all"), None) => json!({ "display_value": shown, "value": value }),
            (Some("all"), Some(link)) => {
                json!({ "display_value": shown, "value": value, "link": link })
            }
            (Some("true"), None) => json!(shown),
            (Some("true"), Some(link)) => json!({ "display_value": shown, "link": link }),
            (_, Some(link)) => json!({ "link": link, "value": value }),
            (_, None) => json!(value),
        }
    }

    /// A choice as the integration user's language has it.
    fn label(&self, table: &str, column: &str, value: &str) -> String {
        let Some(task) = schema::task(table) else { return value.to_owned() };
        let choices = if column == "state" { task.states } else { task.close_codes };
        let known = choices.iter().find(|(v, ..)| *v == value);
        known.map_or(value, |(_, en, ja)| if self.settings.japanese { ja } else { en }).to_owned()
    }
}

/// `2026-11-22 01:40:00`, which is in UTC.
pub(super) fn utc(time: Timestamp) -> String {
    time.to_string().replacen('T', " ", 1).chars().take(19).collect()
}

/// A time in the zone and the format of the integration user: `21/11/2026 20:40:00`.
fn shown_time(raw: &str) -> String {
    let Ok(time) = format!("{}Z", raw.replacen(' ', "T", 1)).parse::<Timestamp>() else {
        return raw.to_owned();
    };
    let local = utc(time.saturating_sub(ZONE));
    match (local.get(..4), local.get(5..7), local.get(8..10), local.get(11..)) {
        (Some(year), Some(month), Some(day), Some(rest)) => format!("{day}/{month}/{year} {rest}"),
        _ => raw.to_owned(),
    }
}
