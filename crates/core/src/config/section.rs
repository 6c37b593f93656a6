use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::near::{did_you_mean, nearest};
use super::{Node, Problems, SecretSource, Value};
use crate::Result;

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
    pub(super) base: Arc<Path>,
    pub(super) problems: Problems,
    pub(super) secrets: Arc<dyn SecretSource>,
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

    /// What was made of the section, once all of it was read. `None` where it could not be made, which
    /// is reported under `key`, and where anything was reported of the section or a table in it: what
    /// is half configured is not used.
    pub fn made<T>(&self, key: &str, made: Result<T>) -> Option<T> {
        match made {
            Ok(made) => (!self.problems.any_in(&self.path)).then_some(made),
            Err(e) => {
                self.problem(key, e.message(), "");
                None
            }
        }
    }

    pub(super) fn key(&self, key: &str) -> String {
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

    /// Ends the reading: a key that nobody took is a problem, with the key that was probably meant as
    /// a hint; rather one that is missing than one that is there too.
    pub fn finish(self) {
        let (there, missing): (Vec<_>, Vec<_>) =
            self.known.iter().partition(|key| self.lines.contains_key(**key));
        for (key, node) in &self.entries {
            let near = nearest(key, &missing).or_else(|| nearest(key, &there));
            self.problems.add(node.line, self.key(key), "is no known key", did_you_mean(near));
        }
    }
}
