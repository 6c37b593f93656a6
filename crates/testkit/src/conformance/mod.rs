//! What a port promises, as cases that any implementation can be run against.
//!
//! A case is a plain function over a [`World`]: the port, and the product behind it as the suite
//! must see it. Each case gets fresh ones from a factory, `async fn(Setup) -> World`. What a world
//! or a port cannot do selects the cases; those left out are reported with the reason.
//!
//! [`sink`] is the suite of event sinks, [`desk`] that of ticket desks, [`store`] that of stores,
//! which have no product behind them. Another port brings its own cases over the same frame: its
//! `World::Port`, what of [`World::held`] is its key, and a list of [`Case`].

/// The cases of a suite, as `module::case: "its promise in a sentence"`.
macro_rules! cases {
    ($($module:ident::$name:ident: $promise:literal,)*) => {
        vec![$($crate::conformance::Case {
            name: stringify!($name),
            promise: $promise,
            run: |worlds| Box::pin($module::$name(worlds)),
        },)*]
    };
}

pub mod desk;
mod memory;
mod report;
pub mod sink;
pub mod store;
mod twin;
mod wire;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use watchfloor_core::{BoxFuture, Call, Clock, Root, Scope, TenantId, async_trait};

use crate::{Answer, Fault, TestClock};

pub use desk::TwinDesk;
pub use desk::memory::{Keys, MemoryDesk, MemoryDeskWorld, MemoryTickets};
pub use memory::{Memory, MemorySink, MemoryWorld};
pub use report::{Case, Ended, Miss, Report, Verdict, suite};
pub(crate) use report::{text_of, within};
pub use twin::TwinWorld;

/// A customer's text in what the suites send: it may stand in events and tickets alone.
pub const CUSTOMER: &str = "cnry-customer-5b0e77d1";

/// A port and the product behind it, fresh: what tests do to it and see of it.
#[async_trait]
pub trait World: Send + Sync + 'static {
    /// The port: `dyn EventSink`, `dyn TicketDesk` …
    type Port: ?Sized + Send + Sync + 'static;

    /// The port.
    fn port(&self) -> Arc<Self::Port>;

    /// What calls are made with.
    fn scope(&self) -> Scope;

    /// The clock on which the port waits.
    fn clock(&self) -> &TestClock;

    /// How many requests reached the product so far, of all operations.
    fn requests(&self) -> u64;

    /// Lets the `nth` request from now on meet this fault; `false` where that cannot be done here.
    fn inject(&self, nth: u64, fault: Fault) -> bool;

    /// Everything that the product holds, an entry a copy.
    async fn held(&self) -> Vec<Held>;

    /// Secrets of the connection; they may stand nowhere but in the credential itself.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// A failure that the product answers with a success's status; `None` where it has none.
    fn failure_in_success(&self) -> Option<Answer> {
        None
    }

    /// What of all requests stands in logs on their way: paths, queries, headers but credentials.
    fn on_the_way(&self) -> Vec<u8> {
        Vec::new()
    }

    /// A new call.
    fn call(&self) -> Call {
        self.scope().call()
    }
}

/// A copy of something that the product holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it is known by: an event's uid, a ticket's key, a block's target.
    pub key: String,
    /// What was sent, byte for byte, where the product shows it.
    pub bytes: Option<Bytes>,
}

/// With what a world is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setup {
    /// The clock of the port and of its product.
    pub clock: TestClock,
    /// How long one attempt may take. Real time: where an answer never comes, it is waited for.
    pub attempt_timeout: Duration,
}

impl Setup {
    /// A clock that stands at a whole second, and attempts that take as long as they like.
    pub fn new() -> Self {
        let start = "2026-11-24T08:00:00Z".parse().expect("a time");
        Self { clock: TestClock::at(start), attempt_timeout: Duration::from_secs(60) }
    }

    /// The same with attempts that are given up soon.
    pub fn impatient() -> Self {
        Self { attempt_timeout: Duration::from_millis(80), ..Self::new() }
    }

    /// A scope of its clock.
    pub fn scope(&self) -> Scope {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        Root::new(clock).scope(TenantId::new("acme"))
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes worlds. A clone makes the same ones.
pub struct Worlds<W: ?Sized>(Arc<dyn Fn(Setup) -> BoxFuture<'static, Arc<W>> + Send + Sync>);

impl<W: ?Sized + 'static> Worlds<W> {
    /// By this factory.
    pub fn new<F>(make: impl Fn(Setup) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Arc<W>> + Send + 'static,
    {
        Self(Arc::new(move |setup| Box::pin(make(setup))))
    }

    /// A world of the usual [`Setup`].
    pub async fn fresh(&self) -> Arc<W> {
        self.with(Setup::new()).await
    }

    /// A world of this setup.
    pub async fn with(&self, setup: Setup) -> Arc<W> {
        self.0(setup).await
    }
}

impl<W: ?Sized> Clone for Worlds<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W: ?Sized> fmt::Debug for Worlds<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worlds")
    }
}
