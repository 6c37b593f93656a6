use watchfloor_core::{
    Assurance, Call, Connector, ConnectorName, Delivery, Error, Event, EventSink, Health, Kind,
    OnRepeat, Outcome, Pieces, Result, SinkCaps, async_trait,
};
use watchfloor_http::{Answer, Attempts, Reply};

use crate::client::Cluster;
use crate::error::{ItemVerdict, item};
use crate::map;
use crate::wire::BulkAnswer;

/// The `_bulk` API as an event sink.
#[derive(Debug)]
pub struct Bulk {
    name: ConnectorName,
    cluster: Cluster,
    data_stream: bool,
}

impl Bulk {
    pub(crate) fn new(name: ConnectorName, cluster: Cluster, data_stream: bool) -> Self {
        Self { name, cluster, data_stream }
    }

    fn body(&self, events: &[Event], piece: &[u32]) -> Vec<u8> {
        let size: usize = piece.iter().map(|i| events[*i as usize].len() + 128).sum();
        let mut body = Vec::with_capacity(size);
        for index in piece {
            map::write(&events[*index as usize], self.data_stream, &mut body);
        }
        body
    }

    /// Sends one piece. What must go again is pushed back; everything else has its verdict.
    async fn piece(
        &self,
        events: &[Event],
        piece: Vec<u32>,
        attempts: &mut Attempts,
        pieces: &mut Pieces,
        delivery: &mut Delivery,
    ) {
        let body = self.body(events, &piece);
        let settled = match self.cluster.bulk(body.into(), attempts).await {
            Ok(Reply::Done(answer)) => settle(&answer, &piece, delivery),
            Ok(Reply::Resend(_, verdict)) => {
                // Too large, or one broken line in it: halves find the one.
                for refused in pieces.halve(piece) {
                    delivery.except(refused as usize, Outcome::Rejected, verdict.message.as_str());
                }
                return;
            }
            Err(e) => Err(e),
        };
        match settled {
            Ok(put_off) if put_off.is_empty() => pieces.taken(),
            Ok(put_off) => match attempts.wait(None).await {
                Ok(()) => pieces.push(put_off),
                // They keep the verdict that the cluster gave them.
                Err(e) => tracing::warn!(error = %e, events = put_off.len(), "put off too often"),
            },
            Err(e) => delivery.merge(Delivery::failed(piece.len(), e), &piece),
        }
    }
}

/// Notes the verdict of every event of a piece; gives back those that were put off.
fn settle(answer: &Answer, piece: &[u32], delivery: &mut Delivery) -> Result<Vec<u32>> {
    let unread = |e: Error| e.with_outcome(Outcome::Unknown).with_operation("elastic.bulk");
    let answer: BulkAnswer = answer.json().map_err(unread)?;
    if answer.items.len() != piece.len() {
        let e = Error::new(Kind::Protocol, "the answer has another number of items than was sent");
        return Err(unread(e).with("sent", piece.len()).with("items", answer.items.len()));
    }
    let mut part = Delivery::all(piece.len(), Outcome::Applied);
    let mut put_off = Vec::new();
    for (i, operation) in answer.items.iter().enumerate() {
        match item(&operation.create) {
            ItemVerdict::There => {}
            ItemVerdict::Refused(why) => part.except(i, Outcome::Rejected, why),
            ItemVerdict::PutOff(why) => {
                part.except(i, Outcome::Rejected, why);
                put_off.push(piece[i]);
            }
        }
    }
    delivery.merge(part, piece);
    Ok(put_off)
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
        caps.max_batch_events = 1_000;
        caps.on_repeat = OnRepeat::Ignored;
        // The primary has written its translog before it answers.
        caps.assurance = Assurance::Durable;
        caps
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        let mut delivery = Delivery::all(events.len(), Outcome::Applied);
        let mut pieces = Pieces::new(events.len());
        let mut attempts = self.cluster.attempts(call);
        while let Some(piece) = pieces.take() {
            self.piece(events, piece, &mut attempts, &mut pieces, &mut delivery).await;
        }
        delivery
    }
}
