use watchfloor_core::{
    Assurance, Call, Connector, ConnectorName, Delivery, Event, EventSink, Health, OnRepeat,
    Outcome, Pieces, SinkCaps, async_trait,
};
use watchfloor_http::{Answer, Attempts, Reply, Verdict};

use crate::client::Collector;
use crate::error::{Stopped, is_about_the_index, stopped};
use crate::map::Metadata;

/// The HTTP Event Collector as an event sink.
#[derive(Debug)]
pub struct Hec {
    name: ConnectorName,
    collector: Collector,
    metadata: Metadata,
    on_unknown: OnUnknown,
}

/// What becomes of events of which nobody knows whether they were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// They are sent again: no event is lost, some may be there twice, with the same `event_uid`.
    #[default]
    Resend,
    /// They are left unknown: no event is doubled.
    Report,
}

/// One operation: what is left to send and what is known of the rest.
struct Sending<'e> {
    events: &'e [Event],
    attempts: Attempts,
    pieces: Pieces,
    delivery: Delivery,
    on_unknown: OnUnknown,
    /// Every event goes to the same index: a refused one refuses all.
    one_index: bool,
}

impl Hec {
    pub(crate) fn new(
        name: ConnectorName,
        collector: Collector,
        metadata: Metadata,
        on_unknown: OnUnknown,
    ) -> Self {
        Self { name, collector, metadata, on_unknown }
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
                sending.attempts.progressed();
                sending.all(&piece, Outcome::Applied);
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
        match stopped(answer, piece.len()) {
            Stopped::At(bad) => {
                let rest = piece.split_off(bad + 1);
                let refused = piece.split_off(bad);
                if bad > 0 {
                    self.pieces.taken();
                }
                self.all(&piece, Outcome::Applied);
                self.refuse(refused, verdict);
                self.attempts.progressed();
                if self.one_index && is_about_the_index(answer) {
                    self.refuse(rest, verdict);
                } else {
                    self.pieces.push(rest);
                }
            }
            Stopped::From(first) => {
                let rest = piece.split_off(first);
                let doubtful = piece.split_off(first - 1);
                self.all(&piece, Outcome::Applied);
                let rest = match self.on_unknown {
                    OnUnknown::Resend => [doubtful, rest].concat(),
                    OnUnknown::Report => {
                        self.all(&doubtful, Outcome::Unknown);
                        rest
                    }
                };
                match self.attempts.wait(verdict.not_before).await {
                    Ok(()) => self.pieces.push(rest),
                    Err(e) => self.delivery.merge(Delivery::failed(rest.len(), e), &rest),
                }
            }
            Stopped::Unsaid => {
                self.attempts.progressed();
                let outcome = self.attempts.refused();
                for refused in self.pieces.halve(piece) {
                    self.delivery.except(refused as usize, outcome, verdict.message.as_str());
                }
            }
        }
    }

    fn all(&mut self, piece: &[u32], outcome: Outcome) {
        self.delivery.merge(Delivery::all(piece.len(), outcome), piece);
    }

    fn refuse(&mut self, events: Vec<u32>, verdict: &Verdict) {
        for event in events {
            self.delivery.except(event as usize, Outcome::Rejected, verdict.message.as_str());
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
            on_unknown: self.on_unknown,
            one_index: self.metadata.one_index(),
        };
        while let Some(piece) = sending.pieces.take() {
            self.piece(piece, &mut sending).await;
        }
        sending.delivery
    }
}
