use std::collections::BTreeSet;

use watchfloor_core::block::{
    Admitted, Applied, BlockBackend, BlockCaps, BlockRequest, BlockVerdict, Held, Prefixes,
};
use watchfloor_core::{
    Call, Connector, ConnectorName, Error, Health, Kind, Outcome, Result, Stage, Target,
    async_trait,
};
use watchfloor_http::Repeat;

use super::client::Api;
use super::map;
use super::wire::{Entry, Section, Update};

/// Entries in one document, as other clients send them; far below the 5 MB of a request.
const CHUNK: usize = 1000;
/// Entries in one page of a list.
const PAGE: usize = 500;
/// Pages of one list: twice the largest capacity of any model.
const MAX_PAGES: usize = 2000;

/// A PAN-OS firewall as a [`BlockBackend`]: what it does to registered addresses of one tag.
#[derive(Debug)]
pub struct PanOs {
    name: ConnectorName,
    api: Api,
    tag: String,
    max_entries: Option<usize>,
}

impl PanOs {
    pub(super) fn new(
        name: ConnectorName,
        api: Api,
        tag: String,
        max_entries: Option<usize>,
    ) -> Self {
        Self { name, api, tag, max_entries }
    }

    /// The requests that are this connector's; the others are refused.
    fn admitted<'a>(&self, blocks: &'a [Admitted], refused: &mut Applied) -> Vec<&'a BlockRequest> {
        let mut requests = Vec::with_capacity(blocks.len());
        for block in blocks {
            match block.for_connector(&self.name) {
                Ok(request) => requests.push(request),
                Err(refusal) => refused.push(block.target(), BlockVerdict::Refused(refusal)),
            }
        }
        requests
    }

    async fn register(&self, call: &Call, blocks: &[&BlockRequest], repeat: Repeat) -> Applied {
        let targets: Vec<_> = blocks.iter().map(|b| b.target).collect();
        let entries = blocks.iter().map(|b| map::register(b.target, b.lease)).collect();
        self.update(call, Section::Register, &targets, entries, repeat).await
    }

    async fn unregister(&self, call: &Call, targets: &[Target]) -> Applied {
        let entries = targets.iter().copied().map(map::unregister).collect();
        // Twice is as good as once: what is gone is "does not exist, ignore unreg".
        self.update(call, Section::Unregister, targets, entries, Repeat::Harmless).await
    }

    async fn update(
        &self,
        call: &Call,
        section: Section,
        targets: &[Target],
        entries: Vec<Entry>,
        repeat: Repeat,
    ) -> Applied {
        let update = Update { section, tag: &self.tag, entries };
        match self.api.update(call, &update, repeat).await {
            Ok(reply) => {
                let mut applied = Applied::new();
                applied.items = map::verdicts(section, targets, &reply);
                applied
            }
            Err(e) => Applied::failed(targets.iter().copied(), e),
        }
    }

    /// There is no call that sets a new time-out: off, then on, in two documents. What could not
    /// be taken off keeps its old time-out and is not touched further.
    async fn renew(&self, call: &Call, blocks: &[&BlockRequest]) -> Applied {
        let targets: Vec<_> = blocks.iter().map(|b| b.target).collect();
        let mut off = self.unregister(call, &targets).await;
        let gone =
            |v: &BlockVerdict| matches!(v, BlockVerdict::Released | BlockVerdict::NotPresent);
        let free: BTreeSet<Target> =
            off.items.iter().filter(|(_, v)| gone(v)).map(|(t, _)| *t).collect();
        off.items.retain(|(_, verdict)| !gone(verdict));
        let blocks: Vec<_> = blocks.iter().filter(|b| free.contains(&b.target)).copied().collect();
        if blocks.is_empty() {
            return off;
        }
        // Nothing of ours is there now: a second arrival finds what the first one did.
        let mut on = self.register(call, &blocks, Repeat::Keyed).await;
        for (_, verdict) in &mut on.items {
            *verdict = match std::mem::replace(verdict, BlockVerdict::Accepted) {
                BlockVerdict::AlreadyPresent => BlockVerdict::Accepted,
                BlockVerdict::Failed(e) => BlockVerdict::Failed(e.with("step", "register")),
                other => other,
            };
        }
        off.merge(on);
        off
    }
}

