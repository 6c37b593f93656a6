//! On a bad day.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::{Clock as _, Error, Kind, Outcome, Result};

use super::{
    Act, CUSTOMER, DeskWorld, DeskWorlds, Place, Verdict, always, comment, failed, from, once,
    skipped,
};
use crate::conformance::Miss;
use crate::{Answer, Fault, leaks};

/// Faults after which nobody can say what was done.
fn lost() -> [Fault; 8] {
    let welcome = Answer::new(200).body("text/html", "<html>welcome</html>");
    [
        Fault::ResetAfter,
        Fault::ResetBefore,
        Fault::HalfBody,
        Fault::cut_short(),
        Fault::Instead(welcome),
        Fault::status(500),
        Fault::html(502),
        Fault::After(Answer::new(500)),
    ]
}

/// Does it in a fresh world in which one request meets this fault.
async fn under(
    worlds: &DeskWorlds,
    act: Act,
    nth: u64,
    fault: &Fault,
) -> Result<(Arc<dyn DeskWorld>, Place, Result<()>), Miss> {
    let (world, place) = act.ready(worlds).await?;
    once(&*world, nth, fault.clone())?;
    let said = act.run(&*world, &*world.port(), &place).await;
    Ok((world, place, said))
}

/// With each of the faults at each of its requests, what is said is true; and done again on a good
/// day it is there once.
async fn true_at_each(worlds: &DeskWorlds, act: Act) -> Verdict {
    let requests = act.requests(worlds).await?;
    for fault in lost() {
        for nth in 1..=requests {
            let at = |what| failed(format!("request {nth} of {requests}: {fault}: {what}"));
            let (world, place, said) = under(worlds, act, nth, &fault).await?;
            act.judge(&*world, &place, &said, true).map_err(at)?;
            act.again(&*world, &*world.port(), &place, false).await.map_err(at)?;
        }
    }
    Ok(())
}

pub(super) async fn open_lost(worlds: DeskWorlds) -> Verdict {
    true_at_each(&worlds, Act::Open).await
}

pub(super) async fn comment_lost(worlds: DeskWorlds) -> Verdict {
    true_at_each(&worlds, Act::Comment).await
}

pub(super) async fn update_lost(worlds: DeskWorlds) -> Verdict {
    true_at_each(&worlds, Act::Update).await
}

pub(super) async fn move_lost(worlds: DeskWorlds) -> Verdict {
    true_at_each(&worlds, Act::Move).await
}

pub(super) async fn attach_lost(worlds: DeskWorlds) -> Verdict {
    true_at_each(&worlds, Act::Attach).await
}

pub(super) async fn same_ids(worlds: DeskWorlds) -> Verdict {
    for act in [Act::Open, Act::Comment] {
        let requests = act.requests(&worlds).await?;
        for fault in [Fault::ResetBefore, Fault::ResetAfter] {
            for nth in 1..=requests {
                let (world, place) = act.ready(&worlds).await?;
                for again in 0..3 {
                    once(&*world, nth + 2 * again, fault.clone())?;
                }
                let _ = act.run(&*world, &*world.port(), &place).await;
                let tickets = world.tickets();
                let keys: BTreeSet<&str> = tickets.iter().map(|t| t.key.as_str()).collect();
                if let Some(other) = keys.iter().find(|key| **key != place.key.as_str()) {
                    return Err(failed(format!("the key {other:?} is there, which nobody gave")));
                }
                let marker = comment("act").marker;
                let all = tickets.iter().flat_map(|t| &t.comments);
                if let Some(other) = all.into_iter().find(|text| !marker.is_in(text)) {
                    return Err(failed(format!("a comment without its marker: {other:?}")));
                }
            }
        }
    }
    Ok(())
}

pub(super) async fn refused(worlds: DeskWorlds) -> Verdict {
    for act in Act::ALL {
        let requests = match act.requests(&worlds).await {
            Err(Miss::Skipped(_)) => continue,
            requests => requests?,
        };
        // What was written and cannot be read back is unknown, by right.
        let may_be_unknown = matches!(act, Act::Update | Act::Move);
        for status in [400, 403, 404, 413, 422] {
            for nth in 1..=requests {
                let (world, place, said) = under(&worlds, act, nth, &Fault::status(status)).await?;
                let at = |what| failed(format!("request {nth} of {requests}: {status}: {what}"));
                act.judge(&*world, &place, &said, may_be_unknown).map_err(at)?;
            }
            let (world, place) = act.ready(&worlds).await?;
            always(&*world, &Fault::status(status))?;
            let said = act.run(&*world, &*world.port(), &place).await;
            let at = |what| failed(format!("{status} for each request: {what}"));
            act.judge(&*world, &place, &said, false).map_err(at)?;
            if said.is_ok() {
                return Err(at(format!("{act} is called done")));
            }
        }
    }
    Ok(())
}

