//! What can go wrong with one request.

use std::fmt;
use std::time::Duration;

use watchfloor_core::Clock as _;

use crate::conformance::{CUSTOMER, World};
use crate::{Answer, Fault};

/// What a fault may have caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Nothing was done, the answer says so, and it passes.
    Delays,
    /// Nothing was done, and it is no use to try again.
    Refuses,
    /// Nothing was done, and less at once may pass.
    Splits,
    /// Nobody can say whether it was done.
    Loses,
    /// Nobody can say, and the answer never comes.
    Hangs,
}

/// A fault with its name and effect.
#[derive(Clone)]
#[non_exhaustive]
pub struct Named {
    /// In words.
    pub name: &'static str,
    /// What it may have caused.
    pub effect: Effect,
    make: Make,
}

#[derive(Clone)]
enum Make {
    Fixed(Fault),
    /// A 429 that asks to come back at a date so far from the world's present.
    Later(Duration, Answer),
}

impl Named {
    /// A fault by a name.
    pub fn new(name: &'static str, effect: Effect, fault: Fault) -> Self {
        Self { name, effect, make: Make::Fixed(fault) }
    }

    pub(super) fn fault_for<W: World + ?Sized>(&self, world: &W) -> Fault {
        match &self.make {
            Make::Fixed(fault) => fault.clone(),
            Make::Later(wait, answer) => {
                let at = crate::message::http_date(world.clock().now().saturating_add(*wait));
                Fault::Instead(answer.clone().header("retry-after", at))
            }
        }
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Everything that goes wrong in a schedule. Answers that are not the product's show what a proxy
/// or a debug page might show: the secrets of the world, and what it was sent.
pub fn faults<W: World + ?Sized>(world: &W) -> Vec<Named> {
    let echo = format!("<html><title>error</title>{} {CUSTOMER}</html>", world.secrets().join(" "));
    let page = |status| Answer::new(status).body("text/html", echo.clone());
    use Effect::{Delays, Hangs, Loses, Refuses, Splits};
    let instead = |name, effect, answer| Named::new(name, effect, Fault::Instead(answer));
    let seconds = page(429).header("retry-after", "7");
    let date = Make::Later(Duration::from_secs(7), page(429));
    let mut faults = vec![
        Named::new("reset before it was done", Loses, Fault::ResetBefore),
        Named::new("reset after it was done", Loses, Fault::ResetAfter),
        Named::new("no answer in time", Hangs, Fault::Hang),
        instead("401", Refuses, page(401)),
        instead("413", Splits, page(413)),
        instead("429 with seconds", Delays, seconds),
        Named { name: "429 with a date", effect: Delays, make: date },
        instead("429 without a word", Delays, page(429)),
        instead("500", Loses, page(500)),
        instead("502 with a proxy's page", Loses, page(502)),
        instead("503", Delays, page(503)),
        Named::new("half of the answer", Loses, Fault::HalfBody),
        Named::new("an answer cut short", Loses, Fault::cut_short()),
        instead("200 with a proxy's page", Loses, page(200)),
    ];
    if let Some(answer) = world.failure_in_success() {
        faults.push(instead("200 with an error inside", Loses, answer));
    }
    faults
}
