use serde_json::value::RawValue;
use watchfloor_core::{
    Assurance, Call, Connector, ConnectorName, Delivery, Error, Event, EventSink, Health, Kind,
    OnRepeat, Outcome, Pieces, Result, SinkCaps, Timestamp, async_trait,
};
use watchfloor_http::{Answer, Attempts, Reply, Verdict};

use crate::client::Cluster;
use crate::error::{FLOOD_WAIT, ItemVerdict, Items, is_breaker};
use crate::map::{Lines, OpType};
use crate::wire::{BulkAnswer, Item, Operation};

/// The `_bulk` API as an event sink.
#[derive(Debug)]
pub struct Bulk {
    name: ConnectorName,
    cluster: Cluster,
    lines: Lines,
    items: Items,
}

/// One operation: what is left to send and what is known of the rest.
struct Sending<'e> {
    events: &'e [Event],
    attempts: Attempts,
    pieces: Pieces,
    delivery: Delivery,
    /// Whole requests that were refused for want of room since one was taken.
    refused: u32,
}

/// What of a piece must go again.
#[derive(Default)]
struct Again {
    put_off: Vec<u32>,
    /// It was too much at once.
    shrink: bool,
    not_before: Option<Timestamp>,
    /// Refused with their neighbours, and perhaps for one of them.
    suspects: Vec<u32>,
}

impl Bulk {
    pub(crate) fn new(name: ConnectorName, cluster: Cluster, lines: Lines, items: Items) -> Self {
        Self { name, cluster, lines, items }
    }

    /// Sends one piece. What must go again is pushed back; everything else has its verdict.
    async fn piece(&self, piece: Vec<u32>, sending: &mut Sending<'_>) {
        let body = self.lines.body(sending.events, &piece);
        let settled = match self.cluster.bulk(body.into(), &mut sending.attempts).await {
            Ok(Reply::Done(answer)) => self.settle(&answer, &piece, &mut sending.delivery),
            Ok(Reply::Resend(answer, verdict)) => {
                return match verdict.kind {
                    Kind::RateLimited | Kind::Unavailable => {
                        sending.no_room(piece, is_breaker(&answer), &verdict).await;
                    }
                    _ => sending.halve(piece, &verdict),
                };
            }
            Err(e) => Err(e),
        };
        match settled {
            Ok(again) => sending.go_on(again, piece.len()).await,
            Err(e) => sending.delivery.merge(Delivery::failed(piece.len(), e), &piece),
        }
    }

    /// Notes the verdict of every event of a piece, by position.
    fn settle(&self, answer: &Answer, piece: &[u32], delivery: &mut Delivery) -> Result<Again> {
        let items = items(answer)?;
        if items.len() != piece.len() {
            let what = "the answer has another number of items than was sent";
            return Err(unread(what).with("sent", piece.len()).with("items", items.len()));
        }
        let mut part = Delivery::all(piece.len(), Outcome::Applied);
        let mut again = Again::default();
        let mut there = "";
        for (i, item) in items.into_iter().map(RawValue::get).enumerate() {
            // A thousand successes read alike, and are read once.
            if item == there {
                continue;
            }
            match self.items.judge(&read(item, self.items.operation)?) {
                ItemVerdict::There => there = item,
                ItemVerdict::Refused(why) => part.except(i, Outcome::Rejected, why),
                ItemVerdict::Suspect(why) => {
                    part.except(i, Outcome::Rejected, why);
                    again.suspects.push(piece[i]);
                }
                ItemVerdict::PutOff(put_off) => {
                    part.except(i, put_off.outcome, put_off.why);
                    again.put_off.push(piece[i]);
                    again.shrink |= put_off.shrink;
                    if put_off.flood {
                        again.not_before = Some(answer.received.saturating_add(FLOOD_WAIT));
                    }
                }
            }
        }
        delivery.merge(part, piece);
        Ok(again)
    }
}