pub(super) async fn refused_credential(worlds: DeskWorlds) -> Verdict {
    for act in Act::ALL {
        let requests = match act.requests(&worlds).await {
            Err(Miss::Skipped(_)) => continue,
            requests => requests?,
        };
        let may_be_unknown = matches!(act, Act::Update | Act::Move);
        for (status, nth) in (1..=requests).flat_map(|nth| [(401, nth), (403, nth)]) {
            let (world, place) = act.ready(&worlds).await?;
            from(&*world, nth, &Fault::status(status))?;
            let before = world.requests();
            let said = act.run(&*world, &*world.port(), &place).await;
            let at = |what| failed(format!("{status} from request {nth} of {requests} on: {what}"));
            act.judge(&*world, &place, &said, may_be_unknown).map_err(at)?;
            let error = said.err();
            // What only looks whether all is well may fail and be left.
            if nth == 1 && error.is_none() {
                return Err(at(format!("{act} is called done")));
            }
            if let Some(e) = error.filter(|e| status == 401 && e.kind() != Kind::Unauthenticated) {
                return Err(at(format!("a refused credential is called: {e}")));
            }
            let asked = world.requests() - before - (nth - 1);
            if asked > 3 {
                return Err(at(format!("{act} tries it {asked} times")));
            }
        }
    }
    Ok(())
}

pub(super) async fn refused_while_unsure(worlds: DeskWorlds) -> Verdict {
    for act in Act::ALL {
        let requests = match act.requests(&worlds).await {
            Err(Miss::Skipped(_)) => continue,
            requests => requests?,
        };
        for nth in 1..=requests {
            let (world, place) = act.ready(&worlds).await?;
            once(&*world, nth, Fault::ResetAfter)?;
            from(&*world, nth + 1, &Fault::status(401))?;
            let before = world.requests();
            let said = act.run(&*world, &*world.port(), &place).await;
            let at = |what| failed(format!("an answer is lost at request {nth}, then 401: {what}"));
            act.judge(&*world, &place, &said, true).map_err(at)?;
            let asked = (world.requests() - before).saturating_sub(nth);
            if asked > 3 {
                return Err(at(format!("{act} tries the credential {asked} times")));
            }
        }
    }
    let world = worlds.fresh().await;
    for key in ["settled-1", "settled-2", "settled-3", "settled-4", "settled-5"] {
        super::open(&*world, &super::draft(&*world, key)).await?;
    }
    always(&*world, &Fault::status(401))?;
    let before = world.requests();
    let _ = world.port().settle(&world.call()).await;
    match world.requests() - before {
        0..=3 => Ok(()),
        n => Err(failed(format!("settling tries a credential that is refused {n} times"))),
    }
}

pub(super) async fn busy(worlds: DeskWorlds) -> Verdict {
    const ASKED: Duration = Duration::from_secs(20);
    for act in Act::ALL {
        let requests = match act.requests(&worlds).await {
            Err(Miss::Skipped(_)) => continue,
            requests => requests?,
        };
        for (name, status, form) in [
            ("429 with seconds", 429, "seconds"),
            ("429 with a date", 429, "date"),
            ("429 without a word", 429, "none"),
            ("503 with seconds", 503, "seconds"),
        ] {
            for nth in 1..=requests {
                let (world, place) = act.ready(&worlds).await?;
                let (fault, asked) = match form {
                    "seconds" => (Fault::retry_after(status, ASKED.as_secs()), ASKED),
                    "date" => {
                        let at = world.clock().now().saturating_add(ASKED);
                        (Fault::retry_at(status, at), ASKED)
                    }
                    _ => (Fault::status(status), Duration::ZERO),
                };
                once(&*world, nth, fault)?;
                let (before, from) = (world.requests(), world.clock().elapsed());
                let said = act.run(&*world, &*world.port(), &place).await;
                let at =
                    |what: &str| failed(format!("{name} at request {nth} of {requests}: {what}"));
                act.judge(&*world, &place, &said, false).map_err(|what| at(&what))?;
                let waited = world.clock().elapsed().saturating_sub(from);
                if world.requests() - before > nth && waited < asked {
                    return Err(at(&format!("{act} went on after {waited:?}")));
                }
                if let Err(e) = said
                    && world.tries_again()
                {
                    return Err(at(&format!("{act} is given up: {e}")));
                }
            }
        }
    }
    Ok(())
}

pub(super) async fn busy_for_long(worlds: DeskWorlds) -> Verdict {
    for act in Act::ALL {
        for status in [429, 503] {
            let (world, place) = match act.ready(&worlds).await {
                Err(Miss::Skipped(_)) => continue,
                ready => ready?,
            };
            always(&*world, &Fault::retry_after(status, 1_000_000))?;
            let from = world.clock().elapsed();
            let said = act.run(&*world, &*world.port(), &place).await;
            act.judge(&*world, &place, &said, false)?;
            let waited = world.clock().elapsed().saturating_sub(from);
            if waited > Duration::from_secs(3600) {
                return Err(failed(format!("a server that says {status} held it for {waited:?}")));
            }
        }
    }
    Ok(())
}

