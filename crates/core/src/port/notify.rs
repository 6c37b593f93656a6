use async_trait::async_trait;

use super::Connector;
use crate::{Call, Result, RichText, Severity};

/// Tells people.
#[async_trait]
pub trait Notifier: Connector {
    /// Says it.
    async fn notify(&self, call: &Call, notice: &Notice) -> Result<()>;
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// How serious.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// The text.
    pub text: RichText,
}

impl Notice {
    /// A notice.
    pub fn new(severity: Severity, title: impl Into<String>, text: RichText) -> Self {
        Self { severity, title: title.into(), text }
    }
}

const _: fn(&dyn Notifier) = |_| {};
