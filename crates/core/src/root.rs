//! Where calls come from: one root a process, a scope a tenant, a call an action.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Alert, CallId, Clock, Error, Kind, Result, Route, TenantId, TicketDraft, TicketKey, Timestamp,
};

/// The process's root: made once, it hands out [`Scope`]s.
#[derive(Clone, Debug)]
pub struct Root {
    clock: Arc<dyn Clock>,
}

impl Root {
    /// A root that reads this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Everything done for one tenant.
    pub fn scope(&self, tenant: TenantId) -> Scope {
        Scope { tenant, clock: self.clock.clone() }
    }
}

/// One tenant's actions: the only source of [`Call`]s and drafts.
#[derive(Clone, Debug)]
pub struct Scope {
    tenant: TenantId,
    clock: Arc<dyn Clock>,
}

impl Scope {
    /// Whose scope it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A new call: one action, with an id that stays the same on every attempt.
    pub fn call(&self) -> Call {
        Call {
            id: CallId::random(),
            tenant: self.tenant.clone(),
            deadline: None,
            traceparent: None,
        }
    }

    /// Takes up a call that was stored; refused if it is another tenant's.
    pub fn resume(&self, record: CallRecord) -> Result<Call> {
        if record.tenant != self.tenant {
            return Err(Error::new(Kind::Refused, "the stored call belongs to another tenant"));
        }
        Ok(Call {
            id: record.id,
            tenant: record.tenant,
            deadline: record.deadline,
            traceparent: record.traceparent,
        })
    }

    /// A ticket draft with a key that a person or another system gave.
    pub fn draft(&self, key: TicketKey, summary: impl Into<String>) -> TicketDraft {
        TicketDraft::new(self.tenant.clone(), key, summary.into())
    }

    /// The ticket draft of an alert, on its derived key; refused if it is another tenant's.
    pub fn draft_for(&self, alert: &Alert, route: Route) -> Result<TicketDraft> {
        self.own(&alert.tenant)?;
        Ok(TicketDraft::of_alert(alert, route))
    }

    /// Refuses what belongs to another tenant.
    pub fn own(&self, tenant: &TenantId) -> Result<()> {
        if *tenant == self.tenant {
            return Ok(());
        }
        Err(Error::new(Kind::Refused, "the item belongs to another tenant"))
    }
}

/// One action as every port sees it: small, cloneable, storable. Made by [`Scope::call`] alone.
///
/// ```compile_fail,E0451
/// let call = watchfloor_core::Call {
///     id: watchfloor_core::CallId::random(),
///     tenant: watchfloor_core::TenantId::new("acme"),
///     deadline: None,
///     traceparent: None,
/// };
/// ```
#[derive(Clone, Debug)]
pub struct Call {
    id: CallId,
    tenant: TenantId,
    deadline: Option<Timestamp>,
    traceparent: Option<String>,
}

impl Call {
    /// The action's id, the same on every attempt.
    pub fn id(&self) -> &CallId {
        &self.id
    }

    /// Whose action it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// When everything about it must have ended; none by default.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// The W3C trace context it belongs to.
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// The same action with a deadline; an earlier one stays.
    pub fn until(mut self, deadline: Timestamp) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |d| d.min(deadline)));
        self
    }

    /// The same action within `d` from `now`.
    pub fn within(self, now: Timestamp, d: Duration) -> Self {
        self.until(now.saturating_add(d))
    }

    /// The same action as part of a trace.
    pub fn traced(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Some(traceparent.into());
        self
    }

    /// What is stored of it.
    pub fn record(&self) -> CallRecord {
        CallRecord {
            id: self.id.clone(),
            tenant: self.tenant.clone(),
            deadline: self.deadline,
            traceparent: self.traceparent.clone(),
        }
    }
}

/// A [`Call`] in storage; [`Scope::resume`] takes it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallRecord {
    /// The action's id.
    pub id: CallId,
    /// Whose action it is.
    pub tenant: TenantId,
    /// Its deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Its trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}