pub(super) async fn nothing_arrives(worlds: DeskWorlds) -> Verdict {
    let page = || Answer::new(200).body("text/html", "<html>welcome</html>");
    for act in Act::ALL {
        for fault in [Fault::ResetBefore, Fault::html(502), Fault::Instead(page())] {
            let (world, place) = match act.ready(&worlds).await {
                Err(Miss::Skipped(_)) => continue,
                ready => ready?,
            };
            always(&*world, &fault)?;
            let before = world.requests();
            let said = act.run(&*world, &*world.port(), &place).await;
            let at = |what| failed(format!("{fault} for each request: {what}"));
            if !Act::is_offered(&said) {
                continue;
            }
            act.judge(&*world, &place, &said, true).map_err(at)?;
            if said.is_ok() {
                return Err(at(format!("{act} is called done")));
            }
            let asked = world.requests() - before;
            if asked > 150 {
                return Err(at(format!("{act} makes {asked} requests")));
            }
        }
    }
    Ok(())
}

pub(super) async fn failure_inside(worlds: DeskWorlds) -> Verdict {
    let answer = worlds.fresh().await.failure_in_success();
    let answer = answer.ok_or_else(|| skipped("its product says no failure with a success"))?;
    let fault = Fault::Instead(answer);
    for act in Act::ALL {
        let requests = match act.requests(&worlds).await {
            Err(Miss::Skipped(_)) => continue,
            requests => requests?,
        };
        for nth in 1..=requests {
            let (world, place, said) = under(&worlds, act, nth, &fault).await?;
            let at = |what| failed(format!("request {nth} of {requests}: {what}"));
            act.judge(&*world, &place, &said, true).map_err(at)?;
        }
        let (world, place) = act.ready(&worlds).await?;
        always(&*world, &fault)?;
        if act.run(&*world, &*world.port(), &place).await.is_ok() {
            return Err(failed(format!("each request fails inside, and {act} is called done")));
        }
    }
    Ok(())
}

/// Every text that an error shows to somebody.
pub(crate) fn texts_of(e: &Error) -> String {
    let record = serde_json::to_string(&e.record()).unwrap_or_default();
    format!("{e}\n{e:?}\n{e:#?}\n{record}\n")
}

pub(super) async fn secrets_stay_secret(worlds: DeskWorlds) -> Verdict {
    let mut secrets = worlds.fresh().await.secrets();
    secrets.push(CUSTOMER.to_owned());
    // A proxy, or a debug page, that shows what it was sent.
    let echo = format!("<html>{}</html>", secrets.join(" "));
    let echoing = |status| Fault::Instead(Answer::new(status).body("text/html", echo.clone()));
    let statuses = [200, 302, 400, 401, 403, 404, 413, 429, 500, 503];
    let more = [Fault::ResetBefore, Fault::HalfBody];
    let faults: Vec<_> = statuses.map(echoing).into_iter().chain(more).collect();
    for act in Act::ALL {
        let requests = match act.requests(&worlds).await {
            Err(Miss::Skipped(_)) => continue,
            requests => requests?,
        };
        let each = (1..=requests).flat_map(|nth| faults.iter().cloned().map(move |f| (nth, f)));
        for (nth, fault) in each.collect::<Vec<_>>() {
            let (world, place) = act.ready(&worlds).await?;
            from(&*world, nth, &fault)?;
            let (desk, mut shown) = (world.port(), String::new());
            let said = act.run(&*world, &*desk, &place).await;
            let found = desk.find(&world.call(), &place.key).await.map(drop);
            for e in [&said, &found].into_iter().filter_map(|r| r.as_ref().err()) {
                shown.push_str(&texts_of(e));
            }
            let health = desk.check(&world.call()).await;
            let _ = writeln!(shown, "{health:?}\n{desk:?}\n{:?}", desk.capabilities());
            if !leaks(shown.as_bytes(), secrets.iter().map(String::as_str)).is_empty() {
                return Err(failed(format!("{act}: a secret is shown after: {fault}")));
            }
            let way = world.on_the_way();
            if !leaks(&way, secrets.iter().map(String::as_str)).is_empty() {
                return Err(failed(format!(
                    "{act}: a secret stands in a path, a query or a header of a request"
                )));
            }
            if let Err(e) = &said
                && e.outcome() == Outcome::Applied
            {
                return Err(failed(format!("{act} fails and is called applied: {e}")));
            }
        }
    }
    Ok(())
}
