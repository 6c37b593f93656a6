//! A sink of Shelf.

use std::sync::Arc;

use serde::Deserialize;
use watchfloor::core::{
    Call, Clock, Connector, ConnectorName, Delivery, Event, EventSink, Health, Kind, OnRepeat,
    Outcome, Pieces, Result, Secret, SinkCaps, async_trait,
};
use watchfloor::http::{Answer, Auth, Client, Layer, Repeat, Reply, Settings, Verdict, by_status};
use watchfloor_testkit::conformance::Setup;

use super::twin::TOKEN;

#[derive(Debug)]
pub(crate) struct ShelfSink {
    name: ConnectorName,
    http: Client,
}

#[derive(Deserialize)]
struct Put {
    refused: Vec<usize>,
}

impl ShelfSink {
    /// The sink of the shelf at `url`.
    pub(crate) fn at(url: &str, setup: &Setup) -> Arc<dyn EventSink> {
        let clock: Arc<dyn Clock> = Arc::new(setup.clock.clone());
        let (name, url) = (ConnectorName::new("shelf"), url.parse().expect("a URL"));
        let auth = Auth::bearer(Secret::new(TOKEN));
        let client =
            Layer::new(clock).client(&name, vec![url], auth, Settings::default(), classify);
        Arc::new(Self { name, http: client.expect("a client") })
    }

    /// Offers documents, one a line.
    async fn put(&self, body: Vec<u8>, attempts: &mut watchfloor::http::Attempts) -> Result<Reply> {
        let request = self.http.post("items", "shelf.put", Repeat::Keyed);
        request.body("application/x-ndjson", body.into()).send_on(attempts).await
    }
}

/// What an answer means: its status says it, and what is too large is sent again in halves.
fn classify(answer: &Answer) -> Option<Verdict> {
    let verdict = by_status(answer)?;
    Some(if verdict.kind == Kind::TooLarge { verdict.resent_by_caller() } else { verdict })
}

#[async_trait]
impl Connector for ShelfSink {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, call: &Call) -> Health {
        let read = self.http.get("items", "shelf.check").send(call).await;
        Health::of(read, "the shelf answers", "let the token put items")
    }
}

#[async_trait]
impl EventSink for ShelfSink {
    fn capabilities(&self) -> SinkCaps {
        let mut caps = SinkCaps::default();
        caps.max_batch_events = 500;
        caps.on_repeat = OnRepeat::Ignored;
        caps
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        let mut delivery = Delivery::all(events.len(), Outcome::Applied);
        let (mut pieces, mut attempts) = (Pieces::new(events.len()), self.http.attempts(call));
        while let Some(piece) = pieces.take() {
            let lines = piece.iter().flat_map(|i| [events[*i as usize].json(), &b"\n"[..]]);
            match self.put(lines.collect::<Vec<_>>().concat(), &mut attempts).await {
                Ok(Reply::Done(answer)) => match answer.json::<Put>() {
                    Ok(put) => {
                        pieces.taken();
                        for index in put.refused.into_iter().filter_map(|n| piece.get(n)) {
                            delivery.except(*index as usize, Outcome::Rejected, "without an id");
                        }
                    }
                    Err(e) => delivery.merge(Delivery::failed(piece.len(), e), &piece),
                },
                Ok(Reply::Resend(_, verdict)) => {
                    let outcome = attempts.refused();
                    for index in pieces.halve(piece) {
                        delivery.except(index as usize, outcome, verdict.message.as_str());
                    }
                }
                Err(e) => delivery.merge(Delivery::failed(piece.len(), e), &piece),
            }
        }
        delivery
    }
}
