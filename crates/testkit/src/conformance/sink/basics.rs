//! On a good day.

use watchfloor_core::Outcome;

use super::{Ledger, Rules, SinkWorld, SinkWorlds, Verdict, always, event, events, failed, send};
use super::{ignores_repeats, skipped};
use crate::Fault;
use crate::conformance::Miss;

/// More events than a case builds.
const MANY: usize = 20_000;

/// A larger event than a case builds, in bytes.
const LARGE: usize = 7 << 20;

pub(super) async fn limits_make_sense(worlds: SinkWorlds) -> Verdict {
    let caps = worlds.fresh().await.port().capabilities();
    if caps.max_batch_bytes == 0 || caps.max_batch_events == 0 || caps.max_in_flight == 0 {
        return Err(failed(format!("one of the limits is zero: {caps:?}")));
    }
    Ok(())
}

pub(super) async fn empty_batch(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let delivery = world.port().send(&world.call(), &[]).await;
    if delivery.total() != 0 || !delivery.exceptions().is_empty() {
        return Err(failed(format!("no event was sent, and it says {delivery:?}")));
    }
    match world.requests() {
        0 => Ok(()),
        n => Err(failed(format!("{n} requests were made for no event"))),
    }
}

/// Sends events on a good day: all are delivered and there.
async fn all_arrive(world: &dyn SinkWorld, sent: &[watchfloor_core::Event]) -> Verdict {
    let mut ledger = Ledger::default();
    let delivery = send(world, sent, &mut ledger).await?;
    ledger.check(&world.held().await, Rules::default())?;
    if delivery.counts().applied != sent.len() as u64 {
        return Err(failed(format!("nothing was wrong with any event: {:?}", delivery.counts())));
    }
    Ok(())
}

pub(super) async fn one_event(worlds: SinkWorlds) -> Verdict {
    all_arrive(&*worlds.fresh().await, &events("one", 1)).await
}

pub(super) async fn many_events(worlds: SinkWorlds) -> Verdict {
    all_arrive(&*worlds.fresh().await, &events("many", 30)).await
}

pub(super) async fn bytes_as_sent(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let (sent, mut ledger) = (events("bytes", 5), Ledger::default());
    let _ = send(&*world, &sent, &mut ledger).await?;
    let held = world.held().await;
    if held.iter().all(|copy| copy.bytes.is_none()) {
        return Err(skipped("this world does not show the bytes that its product holds"));
    }
    Ok(ledger.check(&held, Rules { bytes: true, ..Rules::default() })?)
}

pub(super) async fn over_the_limits(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let caps = world.port().capabilities();
    let (n, bytes) = (caps.max_batch_events.saturating_add(1), caps.max_batch_bytes);
    if n > MANY && bytes >= LARGE {
        return Err(skipped("its limits are larger than what the suite builds"));
    }
    if n <= MANY {
        all_arrive(&*world, &events("over", n)).await?;
    }
    if bytes < LARGE {
        let world = worlds.fresh().await;
        let mut sent = events("large", 3);
        sent[1] = event("large-1", 1, &format!(",\"pad\":\"{}\"", "x".repeat(bytes)));
        let mut ledger = Ledger::default();
        let delivery = send(&*world, &sent, &mut ledger).await?;
        ledger.check(&world.held().await, Rules::default())?;
        if delivery.outcome(0) != Outcome::Applied || delivery.outcome(2) != Outcome::Applied {
            return Err(failed("an event beside one that is too large is not delivered"));
        }
    }
    Ok(())
}

