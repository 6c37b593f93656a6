//! Records as the Table API shows them.

use std::time::Duration;

use serde_json::{Value, json};
use watchfloor_core::Timestamp;

use crate::Request;

use super::query::Row;
use super::state::State;
use super::{COLUMNS, is_task};

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
        let known =
            |name: &&String| record.contains_key(*name) || (is_task(table) && is_column(name));
        let cell = |name: &String| (name.clone(), self.cell(record, name, request));
        Value::Object(names.iter().filter(known).map(cell).collect())
    }

    fn cell(&self, record: &Row, name: &str, request: &Request) -> Value {
        let value = record.get(name).map_or("", String::as_str);
        let shown = match name {
            "assignment_group" => self.group_name(value),
            "state" => state_name(value).to_owned(),
            "sys_created_on" | "sys_updated_on" => shown_time(value),
            _ => value.to_owned(),
        };
        let bare = request.param("sysparm_exclude_reference_link").as_deref() == Some("true");
        let link = (name == "assignment_group" && !value.is_empty() && !bare)
            .then(|| format!("/api/now/table/sys_user_group/{value}"));
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
}

fn is_column(name: &str) -> bool {
    COLUMNS.contains(&name)
}

fn state_name(state: &str) -> &str {
    match state {
        "1" => "New",
        "2" => "In Progress",
        "3" => "On Hold",
        "6" => "Resolved",
        "7" => "Closed",
        "8" => "Canceled",
        other => other,
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
