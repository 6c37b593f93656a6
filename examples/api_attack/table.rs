//! The table at the end: each row was counted on both sides and compared.

use std::fmt::Write as _;

/// What was checked, and how it came out.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: &'static str,
    verdict: Verdict,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    AddsUp,
    DoesNot,
    NotAsked,
}

impl Table {
    /// A row that adds up if `wrong` is empty.
    pub(crate) fn check(&mut self, what: &'static str, seen: impl Into<String>, wrong: &[String]) {
        let (verdict, mut detail) = match wrong {
            [] => (Verdict::AddsUp, seen.into()),
            _ => (Verdict::DoesNot, seen.into()),
        };
        for fault in wrong.iter().take(5) {
            let _ = write!(detail, "\n{fault}");
        }
        if wrong.len() > 5 {
            let _ = write!(detail, "\n… and {} more", wrong.len() - 5);
        }
        self.rows.push(Row { what, verdict, detail });
    }

    /// A row that these systems cannot be asked.
    pub(crate) fn skip(&mut self, what: &'static str, why: impl Into<String>) {
        self.rows.push(Row { what, verdict: Verdict::NotAsked, detail: why.into() });
    }

    /// Whether every row that could be asked adds up.
    pub(crate) fn adds_up(&self) -> bool {
        self.rows.iter().all(|row| row.verdict != Verdict::DoesNot)
    }

    /// The table as text.
    pub(crate) fn render(&self) -> String {
        let width = self.rows.iter().map(|r| r.what.chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for row in &self.rows {
            let mark = match row.verdict {
                Verdict::AddsUp => "ok  ",
                Verdict::DoesNot => "FAIL",
                Verdict::NotAsked => "skip",
            };
            let mut lines = row.detail.lines();
            let first = lines.next().unwrap_or_default();
            let _ = writeln!(text, "  {mark}  {:width$}  {first}", row.what);
            for line in lines {
                let _ = writeln!(text, "        {:width$}  {line}", "");
            }
        }
        text
    }
}
