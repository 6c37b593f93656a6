use std::sync::Arc;

use async_trait::async_trait;

use super::Connector;
use crate::block::{Applied, Held, Plan};
use crate::{BlockRequest, Call, Result, Target};

/// Blocks addresses for a time.
#[async_trait]
pub trait Blocklist: Connector {
    /// What a request would change: admitted, already held, refused. Reads; writes nothing.
    async fn plan(&self, call: &Call, want: Vec<BlockRequest>) -> Result<Plan>;

    /// Carries out exactly that plan, or says that it is stale. Never `Err`: a verdict per target.
    async fn apply(&self, call: &Call, plan: Plan) -> Applied;

    /// Gives up an owner's claim; the block ends when nobody claims it.
    async fn release(&self, call: &Call, targets: &[Target], owner: &str) -> Applied;

    /// What is held. Complete, or an error: a failed or short list is never an empty one.
    async fn list(&self, call: &Call) -> Result<Vec<Held>>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Blocklist + ?Sized> Blocklist for Arc<T> {
    async fn plan(&self, call: &Call, want: Vec<BlockRequest>) -> Result<Plan> {
        (**self).plan(call, want).await
    }

    async fn apply(&self, call: &Call, plan: Plan) -> Applied {
        (**self).apply(call, plan).await
    }

    async fn release(&self, call: &Call, targets: &[Target], owner: &str) -> Applied {
        (**self).release(call, targets, owner).await
    }

    async fn list(&self, call: &Call) -> Result<Vec<Held>> {
        (**self).list(call).await
    }
}

const _: fn(&dyn Blocklist) = |_| {};
