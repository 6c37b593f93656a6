//! The service: what you would write into your own.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use watchfloor::Connected;
use watchfloor::core::event::read_lines;
use watchfloor::core::{
    Call, Clock, Connector as _, Delivery, Error, EventSink, Kind, Opened, Outcome, Priority, Root,
    Scope, TenantId, TicketDesk, TicketKey,
};

use crate::Fatal;

type Answer = (StatusCode, Json<Value>);

/// What the service needs of Watchfloor: two ports, and whose actions these are.
#[derive(Clone)]
pub(crate) struct Floor {
    scope: Scope,
    sink: Arc<dyn EventSink>,
    desk: Arc<dyn TicketDesk>,
}

impl Floor {
    /// The first connector that takes events, and the first that has tickets.
    pub(crate) fn of(connected: &Connected, clock: Arc<dyn Clock>) -> Result<Self, Fatal> {
        let mut all = connected.connections().iter();
        let sink = all.clone().find_map(|c| c.sink().ok()).ok_or("no connector takes events")?;
        let desk = all.find_map(|c| c.desk().ok()).ok_or("no connector has tickets")?;
        Ok(Self { scope: Root::new(clock).scope(TenantId::new("default")), sink, desk })
    }

    /// One action: it ends within 30 seconds, retries and all.
    fn call(&self) -> Call {
        self.scope.call().within(self.scope.clock().now(), Duration::from_secs(30))
    }

    pub(crate) fn routes(self) -> Router {
        Router::new()
            .route("/events", post(events))
            .route("/tickets", post(tickets))
            .route("/healthz", get(healthz))
            .with_state(self)
    }
}

async fn events(State(floor): State<Floor>, body: Bytes) -> Answer {
    let now = floor.scope.clock().now();
    let lines = read_lines(&body[..]).flatten();
    match lines.map(|line| line.event(now)).collect::<Result<Vec<_>, _>>() {
        Ok(events) => verdicts(&floor.sink.send(&floor.call(), &events).await),
        Err(bad) => (StatusCode::BAD_REQUEST, Json(json!({ "error": bad.to_string() }))),
    }
}

fn verdicts(delivery: &Delivery) -> Answer {
    let (counts, total) = (delivery.counts(), delivery.total());
    let except = |index: usize| {
        let (outcome, reason) = (delivery.outcome(index), delivery.reason(index));
        json!({ "index": index, "outcome": outcome, "reason": reason })
    };
    let others = (0..total).filter(|i| delivery.outcome(*i) != Outcome::Applied);
    let answer = json!({
        "total": total, "applied": counts.applied, "rejected": counts.rejected,
        "not_sent": counts.not_sent, "unknown": counts.unknown,
        "others": others.map(except).collect::<Vec<_>>(),
    });
    let all = counts.applied == total as u64;
    (if all { StatusCode::OK } else { StatusCode::MULTI_STATUS }, Json(answer))
}

#[derive(Deserialize)]
struct Draft {
    key: String,
    summary: String,
    #[serde(default)]
    priority: Priority,
}

/// A caller that gave up, or got no answer, sends the same key again: the desk looks before it
/// creates.
async fn tickets(State(floor): State<Floor>, Json(asked): Json<Draft>) -> Answer {
    let mut draft = floor.scope.draft(TicketKey::given(&asked.key), asked.summary);
    draft.priority = asked.priority;
    match floor.desk.open(&floor.call(), &draft).await {
        Ok(Opened::Created(ticket)) => (StatusCode::CREATED, Json(json!(ticket))),
        Ok(Opened::Existing(ticket)) => (StatusCode::OK, Json(json!(ticket))),
        Err(e) => failed(&e),
    }
}

fn failed(e: &Error) -> Answer {
    let status = match e.kind() {
        Kind::RateLimited | Kind::Unavailable | Kind::Timeout => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_GATEWAY,
    };
    (status, Json(json!({ "error": e.to_string(), "outcome": e.outcome() })))
}

async fn healthz(State(floor): State<Floor>) -> Answer {
    let call = floor.call();
    let (sink, desk) = tokio::join!(floor.sink.check(&call), floor.desk.check(&call));
    let good = sink.is_good() && desk.is_good();
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "sink": sink, "desk": desk })))
}
