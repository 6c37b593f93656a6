//! Too late, and given up.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use watchfloor_core::Clock as _;

use super::{Ledger, Rules, SinkWorld, SinkWorlds, Verdict, events, failed, once, send};
use crate::Fault;

pub(super) async fn deadline_past(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    world.clock().advance(Duration::from_secs(60));
    let now = world.clock().now();
    for deadline in [now, "2026-11-24T08:00:01Z".parse().expect("a time")] {
        let (sent, mut ledger) = (events("late", 3), Ledger::default());
        let delivery = world.port().send(&world.call().until(deadline), &sent).await;
        ledger.note(&sent, &delivery)?;
        ledger.check(&world.held().await, Rules::default())?;
        if delivery.counts().not_sent != 3 || world.requests() > 0 {
            let (counts, n) = (delivery.counts(), world.requests());
            return Err(failed(format!("after its deadline: {n} requests, {counts:?}")));
        }
    }
    Ok(())
}

/// Starts to send and drops it as soon as the product has seen a request. `false` if it ended.
async fn send_and_drop(world: &dyn SinkWorld, label: &str) -> bool {
    let (sink, call, sent) = (world.port(), world.call(), events(label, 3));
    let before = world.requests();
    let mut sending = pin!(sink.send(&call, &sent));
    std::future::poll_fn(|cx| {
        if sending.as_mut().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        if world.requests() > before {
            return Poll::Ready(true);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

pub(super) async fn cancelled(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    // What goes on by itself would send again after this wait.
    once(&*world, 1, Fault::retry_after(503, 10))?;
    let still = world.clock().busy();
    if !send_and_drop(&*world, "dropped").await {
        return Err(super::skipped("a send of it is never under way: it ends at once"));
    }
    drop(still);
    world.clock().pause(Duration::from_secs(3600)).await;
    let (requests, held) = (world.requests(), world.held().await.len());
    if requests > 1 || held > 0 {
        let what = "requests were made in all, and the product has";
        return Err(failed(format!("it was dropped after one request; {requests} {what} {held}")));
    }
    let mut ledger = Ledger::default();
    let delivery = send(&*world, &events("after", 3), &mut ledger).await?;
    ledger.check(&world.held().await, Rules::default())?;
    if delivery.counts().applied != 3 {
        return Err(failed(format!("the send after it: {:?}", delivery.counts())));
    }
    Ok(())
}

pub(super) async fn cancelled_often(worlds: SinkWorlds) -> Verdict {
    // More than any sink has in flight.
    const TIMES: u64 = 40;
    let world = worlds.fresh().await;
    for n in 1..=TIMES {
        once(&*world, 1, Fault::Hang)?;
        let still = world.clock().busy();
        if !send_and_drop(&*world, &format!("dropped-{n}")).await {
            return Err(failed(format!("no answer came, and send number {n} ended")));
        }
        drop(still);
    }
    let (sent, mut ledger) = (events("after", 3), Ledger::default());
    let delivery = send(&*world, &sent, &mut ledger).await?;
    if delivery.counts().applied != 3 {
        let counts = delivery.counts();
        return Err(failed(format!("the send after {TIMES} that were dropped: {counts:?}")));
    }
    let held = world.held().await;
    let missing = sent.iter().find(|e| !held.iter().any(|h| h.key == e.uid()));
    match missing {
        Some(event) => Err(failed(format!("{} is called delivered and is not there", event.uid()))),
        None => Ok(()),
    }
}
