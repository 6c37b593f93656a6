//! Desks under schedules: a ticket is opened, and one is opened, commented on, moved and given a
//! file.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;

use watchfloor_core::Outcome;

use super::{Depth, Effect, Report, Schedule, explore};
use crate::conformance::desk::{Act, DeskWorld, Place, draft, texts_of, worlds};
use crate::conformance::{CUSTOMER, Setup};
use crate::leak::Canaries;

/// Explores [`TicketDesk::open`](watchfloor_core::TicketDesk::open).
///
/// After every schedule there is exactly one live ticket with the key, or an error that is true:
/// what is called rejected or not sent is not there, unknown is only what lost an answer, and is
/// there once at most. Nothing fails that only had to wait; no secret is shown.
pub async fn open<W, F>(make: impl Fn(Setup) -> F + Send + Sync + 'static, depth: Depth) -> Report
where
    W: DeskWorld,
    F: Future<Output = W> + Send + 'static,
{
    let run = |world, schedule| Box::pin(done(world, schedule, &[Act::Open])) as _;
    explore("open", &worlds(make), run, depth).await
}

/// Explores what is done about an alert: a ticket is opened, commented on, moved and given a file.
/// The same must be true of each; what follows a failed opening is not tried.
pub async fn handle<W, F>(make: impl Fn(Setup) -> F + Send + Sync + 'static, depth: Depth) -> Report
where
    W: DeskWorld,
    F: Future<Output = W> + Send + 'static,
{
    const ACTS: [Act; 4] = [Act::Open, Act::Comment, Act::Move, Act::Attach];
    let run = |world, schedule| Box::pin(done(world, schedule, &ACTS)) as _;
    explore("open, comment, move, attach", &worlds(make), run, depth).await
}

async fn done(
    world: Arc<dyn DeskWorld>,
    schedule: Schedule,
    acts: &'static [Act],
) -> Result<(), String> {
    let (desk, key) = (world.port(), draft(&*world, "suite-1").key().clone());
    let mut place = Place { key, id: None };
    // A gateway's 503 may come after the effect: a desk may say so.
    let gateway = schedule.0.iter().any(|(_, named)| named.name == "503");
    let lost = schedule.has(Effect::Loses) || schedule.has(Effect::Hangs) || gateway;
    let refused = schedule.has(Effect::Refuses) || schedule.has(Effect::Splits);
    let mut shown = format!("{desk:?}\n");
    for act in acts {
        if *act == Act::Attach && !desk.capabilities().attach {
            continue;
        }
        let (said, id) = act.run_at(&*world, &*desk, &place).await;
        if !Act::is_offered(&said) {
            continue;
        }
        // What is written and cannot be read back is unknown, by right.
        let may_be_unknown = lost || refused && *act == Act::Move;
        act.judge(&*world, &place, &said, may_be_unknown)?;
        if let Err(e) = &said {
            shown.push_str(&texts_of(e));
            if !lost && !refused && world.tries_again() {
                return Err(format!("{act} had only to wait, and fails: {e}"));
            }
            if e.outcome() == Outcome::Applied {
                return Err(format!("{act} fails and is called applied: {e}"));
            }
        }
        if *act == Act::Open {
            let Some(id) = id else { break };
            place.id = Some(id);
        }
    }
    // Nothing that came later doubled what came before.
    for act in acts {
        let there = act.held(&*world, &place);
        if there > 1 {
            return Err(format!("in the end {act} is there {there} times"));
        }
    }
    let _ = writeln!(shown, "{:?}", desk.capabilities());
    let mut secrets = world.secrets();
    secrets.push(CUSTOMER.to_owned());
    let canaries = Canaries::new(secrets.iter().map(String::as_str));
    if !canaries.in_text(shown.as_bytes()).is_empty() {
        return Err("a secret or a customer's text stands in an error or in `Debug`".to_owned());
    }
    if !canaries.in_text(&world.on_the_way()).is_empty() {
        return Err(
            "a secret or a customer's text stands in a path, a query or a header".to_owned()
        );
    }
    Ok(())
}
