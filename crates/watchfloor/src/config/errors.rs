use std::fmt;
use std::path::{Path, PathBuf};

use watchfloor_core::config::Problem;

/// Everything that is wrong with a configuration, at once.
///
/// Its `Display` has one line for each problem: `FILE:LINE: key: what (hint)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    file: PathBuf,
    problems: Vec<Problem>,
}

/// What is said to who comes second to a store.
pub(crate) const HELD: &str = "one process at a time: wait for it, or end it";

impl ConfigErrors {
    /// `unread` is what the parser could not read: a key in it is not missing as well.
    pub(super) fn new(file: &Path, unread: Vec<Problem>, content: Vec<Problem>) -> Self {
        let read = |p: &Problem| p.key.is_empty() || unread.iter().all(|u| u.key != p.key);
        let mut problems: Vec<_> = content.into_iter().filter(read).collect();
        problems.extend(unread);
        problems.sort();
        Self { file: file.into(), problems }
    }

    /// The file, as it was named.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether nothing is wrong but that another process holds the store, which may pass.
    pub fn is_held(&self) -> bool {
        !self.problems.is_empty() && self.problems.iter().all(|p| p.hint == HELD)
    }

    /// The problems, in order of their lines.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:", self.file.display())?;
            if problem.line > 0 {
                write!(f, "{}:", problem.line)?;
            }
            if !problem.key.is_empty() {
                write!(f, " {}:", problem.key)?;
            }
            write!(f, " {}", problem.what)?;
            if !problem.hint.is_empty() {
                write!(f, " ({})", problem.hint)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