/// After a part that failed as a whole the rest is not sent: its verdicts.
fn skipped(applied: &Applied, rest: impl Iterator<Item = Target>) -> Option<Applied> {
    let cause = applied.cause.clone()?.with_outcome(Outcome::NotSent);
    Some(Applied::failed(rest, cause))
}

#[async_trait]
impl Connector for PanOs {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    /// One page of the list. Whether the key may register, and whether a committed rule uses the
    /// tag, no read of this can tell.
    async fn check(&self, call: &Call) -> Health {
        let page = self.api.registered(call, &self.tag, PAGE, 1).await;
        let listed = page.is_ok();
        let grant = "give the administrator's role operational requests and the User-ID agent";
        let health = Health::of(page, "it lists registered addresses", grant);
        let health = self.api.health(health);
        if !listed {
            return health;
        }
        let why = format!("no read shows whether a committed deny rule uses the tag {}", self.tag);
        health.unknown(Stage::Degraded, why)
    }
}

#[async_trait]
impl BlockBackend for PanOs {
    fn caps(&self) -> BlockCaps {
        let mut caps = BlockCaps::new();
        caps.v4 = Prefixes::Any;
        caps.v6 = Prefixes::Hosts;
        caps.native_ttl = Some(map::MAX_TIMEOUT);
        caps.capacity = self.max_entries;
        caps
    }

    async fn add(&self, call: &Call, blocks: &[Admitted]) -> Applied {
        let mut applied = Applied::new();
        let blocks = self.admitted(blocks, &mut applied);
        // A second arrival would be "already exists" and hide which lease stands: the controller
        // looks at the list instead.
        for part in blocks.chunks(CHUNK) {
            let done = match skipped(&applied, part.iter().map(|b| b.target)) {
                Some(skipped) => skipped,
                None => self.register(call, part, Repeat::Forbidden).await,
            };
            applied.merge(done);
        }
        applied
    }

    async fn extend(&self, call: &Call, blocks: &[Admitted]) -> Applied {
        let mut applied = Applied::new();
        let blocks = self.admitted(blocks, &mut applied);
        for part in blocks.chunks(CHUNK) {
            let done = match skipped(&applied, part.iter().map(|b| b.target)) {
                Some(skipped) => skipped,
                None => self.renew(call, part).await,
            };
            applied.merge(done);
        }
        applied
    }

    async fn remove(&self, call: &Call, targets: &[Target]) -> Applied {
        let mut applied = Applied::new();
        for part in targets.chunks(CHUNK) {
            let done = match skipped(&applied, part.iter().copied()) {
                Some(skipped) => skipped,
                None => self.unregister(call, part).await,
            };
            applied.merge(done);
        }
        applied
    }

    async fn list(&self, call: &Call) -> Result<Vec<Held>> {
        let mut held = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut start = 1;
        for _ in 0..MAX_PAGES {
            let page = self.api.registered(call, &self.tag, PAGE, start).await?;
            let (listed, before) = (page.entries.len(), seen.len());
            held.extend(map::held(&self.tag, &page.entries)?);
            seen.extend(page.entries.into_iter().map(|entry| entry.ip));
            if listed < PAGE {
                return Ok(held.into_iter().map(Held::new).collect());
            }
            // A page that shows nothing new would be shown for ever (T1).
            if seen.len() == before {
                break;
            }
            start += listed;
        }
        let e = Error::new(Kind::Protocol, "the list of registered addresses does not end");
        Err(e.with_connector(&self.name).with_operation("pan_os.list").with("start-point", start))
    }
}
