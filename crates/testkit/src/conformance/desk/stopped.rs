//! Too late, and given up.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use watchfloor_core::{Clock as _, Outcome, StatusCategory, TicketId, TicketPatch};

use super::act::{file, update};
use super::{Act, DeskWorld, DeskWorlds, Place, Verdict, another, comment, draft, failed};
use crate::conformance::Miss;

pub(super) async fn deadline_past(worlds: DeskWorlds) -> Verdict {
    let (world, place) = Act::Comment.ready(&worlds).await?;
    world.clock().advance(Duration::from_secs(60));
    let now = world.clock().now();
    let (desk, id) = (world.port(), place.id.unwrap_or_else(|| TicketId::new("")));
    let (before, opened) = (world.requests(), world.tickets());
    for deadline in [now, now.saturating_sub(Duration::from_secs(1))] {
        let call = || world.call().until(deadline);
        let patch = TicketPatch::new();
        for (act, said) in [
            (Act::Open, desk.open(&call(), &draft(&*world, "late")).await.map(drop)),
            (Act::Comment, desk.comment(&call(), &id, &comment("late")).await),
            (Act::Update, desk.update(&call(), &id, &update()).await.map(drop)),
            (
                Act::Move,
                desk.transition(&call(), &id, StatusCategory::Done, &patch).await.map(drop),
            ),
            (Act::Attach, desk.attach(&call(), &id, &file()).await),
        ] {
            match said {
                Ok(()) => return Err(failed(format!("after its deadline {act} is called done"))),
                Err(e) if e.outcome() != Outcome::NotSent => {
                    return Err(failed(format!(
                        "after its deadline {act} is {}: {e}",
                        e.outcome()
                    )));
                }
                Err(_) => {}
            }
        }
    }
    match world.requests() - before {
        0 if world.tickets() == opened => Ok(()),
        n => Err(failed(format!("after their deadline {n} requests were made"))),
    }
}

/// Begins it and drops it as soon as the product has seen so many requests of it; `false` if it
/// ended before.
async fn begin_and_drop(act: Act, world: &dyn DeskWorld, place: &Place, after: u64) -> bool {
    let desk = world.port();
    let before = world.requests();
    // The clock must not jump while it is looked on.
    let _still = world.clock().busy();
    let mut doing = pin!(act.run(world, &*desk, place));
    std::future::poll_fn(|cx| {
        if doing.as_mut().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        if world.requests() >= before + after {
            return Poll::Ready(true);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

pub(super) async fn dropped(worlds: DeskWorlds) -> Verdict {
    for act in Act::ALL {
        let requests = match act.requests(&worlds).await {
            Err(Miss::Skipped(_)) => continue,
            requests => requests?,
        };
        for after in 1..=requests {
            let (world, place) = act.ready(&worlds).await?;
            begin_and_drop(act, &*world, &place, after).await;
            // What goes on by itself would go on now.
            world.clock().pause(Duration::from_secs(3600)).await;
            let at = |what| failed(format!("dropped after request {after} of {requests}: {what}"));
            act.again(&*world, &*world.port(), &place, false).await.map_err(at)?;
        }
    }
    Ok(())
}

pub(super) async fn dropped_for_another(worlds: DeskWorlds) -> Verdict {
    let requests = Act::Open.requests(&worlds).await?;
    for after in 1..=requests {
        let (world, place) = Act::Open.ready(&worlds).await?;
        begin_and_drop(Act::Open, &*world, &place, after).await;
        world.clock().pause(Duration::from_secs(3600)).await;
        let desk = another(&*world)?;
        let at = |what| failed(format!("dropped after request {after} of {requests}: {what}"));
        // A claim of one that is gone is held for ever: who finds it knows that, and no more.
        Act::Open.again(&*world, &*desk, &place, true).await.map_err(at)?;
    }
    Ok(())
}
