//! Openers beside each other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::{
    Kind, Opened, Result, StatusCategory, TicketDesk, TicketDraft, TicketId, TicketKey,
};

use super::{
    DeskWorld, DeskWorlds, Quirk, Verdict, another, draft, failed, only, skipped, well, with,
    with_key,
};
use crate::conformance::Miss;

/// Openers of one desk at the same moment.
const OPENERS: usize = 12;

/// Opens it from many tasks, in turn over these desks.
async fn at_once(
    world: &dyn DeskWorld,
    desks: &[Arc<dyn TicketDesk>],
    draft: &TicketDraft,
) -> Result<Vec<Opened>, Miss> {
    let opening: Vec<_> = (0..OPENERS)
        .map(|n| {
            let (desk, call, draft) = (desks[n % desks.len()].clone(), world.call(), draft.clone());
            tokio::spawn(async move { desk.open(&call, &draft).await })
        })
        .collect();
    let mut opened = Vec::new();
    for opening in opening {
        let one: Result<_> = opening.await.map_err(|_| failed("an opener panicked"))?;
        opened.push(one.map_err(|e| failed(format!("one of {OPENERS} openers fails: {e}")))?);
    }
    Ok(opened)
}

pub(super) async fn concurrent_openers(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    // Where a search can lag, only what the process itself knows helps.
    world.quirk(&Quirk::Lag(4));
    let draft = draft(&*world, "at-once");
    let opened = at_once(&*world, &[world.port()], &draft).await?;
    let there = only(&*world, draft.key())?;
    let created = opened.iter().filter(|o| matches!(o, Opened::Created(_))).count();
    if created != 1 {
        return Err(failed(format!("one ticket is there, and {created} openers created it")));
    }
    match opened.iter().find(|o| o.ticket().id != there.id) {
        Some(other) => Err(failed(format!("{} is not {}", other.ticket().id, there.id))),
        None => Ok(()),
    }
}

async fn two(world: &dyn DeskWorld) -> Verdict {
    let desks = [world.port(), another(world)?];
    let draft = draft(world, "at-once");
    let opened = at_once(world, &desks, &draft).await?;
    for desk in &desks {
        match desk.settle(&world.call()).await {
            Err(e) if e.kind() != Kind::Unsupported => {
                return Err(failed(format!("nothing is wrong, and settling fails: {e}")));
            }
            _ => {}
        }
    }
    let all = with_key(world, draft.key());
    let live: Vec<_> = all.iter().filter(|t| t.is_live()).collect();
    let [kept] = live[..] else {
        let (n, made) = (live.len(), all.len());
        return Err(failed(format!("{n} live tickets are left of {made} that were made")));
    };
    let ids: BTreeSet<&TicketId> = opened.iter().map(|o| &o.ticket().id).collect();
    if let Some(strange) = ids.iter().find(|id| all.iter().all(|t| t.id != ***id)) {
        return Err(failed(format!("{strange} is called opened, and is not there")));
    }
    for desk in &desks {
        let found = well("finding", desk.find(&world.call(), draft.key()).await)?;
        if found.as_ref().map(|t| &t.id) != Some(&kept.id) {
            let found = found.map(|t| t.id);
            return Err(failed(format!("{} is live, and {found:?} is found", kept.id)));
        }
    }
    Ok(())
}

pub(super) async fn two_desks(worlds: DeskWorlds) -> Verdict {
    two(&*worlds.fresh().await).await
}

pub(super) async fn two_desks_with_lag(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    with(&*world, &Quirk::Lag(3))?;
    two(&*world).await
}

pub(super) async fn duplicates(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let (draft, desk) = (draft(&*world, "twice"), world.port());
    let plant = |key: &TicketKey| {
        let planted = world.plant(key);
        world.clock().advance(Duration::from_secs(5));
        planted.ok_or_else(|| skipped("nobody makes a ticket by hand here"))
    };
    let older = plant(draft.key())?;
    let younger = plant(draft.key())?;
    if world.tickets().len() < 2 {
        return Err(skipped("this product holds no two tickets with one key"));
    }
    for _ in 0..3 {
        let opened = well("opening", desk.open(&world.call(), &draft).await)?;
        if opened.ticket().id != older || matches!(opened, Opened::Created(_)) {
            return Err(failed(format!("{older} is the oldest, and it says {opened:?}")));
        }
    }
    let found = well("finding", desk.find(&world.call(), draft.key()).await)?;
    if found.map(|t| t.id).as_ref() != Some(&older) {
        return Err(failed("of two tickets with one key not the oldest is found"));
    }
    let (kept, closed) = (super::held(&*world, &older)?, super::held(&*world, &younger)?);
    if kept.status == StatusCategory::Done || closed.is_live() {
        let (old, young) = (kept.status, closed.status);
        return Err(failed(format!("the older is {old:?}, the younger {young:?}")));
    }
    if closed.duplicate_of.as_ref().is_some_and(|kept| *kept != older) {
        return Err(failed(format!("the younger is tied to {:?}", closed.duplicate_of)));
    }
    match (kept.comments.len(), closed.comments.len()) {
        (1, 1) => Ok(()),
        (kept, closed) => {
            Err(failed(format!("{kept} comments say it on the older, {closed} on the younger")))
        }
    }
}
