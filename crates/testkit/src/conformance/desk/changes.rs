//! Updates, on a good day.

use watchfloor_core::{Kind, Outcome, Priority, TicketPatch};

use super::act::update;
use super::{DeskWorlds, Quirk, Verdict, draft, failed, held, open, well, with};

pub(super) async fn update_changes(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let mut draft = draft(&*world, "changed");
    draft.priority = Priority::High;
    let (id, desk) = (open(&*world, &draft).await?, world.port());
    let before = held(&*world, &id)?;
    let got = well("getting", desk.get(&world.call(), &id).await)?;
    let changed = well("an update", desk.update(&world.call(), &id, &update()).await)?;
    let after = held(&*world, &id)?;
    if Some(&after.summary) != update().summary.as_ref() || changed.summary != after.summary {
        let (said, there) = (&changed.summary, &after.summary);
        return Err(failed(format!("it answers {said:?}, and {there:?} is held")));
    }
    if (&after.body, &after.labels, after.status) != (&before.body, &before.labels, before.status) {
        return Err(failed("only the summary was to change, and more did"));
    }
    if changed.priority != got.priority {
        let (was, is) = (got.priority, changed.priority);
        return Err(failed(format!(
            "only the summary was to change; the priority was {was:?}, is {is:?}"
        )));
    }
    // The summary as it was read long ago goes with nothing else.
    let mut patch = TicketPatch::new();
    patch.priority = Some(Priority::Low);
    let changed = well("an update", desk.update(&world.call(), &id, &patch).await)?;
    let there = held(&*world, &id)?;
    if there.summary != after.summary {
        return Err(failed("only the priority was to change, and the summary did"));
    }
    match changed.priority {
        None | Some(Priority::Low) => Ok(()),
        other => Err(failed(format!("the priority was set to low, and is {other:?}"))),
    }
}

pub(super) async fn update_again(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let id = open(&*world, &draft(&*world, "changed")).await?;
    let desk = world.port();
    let before = world.requests();
    well("an update", desk.update(&world.call(), &id, &update()).await)?;
    let first = world.requests() - before;
    well("an update", desk.update(&world.call(), &id, &update()).await)?;
    let second = world.requests() - before - first;
    // A change is a read, a write and a read at least; what is so already is a read.
    if second + 2 > first {
        return Err(failed(format!("{first} requests change it, and {second} change nothing")));
    }
    if held(&*world, &id)?.summary == update().summary.unwrap_or_default() {
        Ok(())
    } else {
        Err(failed("the second of two equal updates changed it"))
    }
}

pub(super) async fn update_dropped(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let id = open(&*world, &draft(&*world, "changed")).await?;
    let before = held(&*world, &id)?;
    with(&*world, &Quirk::DropsSummary)?;
    let Err(error) = world.port().update(&world.call(), &id, &update()).await else {
        return Err(failed("the summary is as it was, and the update a success"));
    };
    if held(&*world, &id)?.summary != before.summary {
        return Err(failed(format!("it fails, and the summary is another: {error}")));
    }
    if error.kind() != Kind::Forbidden || error.outcome() != Outcome::Rejected {
        let (kind, outcome) = (error.kind(), error.outcome());
        return Err(failed(format!("what was dropped is {kind}, {outcome}: {error}")));
    }
    if error.to_string().contains("summary") {
        Ok(())
    } else {
        Err(failed(format!("the field that was dropped is not named: {error}")))
    }
}
