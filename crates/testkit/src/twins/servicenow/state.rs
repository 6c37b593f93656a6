//! What an instance holds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use watchfloor_core::Timestamp;

use crate::Request;

use super::COLUMNS;
use super::query::Row;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) token: Option<(String, Timestamp)>,
    pub(super) tokens: u64,
    pub(super) forbidden: bool,
    /// Columns that the user may not write.
    pub(super) locked: BTreeSet<String>,
    /// Records that the user may not see.
    pub(super) hidden: BTreeSet<String>,
    /// Records by table, in the order in which they were inserted.
    pub(super) tables: BTreeMap<String, Vec<Row>>,
    next: u64,
    /// How many records each table ever had.
    numbers: BTreeMap<String, u64>,
}

impl State {
    /// 32 hex digits that say nothing.
    pub(super) fn new_id(&mut self) -> String {
        self.next += 1;
        format!("{:032x}", u128::from(self.next) * 0x9d38_5017_c611_2287_01d2_2104)
    }

    pub(super) fn new_number(&mut self, table: &str) -> u64 {
        let number = self.numbers.entry(table.to_owned()).or_insert(10_000);
        *number += 1;
        *number
    }

    pub(super) fn rows(&self, table: &str) -> &[Row] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    pub(super) fn insert(
        &mut self,
        table: &str,
        row: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        let row = row.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        self.tables.entry(table.to_owned()).or_default().push(row);
    }

    pub(super) fn group_name(&self, id: &str) -> String {
        let group = self.rows("sys_user_group").iter().find(|g| g["sys_id"] == id);
        group.map_or_else(String::new, |g| g["name"].clone())
    }

    /// Writes the columns that there are; a journal field appends to the journal.
    pub(super) fn write(
        &mut self,
        table: &str,
        record: &mut Row,
        body: &Map<String, Value>,
        request: &Request,
    ) {
        let by_display = request.param("sysparm_input_display_value").as_deref() == Some("true");
        for (column, value) in body.iter().filter(|(c, _)| is_writable(c)) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if self.locked.contains(column) {
                continue;
            }
            let text = match column.as_str() {
                "work_notes" | "comments" => {
                    self.append(table, record, column, text);
                    continue;
                }
                "assignment_group" if by_display => {
                    let mut groups = self.rows("sys_user_group").iter();
                    groups
                        .find(|g| g["name"] == text)
                        .map_or_else(String::new, |g| g["sys_id"].clone())
                }
                // The instance cuts what is too long, without a word.
                "short_description" => cut(&text, 160),
                "description" => cut(&text, 4000),
                "correlation_id" | "correlation_display" => cut(&text, 100),
                _ => text,
            };
            record.insert(column.clone(), text);
        }
        let level = |column| record.get(column).and_then(|v: &String| v.parse::<u8>().ok());
        if let (Some(impact), Some(urgency)) = (level("impact"), level("urgency")) {
            let priority = impact.saturating_add(urgency).saturating_sub(1);
            record.insert("priority".to_owned(), priority.to_string());
        }
    }

    fn append(&mut self, table: &str, record: &Row, element: &str, value: String) {
        if value.is_empty() {
            return;
        }
        let entry = [
            ("sys_id", self.new_id()),
            ("name", table.to_owned()),
            ("element_id", record["sys_id"].clone()),
            ("element", element.to_owned()),
            ("value", value),
            ("sys_created_on", record["sys_updated_on"].clone()),
            ("sys_created_by", "watchfloor".to_owned()),
        ];
        self.insert("sys_journal_field", entry);
    }
}

/// What the platform keeps itself is dropped, like what is no column at all.
fn is_writable(column: &str) -> bool {
    COLUMNS.contains(&column)
        && !column.starts_with("sys_")
        && !matches!(column, "number" | "priority")
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
