//! What an instance holds.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::Request;

use super::query::Row;
use super::schema::{self, LENGTHS};
use super::session::Session;
use super::settings::Settings;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) session: Session,
    pub(super) settings: Settings,
    /// Records by table, in the order in which they were inserted.
    pub(super) tables: BTreeMap<String, Vec<Row>>,
    /// The contents of attachments by `sys_id`.
    pub(super) files: BTreeMap<String, Bytes>,
    /// Look-ups in which a new record is not seen yet, by `sys_id`.
    pub(super) unseen: BTreeMap<String, u32>,
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

    /// The rows of a table; choices and dictionary are made as they are asked for.
    pub(super) fn rows(&self, table: &str) -> Cow<'_, [Row]> {
        match table {
            "sys_choice" => self.choices().into(),
            "sys_dictionary" => self.dictionary().into(),
            _ => Cow::Borrowed(self.tables.get(table).map_or(&[], Vec::as_slice)),
        }
    }

    pub(super) fn insert(
        &mut self,
        table: &str,
        row: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        let row = row.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        self.tables.entry(table.to_owned()).or_default().push(row);
    }

    pub(super) fn columns(&self, table: &str) -> Vec<&str> {
        let mut columns: Vec<&str> = schema::columns(table);
        if schema::task(table).is_some() {
            columns.extend(self.settings.demanded.iter().map(String::as_str));
        }
        columns
    }

    /// What people see of a reference.
    pub(super) fn name_of(&self, column: &str, id: &str) -> String {
        let table = match column {
            "assignment_group" => "sys_user_group",
            "assigned_to" | "caller_id" => "sys_user",
            _ => return id.to_owned(),
        };
        let rows = self.rows(table);
        rows.iter().find(|r| r["sys_id"] == id).map_or_else(String::new, |r| r["name"].clone())
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
        let known: BTreeSet<String> = self.columns(table).iter().map(|c| (*c).to_owned()).collect();
        for (column, value) in body.iter().filter(|(c, _)| known.contains(*c) && is_writable(c)) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if self.settings.locked.contains(column) {
                continue;
            }
            // The instance cuts what is too long, without a word.
            let text = match self.settings.length(column) {
                Some(most) => cut(&text, most),
                None => text,
            };
            let text = match column.as_str() {
                "work_notes" | "comments" => {
                    self.append(table, record, column, text);
                    continue;
                }
                "assignment_group" if by_display => {
                    let groups = self.rows("sys_user_group");
                    let named = groups.iter().find(|g| g["name"] == text);
                    named.map_or_else(String::new, |g| g["sys_id"].clone())
                }
                _ => text,
            };
            record.insert(column.clone(), text);
        }
        let level = |column| record.get(column).and_then(|v: &String| v.parse::<u8>().ok());
        if let (Some(impact), Some(urgency)) = (level("impact"), level("urgency")) {
            let priority = impact.saturating_add(urgency).saturating_sub(1);
            record.insert("priority".to_owned(), priority.to_string());
        }
        if table == "incident"
            && let Some(state) = record.get("state").cloned()
        {
            record.insert("incident_state".to_owned(), state);
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

    fn choices(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for table in ["incident", "sn_si_incident", "problem", "change_request"] {
            let Some(task) = schema::task(table) else { continue };
            for (element, choices) in [("state", task.states), ("close_code", task.close_codes)] {
                for (at, (value, english, japanese)) in choices.iter().enumerate() {
                    for (language, label) in [("en", english), ("ja", japanese)] {
                        if language == "en" && self.settings.japanese {
                            continue;
                        }
                        rows.push(row([
                            ("sys_id", format!("{:032x}", rows.len() + 1)),
                            ("name", table.to_owned()),
                            ("element", element.to_owned()),
                            ("value", (*value).to_owned()),
                            ("label", (*label).to_owned()),
                            ("language", language.to_owned()),
                            ("inactive", "false".to_owned()),
                            ("sequence", at.to_string()),
                            ("dependent_value", String::new()),
                        ]));
                    }
                }
            }
        }
        rows
    }

    fn dictionary(&self) -> Vec<Row> {
        let row_of = |(at, (element, kind, _)): (usize, &(&str, &str, usize))| {
            let most = self.settings.length(element).unwrap_or_default();
            row([
                ("sys_id", format!("{:032x}", at + 1)),
                ("name", "task".to_owned()),
                ("element", (*element).to_owned()),
                ("internal_type", (*kind).to_owned()),
                ("max_length", most.to_string()),
                ("mandatory", "false".to_owned()),
            ])
        };
        LENGTHS.iter().enumerate().map(row_of).collect()
    }
}

fn row<const N: usize>(cells: [(&str, String); N]) -> Row {
    cells.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

/// What the platform keeps itself is dropped, like what is no column at all.
fn is_writable(column: &str) -> bool {
    !column.starts_with("sys_") && !matches!(column, "number" | "priority" | "incident_state")
}

/// As Java counts: in UTF-16, and never half a character.
fn cut(text: &str, most: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.len_utf16();
        used <= most
    };
    text.chars().take_while(fits).collect()
}
