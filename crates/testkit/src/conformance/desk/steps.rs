//! Moves, on a good day.

use watchfloor_core::{Kind, Outcome, StatusCategory, TicketId, TicketPatch};

use super::{
    DeskWorld, DeskWorlds, Quirk, Verdict, draft, failed, held, open, skipped, well, with,
};
use crate::conformance::Miss;

use StatusCategory::{Done, InProgress, New};

async fn moved(world: &dyn DeskWorld, id: &TicketId, to: StatusCategory) -> Verdict {
    let desk = world.port();
    let ticket = desk.transition(&world.call(), id, to, &TicketPatch::new()).await;
    let ticket = well("a move", ticket)?;
    let there = held(world, id)?.status;
    if ticket.status != to || there != to {
        let said = ticket.status;
        return Err(failed(format!("moved to {to:?}, it is called {said:?} and is {there:?}")));
    }
    let got = well("getting", desk.get(&world.call(), id).await)?.status;
    if got != to {
        return Err(failed(format!("moved to {to:?}, it is got as {got:?}")));
    }
    Ok(())
}

pub(super) async fn each_category(worlds: DeskWorlds) -> Verdict {
    for way in [&[InProgress, Done][..], &[Done]] {
        let world = worlds.fresh().await;
        let id = open(&*world, &draft(&*world, "moved")).await?;
        for to in way {
            moved(&*world, &id, *to).await?;
        }
    }
    Ok(())
}

pub(super) async fn other_language(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    with(&*world, &Quirk::Localised)?;
    let id = open(&*world, &draft(&*world, "moved")).await?;
    moved(&*world, &id, InProgress).await?;
    moved(&*world, &id, Done).await
}

pub(super) async fn already_there(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let id = open(&*world, &draft(&*world, "moved")).await?;
    moved(&*world, &id, InProgress).await?;
    let (desk, with) = (world.port(), TicketPatch::new());
    let before = world.requests();
    well("getting", desk.get(&world.call(), &id).await)?;
    let to_get = world.requests() - before;
    let ticket = desk.transition(&world.call(), &id, InProgress, &with).await;
    let ticket = well("a move to where it is", ticket)?;
    let asked = world.requests() - before - to_get;
    if asked > to_get {
        return Err(failed(format!("getting it takes {to_get} requests, staying there {asked}")));
    }
    match (ticket.status, held(&*world, &id)?.status) {
        (InProgress, InProgress) => Ok(()),
        (said, there) => Err(failed(format!("it was there; it is called {said:?}, is {there:?}"))),
    }
}

/// The error of a move that must fail and change nothing.
async fn refused(
    world: &dyn DeskWorld,
    id: &TicketId,
    to: StatusCategory,
) -> Result<watchfloor_core::Error, Miss> {
    let before = held(world, id)?.status;
    let said = world.port().transition(&world.call(), id, to, &TicketPatch::new()).await;
    let there = held(world, id)?.status;
    match said {
        Ok(ticket) => Err(failed(format!("it is called {:?}, and is {there:?}", ticket.status))),
        Err(e) if e.kind() == Kind::Unsupported => Err(skipped("it moves no tickets")),
        Err(e) if there != before => Err(failed(format!("it fails, and is {there:?}: {e}"))),
        Err(e) if !matches!(e.outcome(), Outcome::NotSent | Outcome::Rejected) => {
            Err(failed(format!("nothing was moved, and it is {}: {e}", e.outcome())))
        }
        Err(e) => Ok(e),
    }
}

pub(super) async fn demanded_field(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let id = open(&*world, &draft(&*world, "moved")).await?;
    // From here the step that ends it is the next.
    moved(&*world, &id, InProgress).await?;
    let demand = world.demand();
    let (field, value) = demand.ok_or_else(|| skipped("no step here demands a field"))?;
    let error = refused(&*world, &id, Done).await?;
    if error.kind() != Kind::Invalid || !error.to_string().contains(&field) {
        return Err(failed(format!("{field} is missing, and it says: {error}")));
    }
    let mut with = TicketPatch::new();
    with.fields.insert(field, value);
    let ticket = world.port().transition(&world.call(), &id, Done, &with).await;
    let ticket = well("a move with the field", ticket)?;
    match (ticket.status, held(&*world, &id)?.status) {
        (Done, Done) => Ok(()),
        (said, there) => Err(failed(format!("it is called {said:?}, and is {there:?}"))),
    }
}

pub(super) async fn no_way(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let id = open(&*world, &draft(&*world, "moved")).await?;
    with(&*world, &Quirk::Stuck)?;
    for to in [Done, InProgress] {
        refused(&*world, &id, to).await?;
    }
    Ok(())
}

pub(super) async fn step_dropped(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let id = open(&*world, &draft(&*world, "moved")).await?;
    with(&*world, &Quirk::DropsSteps)?;
    refused(&*world, &id, InProgress).await.map(drop)
}

pub(super) async fn done_by_status(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let (id, desk) = (open(&*world, &draft(&*world, "moved")).await?, world.port());
    with(&*world, &Quirk::Resolution(id.clone(), true))?;
    let open = well("getting", desk.get(&world.call(), &id).await)?.status;
    if open != New {
        return Err(failed(format!("it has a resolution and is new, and is called {open:?}")));
    }
    moved(&*world, &id, Done).await?;
    with(&*world, &Quirk::Resolution(id.clone(), false))?;
    let ended = well("getting", desk.get(&world.call(), &id).await)?.status;
    match ended {
        Done => Ok(()),
        other => Err(failed(format!("it is done without a resolution, and called {other:?}"))),
    }
}
