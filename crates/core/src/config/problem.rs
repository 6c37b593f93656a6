use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

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

    /// Whether one was found in the table at `path` or in a table of it.
    pub fn any_in(&self, path: &str) -> bool {
        let within = |p: &Problem| {
            p.key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(within)
    }

    /// All of them, in order of their lines.
    pub fn take(&self) -> Vec<Problem> {
        let mut all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        all.sort();
        all
    }
}
