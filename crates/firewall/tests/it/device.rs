//! A device in memory that does what it is told, or what a test told it before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use watchfloor_core::block::{
    Admitted, Applied, BlockBackend, BlockCaps, BlockVerdict, Held, Prefixes,
};
use watchfloor_core::{
    Call, Connector, ConnectorName, Error, Health, Kind, Outcome, Result, Root, Target, TenantId,
    Timestamp, async_trait,
};
use watchfloor_testkit::TestClock;

/// What goes wrong with one call that writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Done, and the answer is lost.
    LostAnswer,
    /// Not done, and nobody knows.
    LostRequest,
    /// Refused.
    Refused,
    /// It says that it is done, and it is not.
    Lies,
    /// Done, and the call never ends.
    Hangs,
    /// The list behind this call fails; the call itself works.
    ListFails,
}

#[derive(Debug)]
pub(crate) struct FakeDevice {
    name: ConnectorName,
    pub(crate) caps: BlockCaps,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: BTreeMap<Target, Option<Timestamp>>,
    faults: VecDeque<Fault>,
    list_fails: bool,
    /// Every call that writes, in words.
    calls: Vec<String>,
}

impl FakeDevice {
    pub(crate) fn new() -> Arc<Self> {
        Self::with(BlockCaps::new())
    }

    pub(crate) fn with(mut caps: BlockCaps) -> Arc<Self> {
        caps.v4 = Prefixes::Any;
        caps.native_ttl = Some(Duration::from_secs(2_592_000));
        Arc::new(Self { name: "edge".into(), caps, state: Mutex::default() })
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.state.lock().unwrap().faults.push_back(fault);
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    /// Another writer puts an address there.
    pub(crate) fn put(&self, target: &str) {
        self.state.lock().unwrap().held.insert(target.parse().unwrap(), None);
    }

    /// Another writer takes an address away.
    pub(crate) fn take(&self, target: &str) {
        self.state.lock().unwrap().held.remove(&target.parse().unwrap());
    }

    pub(crate) fn break_list(&self) {
        self.state.lock().unwrap().list_fails = true;
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.state.lock().unwrap().held.keys().map(ToString::to_string).collect()
    }

    fn write(
        &self,
        what: &str,
        targets: Vec<Target>,
        change: impl Fn(&mut BTreeMap<Target, Option<Timestamp>>, Target) -> BlockVerdict,
    ) -> Applied {
        let mut state = self.state.lock().unwrap();
        let names: Vec<_> = targets.iter().map(ToString::to_string).collect();
        state.calls.push(format!("{what} {}", names.join(" ")));
        let lost = |outcome| Error::new(Kind::Timeout, "no answer").with_outcome(outcome);
        let fault = state.faults.pop_front();
        let done = match fault {
            Some(Fault::LostRequest) => return Applied::failed(targets, lost(Outcome::Unknown)),
            Some(Fault::Refused) => return Applied::failed(targets, lost(Outcome::Rejected)),
            Some(Fault::Lies) => targets.iter().map(|t| (*t, BlockVerdict::Accepted)).collect(),
            _ => targets.iter().map(|t| (*t, change(&mut state.held, *t))).collect(),
        };
        match fault {
            Some(Fault::LostAnswer) => {
                return Applied::failed(targets, lost(Outcome::Unknown));
            }
            Some(Fault::ListFails) => state.list_fails = true,
            _ => {}
        }
        let mut applied = Applied::new();
        applied.items = done;
        applied
    }
}

#[async_trait]
impl Connector for FakeDevice {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, _: &Call) -> Health {
        Health::new()
    }
}

#[async_trait]
impl BlockBackend for FakeDevice {
    fn caps(&self) -> BlockCaps {
        self.caps.clone()
    }

    async fn add(&self, _: &Call, blocks: &[Admitted]) -> Applied {
        let targets = self.admitted(blocks);
        let hangs = matches!(self.state.lock().unwrap().faults.front(), Some(Fault::Hangs));
        let applied = self.write("add", targets, |held, target| match held.insert(target, None) {
            None => BlockVerdict::Accepted,
            Some(_) => BlockVerdict::AlreadyPresent,
        });
        if hangs {
            std::future::pending::<()>().await;
        }
        applied
    }

    async fn extend(&self, _: &Call, blocks: &[Admitted]) -> Applied {
        let targets = self.admitted(blocks);
        self.write("extend", targets, |held, target| {
            held.insert(target, None);
            BlockVerdict::Accepted
        })
    }

    async fn remove(&self, _: &Call, targets: &[Target]) -> Applied {
        self.write("remove", targets.to_vec(), |held, target| match held.remove(&target) {
            Some(_) => BlockVerdict::Released,
            None => BlockVerdict::NotPresent,
        })
    }

    async fn list(&self, _: &Call) -> Result<Vec<Held>> {
        let mut state = self.state.lock().unwrap();
        if std::mem::take(&mut state.list_fails) {
            return Err(Error::new(Kind::Unavailable, "the list is cut short"));
        }
        Ok(state.held.iter().map(|(target, at)| Held::new(*target).until(*at)).collect())
    }
}

impl FakeDevice {
    fn admitted(&self, blocks: &[Admitted]) -> Vec<Target> {
        let target = |a: &Admitted| a.for_connector(&self.name).map(|request| request.target);
        blocks.iter().map(target).collect::<Result<_, _>>().expect("admitted for this device")
    }
}

/// A clock that stands still until a test moves it, or until everybody waits.
pub(crate) fn clock() -> TestClock {
    TestClock::at("2026-11-24T08:00:00Z".parse().unwrap())
}

pub(crate) fn call() -> Call {
    Root::new(Arc::new(clock())).scope(TenantId::new("acme")).call()
}
