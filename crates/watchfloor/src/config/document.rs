//! TOML text → nodes with lines, and every syntax error at once.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};
use watchfloor_core::config::{Node, Problem, Problems, Value};

use super::statements::Statements;

/// More syntax errors than this are not looked for: the file is no TOML at all.
const MAX_SYNTAX_ERRORS: usize = 50;

/// The top-level table of a text, as far as it can be read, and what cannot.
///
/// `toml` recovers from an error, but what it reads behind one is often not what was meant: an
/// array without its end swallows the tables after it. So the first error is taken, the statement
/// it stands in is blanked, and the rest is read again.
pub(super) fn read(text: &str) -> (BTreeMap<String, Node>, Vec<Problem>) {
    let problems = Problems::default();
    let table = table(text.to_owned(), &problems);
    (table, problems.take())
}

fn table(mut text: String, problems: &Problems) -> BTreeMap<String, Node> {
    for _ in 0..MAX_SYNTAX_ERRORS {
        let (table, errors) = DeTable::parse_recoverable(&text);
        let first = errors.iter().min_by_key(|e| e.span().map_or(usize::MAX, |s| s.start));
        let Some(first) = first else {
            let lines = Lines::of(&text);
            let mut reader = Reader { lines: &lines, problems };
            return reader.table("", table.get_ref());
        };
        let at = first.span().map_or(text.len(), |s| s.start.min(text.len()));
        let statements = Statements::of(&text);
        let place = place(table.get_ref(), at);
        let bad = statements.around(place.as_ref().map_or(at, |p| p.start));
        let key = match place {
            Some(place) => place.key,
            None => bad.key.clone(),
        };
        let (what, hint) = explain(first.message());
        problems.add(bad.line, key, what, hint);
        blank(&mut text, bad.bytes);
    }
    problems.add(0, "", "has more syntax errors than are worth listing", "is it TOML?");
    BTreeMap::new()
}

/// The statement whose value holds the offset.
struct Place {
    key: String,
    /// Where its key begins.
    start: usize,
}

fn place(table: &DeTable<'_>, at: usize) -> Option<Place> {
    in_table("", table, at)
}

fn in_table(path: &str, table: &DeTable<'_>, at: usize) -> Option<Place> {
    table.iter().find_map(|(key, value)| {
        let path = join(path, key.get_ref());
        let span = value.span();
        // A table under a header spans no more than the header.
        let holds = span.start <= at && at <= span.end && key.span().end <= span.start;
        if holds {
            return Some(Place { key: path, start: key.span().start });
        }
        match value.get_ref() {
            DeValue::Table(inner) => in_table(&path, inner, at),
            DeValue::Array(items) => {
                items.iter().enumerate().find_map(|(i, item)| match item.get_ref() {
                    DeValue::Table(inner) => in_table(&format!("{path}[{i}]"), inner, at),
                    _ => None,
                })
            }
            _ => None,
        }
    })
}

/// The parser's words are about grammar; the commonest of them get a hint.
fn explain(message: &str) -> (String, &'static str) {
    let hint = match message.split(", expected").next().unwrap_or_default() {
        "string values must be quoted" => r#"write "…" around it"#,
        "duplicate key" => "it stands here a second time",
        "invalid basic string" | "invalid literal string" => {
            "a text ends on its line with the quote it began with"
        }
        _ => "",
    };
    (message.to_owned(), hint)
}

/// Replaces everything but the line ends, so that lines keep their numbers.
fn blank(text: &mut String, bytes: Range<usize>) {
    let blanks: String =
        text[bytes.clone()].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
    text.replace_range(bytes, &blanks);
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Where each line begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(i, _)| i + 1).collect())
    }

    /// The line of an offset, from one.
    fn line(&self, at: usize) -> u32 {
        u32::try_from(self.0.partition_point(|start| *start <= at) + 1).unwrap_or(u32::MAX)
    }
}

struct Reader<'a> {
    lines: &'a Lines,
    problems: &'a Problems,
}

impl Reader<'_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) -> BTreeMap<String, Node> {
        let entries = table.iter().filter_map(|(key, value)| {
            let line = self.lines.line(key.span().start);
            let value = self.value(&join(path, key.get_ref()), line, value.get_ref())?;
            Some((key.get_ref().clone().into_owned(), Node { value, line }))
        });
        entries.collect()
    }

    fn value(&mut self, path: &str, line: u32, value: &DeValue<'_>) -> Option<Value> {
        Some(match value {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Integer(n) => match i64::from_str_radix(n.as_str(), n.radix()) {
                Ok(n) => Value::Integer(n),
                Err(_) => return self.bad(path, line, "is a number of more than 64 bits", ""),
            },
            DeValue::Float(n) => match n.as_str().parse() {
                Ok(n) => Value::Float(n),
                Err(_) => return self.bad(path, line, "is no number", ""),
            },
            DeValue::Datetime(_) => {
                return self.bad(path, line, "is a date, and no key takes one", "write it as text");
            }
            DeValue::Array(items) => {
                let items = items.iter().enumerate().filter_map(|(i, item)| {
                    let line = self.lines.line(item.span().start);
                    let value = self.value(&format!("{path}[{i}]"), line, item.get_ref())?;
                    Some(Node { value, line })
                });
                Value::List(items.collect())
            }
            DeValue::Table(table) => Value::Table(self.table(path, table)),
        })
    }

    fn bad(&self, path: &str, line: u32, what: &str, hint: &str) -> Option<Value> {
        self.problems.add(line, path, what, hint);
        None
    }
}
