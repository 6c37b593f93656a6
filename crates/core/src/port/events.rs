use std::sync::Arc;

use async_trait::async_trait;

use super::Connector;
use crate::query::Query;
use crate::{BoxStream, Call, Delivery, Event, Result, Timestamp};

/// Takes events in.
#[async_trait]
pub trait EventSink: Connector {
    /// What one batch may hold and what a repeat does.
    fn capabilities(&self) -> SinkCaps;

    /// Sends a batch and says what became of each event.
    ///
    /// Splits it as the product needs. What is [`Unknown`](crate::Outcome::Unknown) after this
    /// returns may be there.
    async fn send(&self, call: &Call, events: &[Event]) -> Delivery;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: EventSink + ?Sized> EventSink for Arc<T> {
    fn capabilities(&self) -> SinkCaps {
        (**self).capabilities()
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        (**self).send(call, events).await
    }
}

/// What a sink can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkCaps {
    /// The documents of a batch together, in bytes; a single larger event is still passed on.
    pub max_batch_bytes: usize,
    /// Events in a batch.
    pub max_batch_events: usize,
    /// Batches in flight at once.
    pub max_in_flight: usize,
    /// What a second arrival of the same event does.
    pub on_repeat: OnRepeat,
    /// What `Applied` means.
    pub assurance: Assurance,
}

impl Default for SinkCaps {
    /// 1 MB, 10,000 events, two in flight, duplicates, accepted.
    fn default() -> Self {
        Self {
            max_batch_bytes: 1_000_000,
            max_batch_events: 10_000,
            max_in_flight: 2,
            on_repeat: OnRepeat::Duplicates,
            assurance: Assurance::Accepted,
        }
    }
}

/// What a second arrival of the same event does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnRepeat {
    /// Nothing: the product knows the event by its id.
    Ignored,
    /// A second copy, with the same id.
    Duplicates,
}

/// What `Applied` means for a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Assurance {
    /// The product has taken it; a crash of its own may still lose it.
    Accepted,
    /// The product has written it down.
    Durable,
}

/// Finds events.
pub trait EventSearch: Connector {
    /// The events that match, in pages: complete, or ended by an error.
    fn search(&self, call: &Call, search: Search) -> BoxStream<'static, Result<Vec<Event>>>;
}

/// What to search for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Search {
    /// The condition.
    pub what: What,
    /// Events from this instant on.
    pub from: Option<Timestamp>,
    /// Events before this instant.
    pub to: Option<Timestamp>,
    /// At most so many events.
    pub limit: Option<u64>,
}

impl Search {
    /// A search without bounds.
    pub fn new(what: What) -> Self {
        Self { what, from: None, to: None, limit: None }
    }
}

/// The condition of a search.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum What {
    /// In Watchfloor's words; the adapter renders and escapes it.
    Query(Query),
    /// In the product's own language, passed as it is.
    Native(String),
}

const _: fn(&dyn EventSink) = |_| {};
const _: fn(&dyn EventSearch) = |_| {};
