//! Deskly's desk under the suite of ticket desks and under fault schedules, as one of ours.
//!
//! `cargo test -p watchfloor-examples --test custom_connector`

#[allow(clippy::wildcard_imports, reason = "a connector is written in the words of both crates")]
mod deskly;
mod twin;

use std::sync::Arc;

use serde_json::json;
use watchfloor::core::{ConnectorName, TicketDesk, config::Section};
use watchfloor::http::{Env, Factory as _};
use watchfloor_testkit::conformance::{Setup, TwinDesk, desk};
use watchfloor_testkit::schedule::{self, Depth};

use crate::deskly::DesklyFactory;
use crate::twin::{DesklyTwin, TOKEN};

/// The desk of the Deskly at `url`, as a configuration makes it.
fn desk_at(url: &str, setup: &Setup) -> Arc<dyn TicketDesk> {
    let name = ConnectorName::new("desk");
    let env = Env::alone(&name, Arc::new(setup.clock.clone()));
    let attempt_timeout = format!("{}ms", setup.attempt_timeout.as_millis());
    let entries = json!({
        "url": url,
        "auth": { "type": "bearer", "token": { "env": "TOKEN" } },
        "http": { "attempt_timeout": attempt_timeout },
    });
    let build = |section: &mut Section| DesklyFactory.build(&name, section, &env);
    let ports = watchfloor_testkit::build("desk", &entries, &[("TOKEN", TOKEN)], build);
    ports.expect("a right configuration").desk.expect("a desk")
}

async fn world(setup: Setup) -> TwinDesk<DesklyTwin> {
    let twin = DesklyTwin::new(Arc::new(setup.clock.clone()));
    let world = TwinDesk::start(setup, twin, DesklyTwin::tickets, desk_at).await;
    world.secret(TOKEN).plants(DesklyTwin::plant).quirks(DesklyTwin::behave)
}

#[tokio::test]
async fn deskly_keeps_what_every_desk_promises() {
    desk::run(world).await;
}

#[tokio::test]
async fn deskly_stands_whatever_goes_wrong_with_one_request() {
    schedule::open(world, Depth::Pairs).await.assert();
    schedule::handle(world, Depth::Single).await.assert();
}

/// A third party's whole desk is so long, as rustfmt prints it.
#[test]
fn a_complete_desk_has_at_most_120_lines() {
    let lines = include_str!("deskly.rs").lines().count();
    assert!(lines <= 120, "{lines}");
}
