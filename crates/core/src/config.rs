//! Configuration as adapters read it: a section that collects every error instead of stopping at
//! the first. It knows no file format; the façade makes sections from TOML.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::Secret;

/// A configured value with the line it stands on.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its line in the file, from one; 0 where there is no file.
    pub line: u32,
}

/// A configured value.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(BTreeMap<String, Node>),
}

impl Value {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// One error of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The line, from one; 0 where there is no file.
    pub line: u32,
    /// The dotted key: `connectors.siem.hec_url`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// How to put it right; empty where nothing can be said.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{}: {}", self.key, self.what)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}

/// The errors of one configuration, collected while its sections are read.
#[derive(Clone, Debug, Default)]
pub struct Problems(Arc<Mutex<Vec<Problem>>>);

impl Problems {
    /// Adds one.
    pub fn add(
        &self,
        line: u32,
        key: impl Into<String>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = Problem { line, key: key.into(), what: what.into(), hint: hint.into() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// All of them, in order of their lines.
    pub fn take(&self) -> Vec<Problem> {
        let mut all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        all.sort();
        all
    }
}

/// Where a secret is found. A literal is never one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretRef {
    /// `{ env = "NAME" }`
    Env(String),
    /// `{ file = "PATH" }`, relative to the configuration file
    File(String),
    /// `{ exec = ["cmd", "arg"] }`: its standard output
    Exec(Vec<String>),
    /// `{ credential = "NAME" }`: a systemd credential
    Credential(String),
}

/// Finds secrets. The façade's reads the environment, files, programs and systemd credentials.
pub trait SecretSource: fmt::Debug + Send + Sync + 'static {
    /// The secret, or why it cannot be had; the text must not hold the secret.
    fn find(&self, secret: &SecretRef) -> Result<Secret, String>;
}

/// One table of the configuration.
///
/// Readers take keys out of it; what is wrong is added to the shared [`Problems`] and reading goes
/// on. [`finish`](Section::finish) reports the keys that nobody took.
#[derive(Debug)]
pub struct Section {
    path: String,
    line: u32,
    entries: BTreeMap<String, Node>,
    /// The lines of all its keys, also of those taken.
    lines: BTreeMap<String, u32>,
    known: Vec<&'static str>,
    base: Arc<Path>,
    problems: Problems,
    secrets: Arc<dyn SecretSource>,
}

impl Section {
    /// A section over a table; `path` is its dotted name.
    pub fn new(
        path: impl Into<String>,
        line: u32,
        entries: BTreeMap<String, Node>,
        problems: Problems,
        secrets: Arc<dyn SecretSource>,
    ) -> Self {
        let lines = entries.iter().map(|(key, node)| (key.clone(), node.line)).collect();
        let (path, base) = (path.into(), Path::new("").into());
        Self { path, line, entries, lines, known: Vec::new(), base, problems, secrets }
    }

    /// The same section with the directory that its file paths, and those of its tables, are
    /// relative to.
    pub fn relative_to(mut self, base: impl Into<Arc<Path>>) -> Self {
        self.base = base.into();
        self
    }

    /// Its dotted name.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The problems it reports to.
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// Whether the key is there and not taken yet. Who asks knows the key: it is among the hints.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.known.push(key);
        self.entries.contains_key(key)
    }

    /// The line of a key, also of one that was taken; of the section itself if it has no such key.
    pub fn line(&self, key: &str) -> u32 {
        self.lines.get(key).copied().unwrap_or(self.line)
    }

    /// Reports a problem of a key of this section; the empty key is the section itself.
    pub fn problem(&self, key: &str, what: impl Into<String>, hint: impl Into<String>) {
        self.problems.add(self.line(key), self.key(key), what, hint);
    }

    fn key(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    /// What the key holds, left for its reader.
    pub fn peek(&self, key: &str) -> Option<&Value> {
        self.entries.get(key).map(|node| &node.value)
    }

    /// The node itself, of any type.
    pub fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        self.entries.remove(key)
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        want: &str,
        hint: &str,
        read: impl FnOnce(&Value) -> Option<Result<T, String>>,
    ) -> Option<T> {
        let node = self.take(key)?;
        let what = match read(&node.value) {
            Some(Ok(value)) => return Some(value),
            Some(Err(what)) => what,
            None => format!("should be {want}, is {}", node.value.type_name()),
        };
        self.problems.add(node.line, self.key(key), what, hint);
        None
    }

    fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let missing = !self.has(key);
        let value = read(self);
        if missing && value.is_none() {
            self.problem(key, "is missing", "");
        }
        value
    }

    /// Optional text.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.typed(key, "text", "", |v| match v {
            Value::Text(t) => Some(Ok(t.clone())),
            _ => None,
        })
    }

    /// Text that must be there and not be empty.
    pub fn required_text(&mut self, key: &'static str) -> Option<String> {
        let text = self.required(key, |s| s.text(key))?;
        if text.is_empty() {
            self.problem(key, "is empty", "");
            return None;
        }
        Some(text)
    }

    /// An optional path of a file; a relative one is relative to the configuration file.
    pub fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        let base = self.base.clone();
        self.parsed(key, "the path of a file", |t| {
            if t.is_empty() { Err("is empty".to_owned()) } else { Ok(base.join(t)) }
        })
    }

    /// Optional text, parsed; `hint` shows a good value.
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.typed(key, "text", hint, |v| match v {
            Value::Text(t) => Some(parse(t)),
            _ => None,
        })
    }

    /// Text, parsed, or `default` where the key is absent; `None` where it is wrong.
    pub fn parsed_or<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
        default: T,
    ) -> Option<T> {
        if self.has(key) { self.parsed(key, hint, parse) } else { Some(default) }
    }

    /// Text that must be there, parsed.
    pub fn required_parsed<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.required(key, |s| s.parsed(key, hint, parse))
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        self.typed(key, "text", "", |v| match v {
            Value::Text(t) => {
                Some(words.iter().find(|(word, _)| word == t).map(|(_, value)| *value).ok_or_else(
                    || {
                        let all: Vec<_> =
                            words.iter().map(|(word, _)| format!("{word:?}")).collect();
                        format!("{t:?} is none of {}", all.join(", "))
                    },
                ))
            }
            _ => None,
        })
    }

    /// One of a few words, or `default` where the key is absent; `None` where it is another word.
    pub fn one_of_or<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        default: T,
    ) -> Option<T> {
        if self.has(key) { self.one_of(key, words) } else { Some(default) }
    }

    /// An optional whole number within bounds.
    pub fn integer(
        &mut self,
        key: &'static str,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        self.typed(key, "a whole number", "", |v| match v {
            Value::Integer(n) if bounds.contains(n) => Some(Ok(*n)),
            Value::Integer(n) => {
                Some(Err(format!("{n} is not within {} … {}", bounds.start(), bounds.end())))
            }
            _ => None,
        })
    }

    /// An optional positive number.
    pub fn positive(&mut self, key: &'static str) -> Option<f64> {
        self.typed(key, "a number", "", |v| {
            let n = match v {
                Value::Integer(n) => *n as f64,
                Value::Float(n) => *n,
                _ => return None,
            };
            Some(if n.is_finite() && n > 0.0 { Ok(n) } else { Err("must be above zero".into()) })
        })
    }

    /// An optional `true` or `false`.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", "", |v| match v {
            Value::Bool(b) => Some(Ok(*b)),
            _ => None,
        })
    }

    /// An optional duration such as `"120s"`, `"5m"`, `"24h"`, `"250ms"`; above zero.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.parsed(key, r#"such as "30s", "5m" or "24h""#, |t| {
            parse_duration(t).ok_or_else(|| format!("{t:?} is no duration"))
        })
    }

    /// An optional size such as `"32MiB"`, in bytes.
    pub fn size(&mut self, key: &'static str) -> Option<u64> {
        self.parsed(key, r#"such as "512KiB" or "32MiB""#, |t| {
            parse_size(t).ok_or_else(|| format!("{t:?} is no size"))
        })
    }

    /// An optional list of texts; a single text counts as a list of one.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.typed(key, "text or a list of texts", "", |v| match v {
            Value::Text(t) => Some(Ok(vec![t.clone()])),
            Value::List(items) => {
                let texts = items.iter().map(|n| match &n.value {
                    Value::Text(t) => Some(t.clone()),
                    _ => None,
                });
                Some(
                    texts
                        .collect::<Option<_>>()
                        .ok_or_else(|| "has an item that is no text".into()),
                )
            }
            _ => None,
        })
    }

    /// An optional secret: `{ env = … }`, `{ file = … }`, `{ exec = … }` or `{ credential = … }`.
    pub fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let secrets = self.secrets.clone();
        self.typed(
            key,
            "a table",
            r#"such as { env = "NAME" } or { file = "PATH" }"#,
            |v| match v {
                Value::Table(table) => {
                    Some(secret_ref(table).and_then(|r| secrets.find(&r)).and_then(|s| {
                        if s.is_empty() {
                            Err("the secret found there is empty".into())
                        } else {
                            Ok(s)
                        }
                    }))
                }
                Value::Text(_) => {
                    Some(Err("is a literal; a secret never stands in the file itself".into()))
                }
                _ => None,
            },
        )
    }

    /// A secret that must be there.
    pub fn required_secret(&mut self, key: &'static str) -> Option<Secret> {
        self.required(key, |s| s.secret(key))
    }

    /// An optional table of its own.
    pub fn section(&mut self, key: &'static str) -> Option<Self> {
        let node = self.take(key)?;
        self.sub(key, node)
    }

    /// The tables of a list of tables, `[[key]]`.
    pub fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let Value::List(items) = node.value else {
            let what = format!("should be a list of tables, is {}", node.value.type_name());
            self.problems.add(node.line, self.key(key), what, format!("write [[{key}]]"));
            return Vec::new();
        };
        let items = items.into_iter().enumerate();
        items.filter_map(|(i, n)| self.sub(&format!("{key}[{i}]"), n)).collect()
    }

    /// Every table left in this one, by name; for tables whose keys are names. What is no table is
    /// a key that nobody knows.
    pub fn named(mut self) -> Vec<(String, Self)> {
        let entries = std::mem::take(&mut self.entries);
        let (tables, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            entries.into_iter().partition(|(_, node)| matches!(node.value, Value::Table(_)));
        let tables = tables.into_iter().filter_map(|(k, n)| Some((k.clone(), self.sub(&k, n)?)));
        let tables = tables.collect();
        self.entries = others;
        self.finish();
        tables
    }

    /// Every entry left as text, by name; for tables whose keys are another product's words.
    pub fn texts_by_name(mut self) -> BTreeMap<String, String> {
        let entries = std::mem::take(&mut self.entries);
        let text = |(key, node): (String, Node)| match node.value {
            Value::Text(text) => Some((key, text)),
            other => {
                let what = format!("should be text, is {}", other.type_name());
                self.problems.add(node.line, self.key(&key), what, "");
                None
            }
        };
        entries.into_iter().filter_map(text).collect()
    }

    fn sub(&self, key: &str, node: Node) -> Option<Self> {
        let path = self.key(key);
        match node.value {
            Value::Table(entries) => {
                let (problems, secrets) = (self.problems.clone(), self.secrets.clone());
                let table = Self::new(path, node.line, entries, problems, secrets);
                Some(table.relative_to(self.base.clone()))
            }
            other => {
                let what = format!("should be a table, is {}", other.type_name());
                self.problems.add(node.line, path, what, "");
                None
            }
        }
    }

    /// Ends the reading: a key that nobody took is a problem, with the nearest known key as a hint.
    pub fn finish(self) {
        for (key, node) in &self.entries {
            let near = nearest(key, &self.known);
            let hint = near.map_or_else(String::new, |k| format!("did you mean {k:?}?"));
            self.problems.add(node.line, self.key(key), "is no known key", hint);
        }
    }
}

