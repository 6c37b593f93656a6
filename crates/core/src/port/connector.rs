use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Call, ConnectorName, Health};

/// A configured instance of an adapter.
#[async_trait]
pub trait Connector: fmt::Debug + Send + Sync + 'static {
    /// The name it is configured under.
    fn name(&self) -> &ConnectorName;

    /// Whether it works, stage by stage. Has no side effect on the other side.
    async fn check(&self, call: &Call) -> Health;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Connector + ?Sized> Connector for Arc<T> {
    fn name(&self) -> &ConnectorName {
        (**self).name()
    }

    async fn check(&self, call: &Call) -> Health {
        (**self).check(call).await
    }
}
