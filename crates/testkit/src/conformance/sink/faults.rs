//! On a bad day.

use std::fmt::Write as _;
use std::time::Duration;

use watchfloor_core::{Clock as _, Delivery, Outcome};

use super::{CUSTOMER, skipped, texts_of};
use super::{Ledger, Rules, SinkWorld, SinkWorlds, Verdict, always, events, failed, once, send};
use crate::{Answer, Fault, leaks};

/// What is true after a fault that may have lost an answer.
fn may_be_lost(world: &dyn SinkWorld) -> Rules {
    let more_copies = if world.never_doubles() { 0 } else { 200 };
    Rules { unknown: true, more_copies, ..Rules::default() }
}

pub(super) async fn too_large(worlds: SinkWorlds) -> Verdict {
    for refusals in 1..=3 {
        let world = worlds.fresh().await;
        for nth in 1..=refusals {
            once(&*world, nth, Fault::status(413))?;
        }
        let (sent, mut ledger) = (events("large", 8), Ledger::default());
        let delivery = send(&*world, &sent, &mut ledger).await?;
        ledger.check(&world.held().await, Rules::default())?;
        let counts = delivery.counts();
        if counts.applied != 8 {
            let what = "after {refusals} requests that were too large";
            let what = what.replace("{refusals}", &refusals.to_string());
            return Err(failed(format!("{what}, each smaller, 8 events are {counts:?}")));
        }
    }
    Ok(())
}

pub(super) async fn too_large_alone(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    always(&*world, &Fault::status(413))?;
    let (sent, mut ledger) = (events("large", 8), Ledger::default());
    let delivery = send(&*world, &sent, &mut ledger).await?;
    ledger.check(&world.held().await, Rules::default())?;
    let counts = delivery.counts();
    if counts.rejected + counts.not_sent != 8 {
        return Err(failed(format!("nothing is small enough, and 8 events are {counts:?}")));
    }
    match world.requests() {
        0..=15 => Ok(()),
        n => Err(failed(format!("8 events, halved, are 15 requests at most, and not {n}"))),
    }
}

pub(super) async fn busy(worlds: SinkWorlds) -> Verdict {
    const ASKED: Duration = Duration::from_secs(20);
    for (name, status, form) in [
        ("429 with seconds", 429, "seconds"),
        ("429 with a date", 429, "date"),
        ("429 without a word", 429, "none"),
        ("503 with seconds", 503, "seconds"),
    ] {
        let world = worlds.fresh().await;
        let (fault, asked) = match form {
            "seconds" => (Fault::retry_after(status, ASKED.as_secs()), ASKED),
            "date" => {
                let at = world.clock().now().saturating_add(ASKED);
                (Fault::retry_at(status, at), ASKED)
            }
            _ => (Fault::status(status), Duration::ZERO),
        };
        once(&*world, 1, fault)?;
        let (sent, mut ledger) = (events("busy", 5), Ledger::default());
        let delivery = send(&*world, &sent, &mut ledger).await?;
        ledger.check(&world.held().await, Rules::default())?;
        let (waited, requests) = (world.clock().elapsed(), world.requests());
        if requests > 1 && waited < asked {
            return Err(failed(format!("after {name} it came back after {waited:?}")));
        }
        if world.tries_again() && delivery.counts().applied != 5 {
            let counts = delivery.counts();
            return Err(failed(format!("after one {name}, 5 events are {counts:?}")));
        }
    }
    Ok(())
}

pub(super) async fn busy_for_long(worlds: SinkWorlds) -> Verdict {
    for status in [429, 503] {
        let world = worlds.fresh().await;
        always(&*world, &Fault::retry_after(status, 1_000_000))?;
        let (sent, mut ledger) = (events("busy", 3), Ledger::default());
        let _ = send(&*world, &sent, &mut ledger).await?;
        ledger.check(&world.held().await, Rules::default())?;
        let waited = world.clock().elapsed();
        if waited > Duration::from_secs(3600) {
            return Err(failed(format!("a server that says {status} held it for {waited:?}")));
        }
    }
    Ok(())
}

pub(super) async fn server_errors(worlds: SinkWorlds) -> Verdict {
    for fault in [Fault::status(500), Fault::html(502), Fault::status(503), Fault::status(504)] {
        for persistent in [false, true] {
            let world = worlds.fresh().await;
            if persistent {
                always(&*world, &fault)?;
            } else {
                once(&*world, 1, fault.clone())?;
            }
            let (sent, mut ledger) = (events("error", 4), Ledger::default());
            let _ = send(&*world, &sent, &mut ledger).await?;
            ledger.check(&world.held().await, may_be_lost(&*world))?;
            if world.requests() > 50 {
                return Err(failed(format!("{} requests to a dead server", world.requests())));
            }
        }
    }
    Ok(())
}

