//! The error: what failed, what became of the effect, and when to try again.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ConnectorName, Outcome, Timestamp};

/// A result with Watchfloor's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// The configuration cannot work.
    Config,
    /// The credential is missing, wrong or expired.
    Unauthenticated,
    /// The credential is good and not allowed to do this.
    Forbidden,
    /// What was asked for is not there, or hidden from this credential.
    NotFound,
    /// It collides with what is there.
    Conflict,
    /// The other side says that the request is malformed.
    Invalid,
    /// The request is larger than the other side takes.
    TooLarge,
    /// The other side asks for fewer requests.
    RateLimited,
    /// The other side cannot serve now.
    Unavailable,
    /// No answer within the time allowed.
    Timeout,
    /// The answer is not what the contract says.
    Protocol,
    /// Watchfloor itself refused: a guard, a budget, a rule.
    Refused,
    /// The connector cannot do this.
    Unsupported,
    /// A fault of Watchfloor.
    Internal,
}

impl Kind {
    /// The kind in the words that people read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "configuration",
            Self::Unauthenticated => "not authenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::TooLarge => "too large",
            Self::RateLimited => "rate limited",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timed out",
            Self::Protocol => "unexpected answer",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal error",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When the same action may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// It would fail the same way.
    Never,
    /// From this instant on.
    NotBefore(Timestamp),
    /// Only after a look-up has shown that it did not take effect.
    AfterLookup,
}

/// A failure, in one line without body, query string or secret.
///
/// It has no `source()`: a foreign error's text may hold a URL with a token (T40). Whoever makes
/// one writes its message from typed parts.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    outcome: Outcome,
    retry: Retry,
    operation: &'static str,
    connector: Option<ConnectorName>,
    message: String,
    context: Vec<(&'static str, String)>,
}

impl Error {
    /// A failure before anything was sent; [`Retry::Never`]. The setters below refine it.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            outcome: Outcome::NotSent,
            retry: Retry::Never,
            operation: "",
            connector: None,
            message: message.into(),
            context: Vec::new(),
        }))
    }

    /// What became of the effect.
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = outcome;
        self
    }

    /// When to try again.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The operation, as `vendor.verb`: `servicenow.create`.
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation = operation;
        self
    }

    /// The connector it happened on.
    pub fn with_connector(mut self, name: &ConnectorName) -> Self {
        self.0.connector = Some(name.clone());
        self
    }

    /// A fact beside the message, such as `("status", "503")`. Never a secret, a body or a URL.
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What became of the effect.
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// When to try again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The operation, `""` where none was named.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The connector it happened on.
    pub fn connector(&self) -> Option<&ConnectorName> {
        self.0.connector.as_ref()
    }

    /// The message alone.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// A fact given by [`with`](Error::with).
    pub fn context(&self, key: &str) -> Option<&str> {
        self.0.context.iter().find(|(k, _)| *k == key).map(|(_, v)| v.as_str())
    }

    /// What of it survives a restart.
    pub fn record(&self) -> ErrorRecord {
        ErrorRecord {
            kind: self.kind(),
            outcome: self.outcome(),
            retry: self.retry(),
            message: self.to_string(),
        }
    }
}

impl fmt::Display for Error {
    /// `edge: pan_os.register: unavailable: the device is busy (status 503)`, one line always.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = &*self.0;
        let mut line = String::new();
        if let Some(name) = &e.connector {
            line.push_str(name.as_str());
            line.push_str(": ");
        }
        if !e.operation.is_empty() {
            line.push_str(e.operation);
            line.push_str(": ");
        }
        line.push_str(e.kind.as_str());
        if !e.message.is_empty() {
            line.push_str(": ");
            line.push_str(&e.message);
        }
        for (i, (key, value)) in e.context.iter().enumerate() {
            line.push_str(if i == 0 { " (" } else { ", " });
            line.push_str(key);
            line.push(' ');
            line.push_str(value);
        }
        if !e.context.is_empty() {
            line.push(')');
        }
        for c in line.chars() {
            fmt::Write::write_char(f, if c.is_control() { ' ' } else { c })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self}; {}; {:?})", self.outcome(), self.retry())
    }
}

impl std::error::Error for Error {}

/// What of an [`Error`] is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorRecord {
    /// What kind of failure it was.
    pub kind: Kind,
    /// What became of the effect.
    pub outcome: Outcome,
    /// When to try again.
    pub retry: Retry,
    /// The line that was displayed.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_and_eight_bytes() {
        let e = Error::new(Kind::Unavailable, "busy\nnow")
            .with_operation("pan_os.register")
            .with_connector(&ConnectorName::new("edge"))
            .with("status", 503);
        assert_eq!(e.to_string(), "edge: pan_os.register: unavailable: busy now (status 503)");
        assert_eq!(size_of::<Error>(), 8);
        assert!(std::error::Error::source(&e).is_none());
    }
}