fn secret_ref(table: &BTreeMap<String, Node>) -> Result<SecretRef, String> {
    let mut entries = table.iter();
    let (Some((key, node)), None) = (entries.next(), entries.next()) else {
        return Err("needs exactly one of env, file, exec, credential".into());
    };
    match (key.as_str(), &node.value) {
        ("env", Value::Text(t)) => Ok(SecretRef::Env(t.clone())),
        ("file", Value::Text(t)) => Ok(SecretRef::File(t.clone())),
        ("credential", Value::Text(t)) => Ok(SecretRef::Credential(t.clone())),
        ("exec", Value::List(items)) if !items.is_empty() => items
            .iter()
            .map(|n| match &n.value {
                Value::Text(t) => Ok(t.clone()),
                _ => Err("exec needs a list of texts".to_owned()),
            })
            .collect::<Result<_, _>>()
            .map(SecretRef::Exec),
        _ => Err("needs exactly one of env, file, exec, credential".into()),
    }
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    Some((text[..split].parse().ok()?, &text[split..]))
}

/// A duration such as `90s`; `None` for anything else and for zero.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (n, unit) = number_and_unit(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    n.checked_mul(millis).filter(|ms| *ms > 0).map(Duration::from_millis)
}

fn parse_size(text: &str) -> Option<u64> {
    let (n, unit) = number_and_unit(text)?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    n.checked_mul(factor).filter(|b| *b > 0)
}

