//! Encoded queries. What an instance does not understand of one it leaves out, without a word.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A row by column.
pub(super) type Row = BTreeMap<String, String>;

/// Any of these must hold, of each all, of each of those any.
pub(super) struct Query<'q> {
    alternatives: Vec<Vec<Vec<Condition<'q>>>>,
    order: Vec<(&'q str, bool)>,
}

struct Condition<'q> {
    column: &'q str,
    operator: &'q str,
    value: &'q str,
}

/// Longer ones first, where one begins with another.
const OPERATORS: &[&str] = &[
    ">=",
    "<=",
    "!=",
    ">",
    "<",
    "=",
    "NOT LIKE",
    "LIKE",
    "STARTSWITH",
    "ENDSWITH",
    "NOT IN",
    "IN",
    "ISEMPTY",
    "ISNOTEMPTY",
    "BETWEEN",
];

impl<'q> Query<'q> {
    /// Reads `col=value^col=value^ORcol=value^NQcol=value^ORDERBYcol`; `columns` are those of the
    /// table.
    pub(super) fn read(text: &'q str, columns: &[&str]) -> Self {
        let mut order = Vec::new();
        let mut alternatives = Vec::new();
        for alternative in text.split("^NQ") {
            let mut all: Vec<Vec<Condition<'q>>> = Vec::new();
            for term in alternative.split('^') {
                if let Some(column) = term.strip_prefix("ORDERBYDESC") {
                    order.push((column, true));
                } else if let Some(column) = term.strip_prefix("ORDERBY") {
                    order.push((column, false));
                } else if let Some(other) = term.strip_prefix("OR") {
                    let other = Condition::read(other, columns);
                    match all.last_mut() {
                        Some(any) => any.extend(other),
                        None => all.extend(other.map(|o| vec![o])),
                    }
                } else {
                    all.extend(Condition::read(term, columns).map(|c| vec![c]));
                }
            }
            alternatives.push(all);
        }
        Self { alternatives, order }
    }

    pub(super) fn matches(&self, row: &Row) -> bool {
        let holds = |all: &Vec<Vec<Condition<'_>>>| {
            all.iter().all(|any| any.iter().any(|condition| condition.holds(row)))
        };
        self.alternatives.iter().any(holds)
    }

    pub(super) fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let compare = |(column, descending): &(&str, bool)| {
            let ordering = a.get(*column).cmp(&b.get(*column));
            if *descending { ordering.reverse() } else { ordering }
        };
        self.order.iter().map(compare).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl<'q> Condition<'q> {
    /// `None` if the column or the operator is none.
    fn read(term: &'q str, columns: &[&str]) -> Option<Self> {
        let end =
            term.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))?;
        let (column, rest) = term.split_at(end);
        let operator = OPERATORS.iter().find(|o| rest.starts_with(**o))?;
        let value = &rest[operator.len()..];
        columns.contains(&column).then_some(Self { column, operator, value })
    }

    fn holds(&self, row: &Row) -> bool {
        let (own, value) = (row.get(self.column).map_or("", String::as_str), self.value);
        match self.operator {
            "=" => own == value,
            "!=" => own != value,
            ">" => own > value,
            ">=" => own >= value,
            "<" => own < value,
            "<=" => own <= value,
            "LIKE" => own.contains(value),
            "NOT LIKE" => !own.contains(value),
            "STARTSWITH" => own.starts_with(value),
            "ENDSWITH" => own.ends_with(value),
            "IN" => value.split(',').any(|v| v == own),
            "NOT IN" => value.split(',').all(|v| v != own),
            "ISEMPTY" => own.is_empty(),
            "ISNOTEMPTY" => !own.is_empty(),
            "BETWEEN" => value.split_once('@').is_some_and(|(from, to)| from <= own && own <= to),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |id: &str, state: &str, at: &str| {
            [("sys_id", id), ("state", state), ("sys_created_on", at)]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into()
        };
        vec![
            row("a", "1", "2026-11-24 06:00:00"),
            row("b", "2", "2026-11-24 07:00:00"),
            row("c", "6", "2026-11-24 07:00:00"),
        ]
    }

    fn found(text: &str) -> String {
        let query = Query::read(text, &["sys_id", "state", "sys_created_on"]);
        let mut rows = rows();
        rows.retain(|row| query.matches(row));
        rows.sort_by(|a, b| query.compare(a, b));
        rows.iter().map(|row| row["sys_id"].as_str()).collect()
    }

    #[test]
    fn operators_and_order() {
        let cases = [
            ("", "abc"),
            ("state=2", "b"),
            ("state!=2", "ac"),
            ("stateIN1,6", "ac"),
            ("stateNOT IN1,6", "b"),
            ("state=1^ORstate=6^sys_idSTARTSWITHc", "c"),
            ("state=1^NQstate=6", "ac"),
            ("sys_created_on>=2026-11-24 07:00:00^ORDERBYDESCsys_id", "cb"),
            ("sys_created_onBETWEEN2026-11-24 05:00:00@2026-11-24 06:30:00", "a"),
            ("ORDERBYDESCsys_created_on^ORDERBYsys_id", "bca"),
            ("stateISNOTEMPTY^sys_idISEMPTY", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn what_it_does_not_understand_it_leaves_out() {
        for text in ["u_key=wf-1", "state~2", "STATE=2", "u_key=wf-1^ORu_other=2"] {
            assert_eq!(found(text), "abc", "{text}");
        }
        assert_eq!(found("sys_id=x^NQstate=6"), "c");
    }
}
