use async_trait::async_trait;

use super::{Connector, Page};
use crate::{Alert, AlertId, AlertPatch, Call, Cursor, Result};

/// Where alerts come from, and where what became of them is written back.
#[async_trait]
pub trait AlertSource: Connector {
    /// The alerts after a cursor, at most `limit` of them.
    async fn poll(&self, call: &Call, after: &Cursor, limit: usize) -> Result<Page<Alert>>;

    /// Changes an alert at its source.
    async fn update(&self, call: &Call, id: &AlertId, patch: &AlertPatch) -> Result<()>;
}

const _: fn(&dyn AlertSource) = |_| {};
