use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::{BoxFuture, Call, Delivery, Event, EventSink};

/// A batch on its way. Its events are at hand also when its future is given up.
pub(super) struct Flight<'a> {
    events: Arc<Vec<Event>>,
    sending: BoxFuture<'a, Delivery>,
}

impl<'a> Flight<'a> {
    pub(super) fn start(sink: &'a dyn EventSink, call: Call, events: Vec<Event>) -> Self {
        let events = Arc::new(events);
        let batch = events.clone();
        Self { events, sending: Box::pin(async move { sink.send(&call, &batch).await }) }
    }

    pub(super) fn into_events(self) -> Arc<Vec<Event>> {
        self.events
    }
}

impl Future for Flight<'_> {
    type Output = (Arc<Vec<Event>>, Delivery);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.sending.as_mut().poll(cx).map(|delivery| (self.events.clone(), delivery))
    }
}

impl fmt::Debug for Flight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flight({} events)", self.events.len())
    }
}
