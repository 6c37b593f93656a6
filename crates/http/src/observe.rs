//! What the layer tells of its work.

use std::fmt;
use std::time::Duration;

use http::Method;
use watchfloor_core::{ConnectorName, Kind, Outcome, TenantId};

pub use crate::endpoint::BreakerChange;

/// Is told what the layer does, as it does it: metrics are an observer.
///
/// Nothing that it gets can hold a secret: no URL, no header, no body, no text of the other side.
/// It is called within the request's own task, so it counts and returns; where a
/// [`Layer`](crate::Layer) has none, nothing is prepared for it.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something was done.
    fn observe(&self, seen: &Observation<'_>);
}

/// Whose request it is, and which.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Operation<'a> {
    /// The connector.
    pub connector: &'a ConnectorName,
    /// The tenant.
    pub tenant: &'a TenantId,
    /// `vendor.verb`.
    pub name: &'static str,
}

/// One exchange with the other side.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// What it is part of.
    pub operation: Operation<'a>,
    /// `host:port` of the endpoint.
    pub endpoint: &'a str,
    /// The method.
    pub method: &'a Method,
    /// How many attempts of the operation came before, from none.
    pub resend: u32,
}

/// What was done.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Observation<'a> {
    /// A request is sent.
    #[non_exhaustive]
    Started {
        /// Which.
        attempt: Attempt<'a>,
    },
    /// It has come to its end. One that is dropped on its way has none.
    #[non_exhaustive]
    Ended {
        /// Which.
        attempt: Attempt<'a>,
        /// The status of the answer; `None` where none came.
        status: Option<u16>,
        /// What failed, and what became of the effect; `None` for a success.
        failure: Option<(Kind, Outcome)>,
        /// How long it took, on the layer's clock.
        took: Duration,
        /// Bytes of the request's body.
        sent: usize,
        /// Bytes of the answer's body, unpacked.
        received: usize,
    },
    /// It is sent again after a wait.
    #[non_exhaustive]
    Repeating {
        /// What is repeated.
        operation: Operation<'a>,
        /// What failed; `None` where the caller rebuilds the body.
        because: Option<Kind>,
        /// How long it waits.
        wait: Duration,
        /// Whether the server asked for a wait.
        asked: bool,
    },
    /// A request waited for its turn.
    #[non_exhaustive]
    Waited {
        /// Which.
        operation: Operation<'a>,
        /// `host:port` of the endpoint.
        endpoint: &'a str,
        /// For what.
        gate: Gate,
        /// How long, on the layer's clock.
        wait: Duration,
    },
    /// The breaker of an endpoint has changed.
    #[non_exhaustive]
    Breaker {
        /// The request that changed it.
        operation: Operation<'a>,
        /// `host:port` of the endpoint.
        endpoint: &'a str,
        /// To what.
        change: BreakerChange,
    },
}

/// What a request waits for before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gate {
    /// The end of an endpoint's rest.
    Breaker,
    /// The rate, or the end of a server's pause.
    Rate,
    /// A place among those under way.
    InFlight,
}
