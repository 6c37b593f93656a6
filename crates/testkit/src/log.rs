//! What twins were asked.

use std::sync::{Mutex, MutexGuard, PoisonError};

use watchfloor_core::Timestamp;

use crate::{Request, leaks};

/// Headers in which a credential is where it belongs.
pub(crate) const CREDENTIALS: [&str; 5] =
    ["authorization", "proxy-authorization", "x-api-key", "x-pan-key", "x-sn-apikey"];

/// The requests that a twin got.
#[derive(Debug, Default)]
pub struct Log(Mutex<Vec<Logged>>);

/// A request and the status that it was answered with; `None` where there was no answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Logged {
    /// The operation; `unreadable` if the body's gzip was broken.
    pub operation: &'static str,
    /// The request.
    pub request: Request,
    /// The status.
    pub status: Option<u16>,
    /// When it was answered.
    pub at: Timestamp,
}

impl Log {
    /// All of them, in the order in which they were answered.
    pub fn all(&self) -> Vec<Logged> {
        self.lock().clone()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Those of one operation.
    pub fn of(&self, operation: &str) -> Vec<Logged> {
        self.lock().iter().filter(|l| l.operation == operation).cloned().collect()
    }

    /// Those in which `text` stands, in any form that [`leaks`] knows: in the path, the query, the
    /// body, or a header other than those that carry credentials.
    pub fn containing(&self, text: &str) -> Vec<Logged> {
        self.lock().iter().filter(|l| l.request.contains(text)).cloned().collect()
    }

    pub(crate) fn push(&self, logged: Logged) {
        self.lock().push(logged);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Logged>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Request {
    fn contains(&self, text: &str) -> bool {
        let headers = self.headers.iter().filter(|(name, _)| !CREDENTIALS.contains(&name.as_str()));
        let parts = [self.path.as_bytes(), self.query.as_bytes(), &self.body];
        let mut parts = parts.into_iter().chain(headers.map(|(_, value)| value.as_bytes()));
        parts.any(|part| !leaks(part, [text]).is_empty())
    }
}
