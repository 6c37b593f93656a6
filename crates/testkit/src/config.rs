//! A connector's section, as a configuration would make it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use watchfloor_core::Secret;
use watchfloor_core::config::{Node, Problem, Problems, SecretRef, SecretSource, Section, Value};

/// The section of a connector: `entries` is its table, secrets in it are `{"env": NAME}` and found
/// in `secrets`, as are files that are no secrets, by their paths.
pub fn section(name: &str, entries: &Json, secrets: &[(&str, &str)]) -> Section {
    let secrets = secrets.iter().map(|(n, s)| ((*n).to_owned(), (*s).to_owned())).collect();
    let table = match node(entries).value {
        Value::Table(table) => table,
        _ => BTreeMap::new(),
    };
    let path = format!("connectors.{name}");
    Section::new(path, 1, table, Problems::default(), Arc::new(InMemory(secrets)))
}

/// What `build` makes of the [`section`] of these entries; an error is every problem of it, the keys
/// that nobody read among them.
///
/// # Panics
/// If `build` made nothing and reported nothing, or the other way round.
pub fn build<T>(
    name: &str,
    entries: &Json,
    secrets: &[(&str, &str)],
    build: impl FnOnce(&mut Section) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let mut section = section(name, entries, secrets);
    let problems = section.problems().clone();
    let built = build(&mut section);
    assert_eq!(built.is_none(), problems.count() > 0, "`None` if and only if something is wrong");
    section.finish();
    let problems = problems.take();
    built.filter(|_| problems.is_empty()).ok_or(problems)
}

fn node(value: &Json) -> Node {
    let value = match value {
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match n.as_i64() {
            Some(n) => Value::Integer(n),
            None => Value::Float(n.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(node).collect()),
        Json::Object(map) => Value::Table(map.iter().map(|(k, v)| (k.clone(), node(v))).collect()),
        Json::Null => Value::Text(String::new()),
    };
    Node { value, line: 1 }
}

#[derive(Debug)]
struct InMemory(BTreeMap<String, String>);

impl SecretSource for InMemory {
    fn find(&self, secret: &SecretRef) -> Result<Secret, String> {
        let SecretRef::Env(name) = secret else { return Err("is not in memory".to_owned()) };
        self.get(name).map(Secret::new)
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        self.get(path).map(|text| text.as_bytes().to_vec())
    }
}

impl InMemory {
    fn get(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).map(String::as_str).ok_or_else(|| format!("{name} is not in memory"))
    }
}