/// The known word that needs the fewest edits, if it needs few.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|k| (edits(word, k), *k))
        .min()
        .filter(|(n, k)| *n <= 1 + k.len() / 4)
        .map(|(_, k)| k)
}

/// Levenshtein distance over characters.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let next = (row[j] + 1).min(row[j + 1] + 1).min(diagonal + usize::from(ca != *cb));
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct NoSecrets;
    impl SecretSource for NoSecrets {
        fn find(&self, _: &SecretRef) -> Result<Secret, String> {
            Ok(Secret::new("s"))
        }
    }

    fn section(entries: &[(&str, Value)]) -> Section {
        let entries = entries
            .iter()
            .enumerate()
            .map(|(i, (k, v))| ((*k).to_owned(), Node { value: v.clone(), line: i as u32 + 1 }))
            .collect();
        Section::new("connectors.x", 1, entries, Problems::default(), Arc::new(NoSecrets))
    }

    #[test]
    fn every_error_is_reported_at_once() {
        let mut s = section(&[
            ("hec_ur", Value::Text("x".into())),
            ("token", Value::Text("literal".into())),
            ("timeout", Value::Text("soon".into())),
        ]);
        assert!(s.required_text("hec_url").is_none());
        assert!(s.secret("token").is_none());
        assert!(s.duration("timeout").is_none());
        let problems = s.problems().clone();
        s.finish();
        let lines: Vec<_> = problems.take().iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert!(lines.iter().any(|l| l.contains("did you mean \"hec_url\"?")), "{lines:#?}");
        assert!(lines.iter().any(|l| l.contains("never stands in the file")), "{lines:#?}");
        assert!(!lines.join("").contains("literal\""));
    }

    #[test]
    fn a_problem_found_after_the_key_was_taken_has_its_line() {
        let mut s = section(&[("a", Value::Bool(true)), ("share", Value::Float(2.0))]);
        let _ = s.positive("share");
        s.problem("share", "is above 1", "");
        assert_eq!(s.problems().take()[0].line, 2);
    }

    #[test]
    fn files_are_relative_to_the_base_in_tables_too() {
        let file = Node { value: Value::Text("ca.pem".into()), line: 3 };
        let http = Value::Table([("ca_file".to_owned(), file)].into());
        let mut s = section(&[("http", http)]).relative_to(Path::new("etc"));
        let path = s.section("http").and_then(|mut http| http.file("ca_file"));
        assert_eq!(path, Some(Path::new("etc").join("ca.pem")));
    }

    #[test]
    fn durations_and_sizes() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("0s"), None);
        assert_eq!(parse_duration("5"), None);
        assert_eq!(parse_duration("-5s"), None);
        assert_eq!(parse_size("32MiB"), Some(32 << 20));
        assert_eq!(parse_duration(&format!("{}d", u64::MAX)), None);
    }
}
