//! The main job on a recorded attack: read the logs → events → alerts → ship every event to Splunk
//! and to Elastic → a ticket per alert in ServiceNow and in Jira, routed to the API's owner → block
//! the attackers on a PAN-OS firewall for an hour → say so on the tickets.
//!
//! ```sh
//! cargo run --release --example api_attack                              # against the twins
//! cargo run --release --example api_attack -- --config watchfloor.toml  # against your systems
//! ```
//!
//! What it prints last is checked against what the systems hold. Exit status: 0 everything adds up,
//! 1 a row does not, 2 the configuration cannot be used.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is there to print")]

mod checks;
mod job;
mod logs;
mod recording;
mod table;
mod timeline;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use watchfloor::core::{Clock, Root, TenantId};
use watchfloor::http::SystemClock;
use watchfloor::{Config, Connected, Registry};
use watchfloor_testkit::TestClock;

use crate::job::Systems;
use crate::logs::Logs;
use crate::recording::Recording;
use crate::table::Table;
use crate::world::World;

/// What ends the job before there is a table: a line for people.
type Fatal = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let logs = Logs::capture();
    let outcome = match config_file() {
        Ok(None) => against_twins(&logs).await,
        Ok(Some(file)) => against(&file, &logs).await,
        Err(what) => Err(what.into()),
    };
    match outcome {
        Ok(table) => {
            println!("\n{}", table.render());
            if table.adds_up() {
                println!("Everything adds up.");
                ExitCode::SUCCESS
            } else {
                println!("A row does not add up.");
                ExitCode::FAILURE
            }
        }
        Err(what) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
    }
}

fn config_file() -> Result<Option<PathBuf>, String> {
    let mut args = std::env::args_os().skip(1);
    match (args.next(), args.next(), args.next()) {
        (None, ..) => Ok(None),
        (Some(flag), Some(file), None) if flag == "--config" => Ok(Some(file.into())),
        _ => Err("usage: api_attack [--config FILE]".to_owned()),
    }
}

/// The five systems are twins; they misbehave on a script, and time jumps.
async fn against_twins(logs: &Logs) -> Result<Table, Fatal> {
    let recording = Recording::load()?;
    let clock = Arc::new(TestClock::at(recording.end()?));
    let world = World::start(clock.clone()).await?;
    let config = world.config(&recording);
    let connected = config.connect(&Registry::standard(), clock.clone())?;
    let systems = Systems::of(&connected)?;
    let scope = Root::new(clock).scope(TenantId::new("shop"));
    let done = job::run(&scope, &recording, &systems).await?;

    let text = timeline::render(&recording, &done, &world.met());
    println!("{text}");
    let mut table = Table::default();
    checks::truth(&mut table, &recording, &done);
    checks::held_events(&mut table, &done, &world);
    checks::held_tickets(&mut table, &done, &systems, &world);
    checks::held_blocks(&mut table, &recording, &done, &systems, &world);
    checks::faults(&mut table, &world);
    let mut outputs = vec![("timeline", text.into_bytes()), ("logs", logs.take())];
    outputs.extend(world.written());
    checks::canaries(&mut table, &recording, &done, &World::secrets(), outputs);
    Ok(table)
}

/// The five systems are those of a configuration, and time is real.
async fn against(file: &std::path::Path, logs: &Logs) -> Result<Table, Fatal> {
    let recording = Recording::load()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let connected: Connected = Config::load(file)?.connect(&Registry::standard(), clock.clone())?;
    let systems = Systems::of(&connected)?;
    let scope = Root::new(clock).scope(TenantId::new("shop"));
    let done = job::run(&scope, &recording, &systems).await?;

    let text = timeline::render(&recording, &done, &[]);
    println!("{text}");
    let mut table = Table::default();
    checks::truth(&mut table, &recording, &done);
    checks::shipped_events(&mut table, &done);
    checks::found_tickets(&mut table, &scope, &done, &systems).await;
    checks::listed_blocks(&mut table, &scope, &recording, &done, &systems).await;
    table.skip("every fault of the script met", "these systems follow no script");
    let outputs = vec![("timeline", text.into_bytes()), ("logs", logs.take())];
    checks::canaries(&mut table, &recording, &done, &[], outputs);
    Ok(table)
}