pub(super) async fn refused_events(worlds: SinkWorlds) -> Verdict {
    const TAKES_ALL: &str = "this world's product refuses no event";
    for bad in [&[0][..], &[3], &[6], &[2, 3], &[0, 2, 4, 6]] {
        let world = worlds.fresh().await;
        let mut sent = events("good", 7);
        for &at in bad {
            sent[at] = world.refused(at).ok_or_else(|| skipped(TAKES_ALL))?;
        }
        let mut ledger = Ledger::default();
        let delivery = send(&*world, &sent, &mut ledger).await?;
        for i in 0..sent.len() {
            let (outcome, is_bad) = (delivery.outcome(i), bad.contains(&i));
            let right = if is_bad { Outcome::Rejected } else { Outcome::Applied };
            if outcome != right {
                let what = if is_bad { "bad" } else { "good" };
                let why = format!("with bad events at {bad:?}, the {what} one at {i} is {outcome}");
                return Err(failed(why));
            }
            if is_bad && delivery.reason(i).is_none_or(|reason| reason.trim().is_empty()) {
                return Err(failed(format!("the event at {i} is rejected without a reason")));
            }
        }
        ledger.check(&world.held().await, Rules::default())?;
    }
    Ok(())
}

pub(super) async fn refused_events_only(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let sent: Option<Vec<_>> = (0..5).map(|n| world.refused(n)).collect();
    let sent = sent.ok_or_else(|| skipped("this world's product refuses no event"))?;
    let mut ledger = Ledger::default();
    let delivery = send(&*world, &sent, &mut ledger).await?;
    ledger.check(&world.held().await, Rules::default())?;
    if delivery.counts().rejected != 5 {
        return Err(failed(format!("of 5 refused events: {:?}", delivery.counts())));
    }
    Ok(())
}

pub(super) async fn repeated_batch(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let (sent, sink) = (events("again", 4), world.port());
    let mut ledger = Ledger::default();
    for _ in 0..2 {
        let delivery = send(&*world, &sent, &mut ledger).await?;
        if delivery.counts().applied != 4 {
            let counts = delivery.counts();
            return Err(failed(format!("an event that is there is as good as new: {counts:?}")));
        }
    }
    let held = world.held().await;
    let more_copies = usize::from(!ignores_repeats(&*sink));
    ledger.check(&held, Rules { more_copies, ..Rules::default() })?;
    let wanted = 4 * (1 + more_copies);
    if held.len() != wanted {
        let (n, what) = (held.len(), sink.capabilities().on_repeat);
        return Err(failed(format!("a repeat is {what:?}, and of 4 events there are {n} copies")));
    }
    Ok(())
}

pub(super) async fn concurrent_batches(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let batches: Vec<_> = (0..12).map(|b| events(&format!("batch-{b}"), 5)).collect();
    let sends: Vec<_> = batches
        .iter()
        .cloned()
        .map(|batch| {
            let (sink, call) = (world.port(), world.call());
            tokio::spawn(async move { sink.send(&call, &batch).await })
        })
        .collect();
    let mut ledger = Ledger::default();
    for (batch, sending) in batches.iter().zip(sends) {
        let delivery = sending.await.map_err(|_| failed("a send panicked beside others"))?;
        ledger.note(batch, &delivery)?;
        if delivery.counts().applied != 5 {
            return Err(failed(format!("a batch beside others: {:?}", delivery.counts())));
        }
    }
    Ok(ledger.check(&world.held().await, Rules::default())?)
}

pub(super) async fn check_changes_nothing(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let health = world.port().check(&world.call()).await;
    if let Some((stage, why)) = health.failure() {
        return Err(failed(format!("nothing is wrong, and {stage:?} fails: {why}")));
    }
    let held = world.held().await.len();
    if held > 0 {
        return Err(failed(format!("a check left {held} events with the product")));
    }
    let asked = world.requests();
    let world = worlds.fresh().await;
    let refused = always(&*world, &Fault::status(401));
    let good = world.port().check(&world.call()).await.is_good();
    match refused {
        // A check that asks nothing can tell nothing.
        Ok(()) if good && asked > 0 => {
            Err(failed("the credential is refused, and the check finds nothing wrong"))
        }
        Err(Miss::Failed(what)) => Err(failed(what)),
        _ => Ok(()),
    }
}