/// One fault in the first request, and whether all that is said afterwards is true.
async fn after(worlds: &SinkWorlds, fault: Fault) -> Result<Delivery, super::Miss> {
    let world = worlds.fresh().await;
    let name = fault.to_string();
    once(&*world, 1, fault)?;
    let (sent, mut ledger) = (events("lost", 4), Ledger::default());
    let delivery = send(&*world, &sent, &mut ledger).await?;
    let rules = may_be_lost(&*world);
    // One request was lost: more than one repeat of it is for nothing.
    let rules = Rules { more_copies: rules.more_copies.min(1), ..rules };
    let true_to = ledger.check(&world.held().await, rules);
    true_to.map_err(|what| failed(format!("after {name}: {what}")))?;
    Ok(delivery)
}

pub(super) async fn lost_answer(worlds: SinkWorlds) -> Verdict {
    for fault in [Fault::ResetAfter, Fault::ResetBefore] {
        let delivery = after(&worlds, fault).await?;
        let counts = delivery.counts();
        if counts.rejected + counts.not_sent > 0 {
            return Err(failed(
                "a connection broke before its answer, and somebody knows that \
                               nothing was taken",
            ));
        }
    }
    Ok(())
}

pub(super) async fn broken_answer(worlds: SinkWorlds) -> Verdict {
    let welcome = Answer::new(200).body("text/html", "<html>welcome</html>");
    for fault in [Fault::HalfBody, Fault::cut_short(), Fault::Instead(welcome)] {
        let _ = after(&worlds, fault).await?;
    }
    Ok(())
}

pub(super) async fn nothing_arrives(worlds: SinkWorlds) -> Verdict {
    let page = || Answer::new(200).body("text/html", "<html>welcome</html>");
    for fault in [Fault::ResetBefore, Fault::html(502), Fault::Instead(page())] {
        let world = worlds.fresh().await;
        always(&*world, &fault)?;
        let (sent, mut ledger) = (events("never", 4), Ledger::default());
        let _ = send(&*world, &sent, &mut ledger).await?;
        ledger.check(&world.held().await, Rules { unknown: true, ..Rules::default() })?;
    }
    Ok(())
}

pub(super) async fn refused_credential(worlds: SinkWorlds) -> Verdict {
    for status in [401, 403] {
        let world = worlds.fresh().await;
        always(&*world, &Fault::status(status))?;
        let (sent, mut ledger) = (events("refused", 4), Ledger::default());
        let delivery = send(&*world, &sent, &mut ledger).await?;
        ledger.check(&world.held().await, Rules::default())?;
        if delivery.cause().is_none() {
            return Err(failed(format!("{status} for a whole batch, and no cause is named")));
        }
        if world.requests() > 2 {
            let n = world.requests();
            return Err(failed(format!("{n} requests with a credential that is refused")));
        }
    }
    Ok(())
}

pub(super) async fn second_half_fails(worlds: SinkWorlds) -> Verdict {
    let world = worlds.fresh().await;
    once(&*world, 1, Fault::status(413))?;
    for nth in 3..=200 {
        once(&*world, nth, Fault::status(401))?;
    }
    let (sent, mut ledger) = (events("half", 8), Ledger::default());
    let delivery = send(&*world, &sent, &mut ledger).await?;
    let held = world.held().await;
    ledger.check(&held, Rules::default())?;
    if world.requests() < 3 {
        return Err(skipped("it sends no second half"));
    }
    let counts = delivery.counts();
    if counts.applied == 0 || counts.applied == 8 {
        return Err(failed(format!("one half arrived, the other was refused: {counts:?}")));
    }
    Ok(())
}

pub(super) async fn secrets_stay_secret(worlds: SinkWorlds) -> Verdict {
    let mut secrets = worlds.fresh().await.secrets();
    secrets.push(CUSTOMER.to_owned());
    // A proxy, or a debug page, that shows what it was sent.
    let echo = format!("<html>{}</html>", secrets.join(" "));
    let echoing = |status| Fault::Instead(Answer::new(status).body("text/html", echo.clone()));
    let statuses = [200, 302, 400, 401, 403, 404, 413, 429, 500, 503];
    let faults = statuses.map(echoing).into_iter().chain([Fault::ResetBefore, Fault::HalfBody]);
    for fault in faults {
        let world = worlds.fresh().await;
        let name = fault.to_string();
        always(&*world, &fault)?;
        let (sink, call) = (world.port(), world.call());
        let delivery = sink.send(&call, &events("secret", 2)).await;
        let mut shown = texts_of(&delivery);
        for i in 0..delivery.total() {
            let _ = writeln!(shown, "{}", delivery.reason(i).unwrap_or_default());
        }
        let health = sink.check(&call).await;
        let _ = writeln!(shown, "{health:?}\n{sink:?}\n{:?}", sink.capabilities());
        if !leaks(shown.as_bytes(), secrets.iter().map(String::as_str)).is_empty() {
            return Err(failed(format!("a secret is shown after: {name}")));
        }
        let way = world.on_the_way();
        if !leaks(&way, secrets.iter().map(String::as_str)).is_empty() {
            return Err(failed("a secret stands in a path, a query or a header of a request"));
        }
        if delivery.outcome(0) == Outcome::Applied && world.held().await.is_empty() {
            return Err(failed(format!("called delivered after: {name}")));
        }
    }
    Ok(())
}
