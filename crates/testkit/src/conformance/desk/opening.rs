//! One opener, on a good day.

use watchfloor_core::{Kind, Opened, Outcome, StatusCategory, TenantId, TicketId, TicketKey};

use super::{
    DeskWorlds, Quirk, Verdict, always, draft, failed, held, only, open, skipped, well, with,
};
use crate::Fault;
use crate::conformance::Miss;

pub(super) async fn open_creates(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let draft = draft(&*world, "open-1");
    let opened = well("opening", world.port().open(&world.call(), &draft).await)?;
    let Opened::Created(ticket) = opened else {
        return Err(failed("nothing was there, and it is called existing"));
    };
    let there = only(&*world, draft.key())?;
    if there.id != ticket.id {
        return Err(failed(format!("it is called {} and held as {}", ticket.id, there.id)));
    }
    if ticket.key.as_ref() != Some(draft.key()) {
        return Err(failed(format!("it is answered with the key {:?}", ticket.key)));
    }
    if there.summary != draft.summary {
        let (sent, held) = (&draft.summary, &there.summary);
        return Err(failed(format!("the summary {sent:?} is held as {held:?}")));
    }
    if ticket.status != StatusCategory::New || there.status != StatusCategory::New {
        return Err(failed(format!(
            "a new ticket is {:?}, held as {:?}",
            ticket.status, there.status
        )));
    }
    Ok(())
}

pub(super) async fn open_again(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let draft = draft(&*world, "open-1");
    let id = open(&*world, &draft).await?;
    let mut desks = vec![("the same desk", world.port())];
    desks.extend(world.another().map(|desk| ("a desk of another process", desk)));
    for (which, desk) in desks {
        match well("opening again", desk.open(&world.call(), &draft).await)? {
            Opened::Existing(ticket) if ticket.id == id => {}
            Opened::Existing(ticket) => {
                return Err(failed(format!("{which} finds {} in place of {id}", ticket.id)));
            }
            Opened::Created(_) => return Err(failed(format!("{which} says that it created it"))),
        }
        only(&*world, draft.key())?;
    }
    Ok(())
}

pub(super) async fn find_and_get(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let (draft, desk) = (draft(&*world, "found-1"), world.port());
    if well("finding", desk.find(&world.call(), draft.key()).await)?.is_some() {
        return Err(failed("nothing was opened, and something is found"));
    }
    let id = open(&*world, &draft).await?;
    let found = well("finding", desk.find(&world.call(), draft.key()).await)?;
    let found = found.ok_or_else(|| failed("it was opened, and is not found"))?;
    let got = well("getting", desk.get(&world.call(), &id).await)?;
    for (how, ticket) in [("found", &found), ("got", &got)] {
        if ticket.id != id || ticket.key.as_ref() != Some(draft.key()) {
            let (other, key) = (&ticket.id, &ticket.key);
            return Err(failed(format!("{id} was opened, and {other} with {key:?} is {how}")));
        }
        if ticket.summary != draft.summary || ticket.status != StatusCategory::New {
            return Err(failed(format!("it is {how} as {:?} {:?}", ticket.status, ticket.summary)));
        }
    }
    Ok(())
}

pub(super) async fn not_there(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let (call, desk) = (world.call(), world.port());
    let nobody = TicketKey::given("nobody-s");
    if well("finding", desk.find(&call, &nobody).await)?.is_some() {
        return Err(failed("a key that nobody gave is found"));
    }
    match desk.get(&call, &TicketId::new("999999999")).await {
        Ok(ticket) => return Err(failed(format!("a ticket that is not there is {ticket:?}"))),
        Err(e) if !matches!(e.kind(), Kind::NotFound | Kind::Invalid) => {
            return Err(failed(format!("a ticket that is not there is: {e}")));
        }
        Err(_) => {}
    }
    for fault in [Fault::status(401), Fault::status(500), Fault::html(502), Fault::status(403)] {
        let world = worlds.fresh().await;
        always(&*world, &fault)?;
        if let Ok(found) = world.port().find(&world.call(), &nobody).await {
            return Err(failed(format!("every look-up fails with {fault}, and it says {found:?}")));
        }
    }
    Ok(())
}

pub(super) async fn exact_keys(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let desk = world.port();
    let long = "x".repeat(100);
    let keys = ["Key-1", "Key-1a", "key-1", "INC:2026-11.a_b", &long, "ключ 鍵 \"'%_"];
    let mut ids = Vec::new();
    for key in keys {
        let draft = draft(&*world, key);
        let opened = well("opening", desk.open(&world.call(), &draft).await)?;
        if !matches!(opened, Opened::Created(_)) {
            return Err(failed(format!("the key {key:?} is taken for another's")));
        }
        ids.push((draft.key().clone(), opened.ticket().id.clone()));
    }
    for (key, id) in ids {
        let found = well("finding", desk.find(&world.call(), &key).await)?;
        if found.as_ref().map(|t| &t.id) != Some(&id) {
            return Err(failed(format!("by the key {key} {:?} is found", found.map(|t| t.id))));
        }
        if only(&*world, &key)?.id != id {
            return Err(failed(format!("the key {key} stands on another ticket")));
        }
    }
    Ok(())
}

pub(super) async fn strangers(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let stranger = world.plant(&TicketKey::given("a-stranger-s"));
    let stranger = stranger.ok_or_else(|| skipped("nobody makes a ticket by hand here"))?;
    with(&*world, &Quirk::IgnoresConditions)?;
    let (draft, desk) = (draft(&*world, "ours"), world.port());
    // Whether it is not found, or the failure is told, is the same to the opener.
    if let Ok(Some(hit)) = desk.find(&world.call(), draft.key()).await {
        return Err(failed(format!("{} of a stranger is found by a key of ours", hit.id)));
    }
    match desk.open(&world.call(), &draft).await {
        Ok(opened) if opened.ticket().id == stranger => {
            Err(failed("a stranger's ticket is called ours"))
        }
        Ok(Opened::Created(ticket)) => {
            held(&*world, &ticket.id)?;
            let there = held(&*world, &stranger)?;
            if there.is_live() && there.comments.is_empty() {
                Ok(())
            } else {
                Err(failed("a stranger's ticket was changed"))
            }
        }
        Ok(Opened::Existing(ticket)) => Err(failed(format!("nothing was ours: {}", ticket.id))),
        Err(e) if e.outcome() == Outcome::Applied => Err(failed(format!("it fails: {e}"))),
        Err(_) => Ok(()),
    }
}

pub(super) async fn foreign_draft(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let clock = world.scope().clock().clone();
    let other = watchfloor_core::Root::new(clock).scope(TenantId::new("another"));
    let draft = other.draft(TicketKey::given("foreign-1"), "of another tenant");
    match world.port().open(&world.call(), &draft).await {
        Ok(_) => Err(failed("another tenant's ticket was opened")),
        Err(e) if e.kind() != Kind::Refused || e.outcome() != Outcome::NotSent => {
            Err(failed(format!("another tenant's draft is {}: {e}", e.outcome())))
        }
        Err(_) if world.requests() > 0 => Err(failed("something was asked for a foreign draft")),
        Err(_) => Ok(()),
    }
}

pub(super) async fn check_changes_nothing(worlds: DeskWorlds) -> Verdict {
    let world = worlds.fresh().await;
    let health = world.port().check(&world.call()).await;
    if let Some((stage, why)) = health.failure() {
        return Err(failed(format!("nothing is wrong, and {stage:?} fails: {why}")));
    }
    let made = world.tickets().len();
    if made > 0 {
        return Err(failed(format!("a check left {made} tickets with the product")));
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
