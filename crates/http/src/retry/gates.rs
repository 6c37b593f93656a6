//! What a request passes before it is sent. Whoever gives up on its way gives back what it has.

use std::time::Duration;

use watchfloor_core::Kind;

use super::Attempts;
use super::pipeline::Failed;
use crate::deadline::Busied;
use crate::endpoint::{Held, Turn};
use crate::limit::{Place, Slot};
use crate::observe::{Gate, Observation};

/// endpoint → its breaker → rate permit → concurrency permit. What changed while it waited counts:
/// a pause, or a breaker that opened, sends it back to the start.
pub(super) async fn pass(attempts: &Attempts, busied: &mut Busied) -> Result<(Turn, Slot), Failed> {
    loop {
        let turn = turn(attempts, busied).await?;
        let place = rate(attempts, &turn, busied).await?;
        let slot = in_flight(attempts, &turn, busied).await?;
        if turn.is_over() || turn.host.rate.is_paused(attempts.clock().monotonic()) {
            continue;
        }
        place.used();
        return Ok((turn, slot));
    }
}

/// An endpoint that may be asked.
async fn turn(attempts: &Attempts, busied: &mut Busied) -> Result<Turn, Failed> {
    let inner = &attempts.client.0;
    let (clock, changed) = (attempts.clock(), inner.layer.changed());
    let pick = |now| inner.turn.pick(&attempts.hosts, now, changed);
    let begun = clock.monotonic();
    let mut now = begun;
    let turn = loop {
        if let Ok(turn) = pick(now) {
            break turn;
        }
        let mut notified = std::pin::pin!(changed.notified());
        // Listens before it looks again: a change in between is not missed.
        notified.as_mut().enable();
        let Held { rest } = match pick(now) {
            Ok(turn) => break turn,
            Err(held) => held,
        };
        let left = attempts.deadline.left();
        if left.is_zero() || rest.is_some_and(|rest| rest >= left) {
            let what = "the endpoint rests after repeated failures";
            return Err(Failed::gate(Kind::Unavailable, what, rest));
        }
        let pause = clock.pause(rest.unwrap_or(left));
        let wait = async {
            tokio::select! {
                () = notified => {}
                () = pause => {}
            }
        };
        busied.idle(wait).await;
        now = clock.monotonic();
    };
    waited(attempts, &turn, Gate::Breaker, begun);
    if turn.is_probe() {
        attempts.breaker_changed(&turn, crate::observe::BreakerChange::Tried);
    }
    Ok(turn)
}

/// A place by the rate, once its time has come.
pub(super) async fn rate<'t>(
    attempts: &Attempts,
    turn: &'t Turn,
    busied: &mut Busied,
) -> Result<Place<'t>, Failed> {
    let too_late = |wait| {
        let what = "the next request to this host may go only after the time of the operation";
        Failed::gate(Kind::RateLimited, what, Some(wait))
    };
    let clock = attempts.clock();
    let begun = clock.monotonic();
    let per_second = attempts.client.settings().requests_per_second;
    let place = turn.host.rate.take(begun, per_second, attempts.deadline.left());
    let place = place.map_err(too_late)?;
    let mut now = begun;
    loop {
        // A pause may have moved it while it was waited for.
        let wait = place.wait(now);
        if wait.is_zero() {
            waited(attempts, turn, Gate::Rate, begun);
            return Ok(place);
        }
        if !attempts.deadline.allows(wait) {
            return Err(too_late(wait));
        }
        busied.pause(wait).await;
        now = clock.monotonic();
    }
}

/// A place among those under way.
async fn in_flight(attempts: &Attempts, turn: &Turn, busied: &mut Busied) -> Result<Slot, Failed> {
    let (host, limit) = (&turn.host, attempts.client.settings().max_in_flight);
    if let Some(slot) = host.in_flight.try_take(limit) {
        return Ok(slot);
    }
    let begun = attempts.clock().monotonic();
    let freed = attempts.deadline.bound(host.in_flight.take(limit));
    let slot = busied.idle(freed).await.ok_or_else(|| {
        let what = "max_in_flight requests were under way all the time";
        Failed::gate(Kind::Timeout, what, None)
    })?;
    waited(attempts, turn, Gate::InFlight, begun);
    Ok(slot)
}

fn waited(attempts: &Attempts, turn: &Turn, gate: Gate, begun: Duration) {
    attempts.observe(|operation| {
        let wait = attempts.clock().monotonic().saturating_sub(begun);
        let endpoint = &*attempts.client.0.endpoints[turn.index].authority;
        (!wait.is_zero()).then_some(Observation::Waited { operation, endpoint, gate, wait })
    });
}