/// The items of an answer; one that is no answer to what was sent is unknown, never a success.
fn items(answer: &Answer) -> Result<Vec<&RawValue>> {
    match serde_json::from_slice(&answer.body) {
        Ok(BulkAnswer { items }) => Ok(items),
        // Says where it stops being JSON, if it does.
        Err(_) => Err(match answer.json::<serde::de::IgnoredAny>() {
            Err(e) => e.with_outcome(Outcome::Unknown).with_operation("elastic.bulk"),
            Ok(_) => unread(NO_ANSWER),
        }),
    }
}

fn read(item: &str, sent: OpType) -> Result<Item<'_>> {
    match (serde_json::from_str(item), sent) {
        (Ok(Operation::Create(item)), OpType::Create)
        | (Ok(Operation::Index(item)), OpType::Index) => Ok(item),
        (Ok(_), _) => Err(unread("the answer names other operations")),
        (Err(_), _) => Err(unread(NO_ANSWER)),
    }
}

const NO_ANSWER: &str = "the answer is none to a bulk request";

fn unread(what: &str) -> Error {
    Error::new(Kind::Protocol, what).with_outcome(Outcome::Unknown).with_operation("elastic.bulk")
}

impl Sending<'_> {
    /// After a piece of so many that was taken, but for what must go again.
    async fn go_on(&mut self, again: Again, sent: usize) {
        self.refused = 0;
        let Again { put_off, shrink, not_before, suspects } = again;
        if suspects.len() < sent {
            self.pieces.taken();
        }
        if put_off.is_empty() {
            self.attempts.progressed();
        }
        // Those that are not sent again have their verdict already.
        let _ = self.pieces.halve(suspects);
        if put_off.is_empty() {
            return;
        }
        match self.attempts.wait(not_before).await {
            Ok(()) => self.push(put_off, shrink),
            // They keep the verdict that the cluster gave them.
            Err(e) => {
                tracing::warn!(error = %e, events = put_off.len(), "put off too often");
                self.because(e);
            }
        }
    }

    /// Too large, or one broken line in it: halves find the one.
    fn halve(&mut self, piece: Vec<u32>, verdict: &Verdict) {
        self.attempts.progressed();
        let outcome = self.attempts.refused();
        for refused in self.pieces.halve(piece) {
            self.delivery.except(refused as usize, outcome, verdict.message.as_str());
        }
    }

    /// The cluster has no room for the piece. It may have later; what is refused twice, or by a
    /// breaker, goes in halves, since a body over a limit is refused for ever.
    async fn no_room(&mut self, piece: Vec<u32>, breaker: bool, verdict: &Verdict) {
        self.refused += 1;
        let shrink = breaker || self.refused > 1;
        match self.attempts.wait(verdict.not_before).await {
            Ok(()) => self.push(piece, shrink),
            Err(e) => {
                for event in piece {
                    let why = verdict.message.as_str();
                    self.delivery.except(event as usize, Outcome::Rejected, why);
                }
                self.because(e);
            }
        }
    }

    fn push(&mut self, mut piece: Vec<u32>, shrink: bool) {
        if shrink && piece.len() > 1 {
            let second = piece.split_off(piece.len() / 2);
            self.pieces.push(second);
        }
        self.pieces.push(piece);
    }

    /// Names the failure behind verdicts that are given.
    fn because(&mut self, e: Error) {
        self.delivery.merge(Delivery::all(0, Outcome::Applied).with_cause(e), &[]);
    }
}

#[async_trait]
impl Connector for Bulk {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, call: &Call) -> Health {
        self.cluster.check(call).await
    }
}

#[async_trait]
impl EventSink for Bulk {
    fn capabilities(&self) -> SinkCaps {
        let mut caps = SinkCaps::default();
        caps.max_batch_bytes = 5_000_000;
        caps.max_batch_events = 2_000;
        caps.on_repeat = OnRepeat::Ignored;
        // The primary has written its translog before it answers.
        caps.assurance = Assurance::Durable;
        caps
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        let mut sending = Sending {
            events,
            attempts: self.cluster.attempts(call),
            pieces: Pieces::new(events.len()),
            delivery: Delivery::all(events.len(), Outcome::Applied),
            refused: 0,
        };
        while let Some(piece) = sending.pieces.take() {
            self.piece(piece, &mut sending).await;
        }
        sending.delivery
    }
}
