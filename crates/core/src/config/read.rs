//! The readers of single keys.

use std::path::PathBuf;
use std::time::Duration;

use super::near::{did_you_mean, nearest};
use super::secret::secret_ref;
use super::units::{parse_duration, parse_size};
use super::{Section, Value};
use crate::Secret;

impl Section {
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

    /// The content of an optional file, read where secrets are found.
    pub fn content(&mut self, key: &'static str) -> Option<Vec<u8>> {
        let files = self.secrets.clone();
        self.parsed(key, "the path of a file", |path| {
            if path.is_empty() { Err("is empty".to_owned()) } else { files.read_file(path) }
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
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let quoted: Vec<_> = all.iter().map(|word| format!("{word:?}")).collect();
            let what = format!("{text:?} is none of {}", quoted.join(", "));
            self.problem(key, what, did_you_mean(nearest(&text, &all)));
        }
        found.map(|(_, value)| *value)
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
}
