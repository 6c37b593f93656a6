use watchfloor_core::{
    Assurance, Call, Connector, ConnectorName, Delivery, Event, EventSink, Health, OnRepeat,
    Outcome, Pieces, SinkCaps, async_trait,
};
use watchfloor_http::{Answer, Attempts, Reply, Verdict};

use crate::client::Collector;
use crate::error::{Stopped, stopped};
use crate::map::Metadata;

/// The HTTP Event Collector as an event sink.
#[derive(Debug)]
pub struct Hec {
    name: ConnectorName,
    collector: Collector,
    metadata: Metadata,
}

/// What becomes of a batch whose answer was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// It is sent again: no event is lost, some may be there twice, with the same `event_uid`.
    #[default]
    Resend,
    /// It is left unknown: no event is doubled.
    Report,
}

/// One operation: what is left to send and what is known of the rest.
struct Sending<'e> {
    events: &'e [Event],
    attempts: Attempts,
    pieces: Pieces,
    delivery: Delivery,
}

impl Hec {
    pub(crate) fn new(name: ConnectorName, collector: Collector, metadata: Metadata) -> Self {
        Self { name, collector, metadata }
    }

    fn body(&self, events: &[Event], piece: &[u32]) -> Vec<u8> {
        let size: usize = piece.iter().map(|i| events[*i as usize].len() + 160).sum();
        let mut body = Vec::with_capacity(size);
        for index in piece {
            self.metadata.write(&events[*index as usize], &mut body);
        }
        body
    }

    async fn piece(&self, piece: Vec<u32>, sending: &mut Sending<'_>) {
        let body = self.body(sending.events, &piece);
        match self.collector.send(body.into(), &mut sending.attempts).await {
            Ok(Reply::Done(_)) => {
                sending.pieces.taken();
                sending.delivery.merge(Delivery::all(piece.len(), Outcome::Applied), &piece);
            }
            Ok(Reply::Resend(answer, verdict)) => sending.resume(piece, &answer, &verdict).await,
            Err(e) => sending.delivery.merge(Delivery::failed(piece.len(), e), &piece),
        }
    }
}

impl Sending<'_> {
    /// The collector reads a batch as a stream and stops at the first bad event; what came before
    /// it was taken. Goes on after it.
    async fn resume(&mut self, mut piece: Vec<u32>, answer: &Answer, verdict: &Verdict) {
        let why = verdict.message.as_str();
        match stopped(answer, piece.len()) {
            Stopped::At(bad) => {
                let rest = piece.split_off(bad + 1);
                let taken = Delivery::all(piece.len(), Outcome::Applied);
                self.delivery.merge(taken, &piece);
                self.delivery.except(piece[bad] as usize, Outcome::Rejected, why);
                self.pieces.push(rest);
            }
            // Every event of this connector has the same index.
            Stopped::NoIndex(first) => {
                let rest = piece.split_off(first);
                self.delivery.merge(Delivery::all(piece.len(), Outcome::Applied), &piece);
                for refused in rest {
                    self.delivery.except(refused as usize, Outcome::Rejected, why);
                }
            }
            Stopped::From(first) => {
                let rest = piece.split_off(first);
                self.delivery.merge(Delivery::all(piece.len(), Outcome::Applied), &piece);
                match self.attempts.wait(verdict.not_before).await {
                    Ok(()) => self.pieces.push(rest),
                    Err(e) => self.delivery.merge(Delivery::failed(rest.len(), e), &rest),
                }
            }
            Stopped::Unsaid => {
                for refused in self.pieces.halve(piece) {
                    self.delivery.except(refused as usize, Outcome::Rejected, why);
                }
            }
        }
    }
}

#[async_trait]
impl Connector for Hec {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, call: &Call) -> Health {
        let fix = "enable the token and allow it the index that is configured";
        let probed = self.collector.probe(call).await;
        self.collector.health(Health::of(probed, "the collector knows the token", fix))
    }
}

#[async_trait]
impl EventSink for Hec {
    fn capabilities(&self) -> SinkCaps {
        let mut caps = SinkCaps::default();
        caps.max_batch_bytes = 1_000_000;
        caps.on_repeat = OnRepeat::Duplicates;
        // A 200 says that the data looked right; it may still sit in a queue in memory.
        caps.assurance = Assurance::Accepted;
        caps
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        let mut sending = Sending {
            events,
            attempts: self.collector.attempts(call),
            pieces: Pieces::new(events.len()),
            delivery: Delivery::all(events.len(), Outcome::Applied),
        };
        while let Some(piece) = sending.pieces.take() {
            self.piece(piece, &mut sending).await;
        }
        sending.delivery
    }
}
