//! `lab`: the twins as a program, with a configuration that leads to them.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::Setup;
use crate::args::{self, Form};
use crate::exit::{Exit, Failure};
use crate::lab::{Held, Holds, Lab};
use crate::output::{Out, tell};
use crate::stop;

pub(crate) async fn run(args: &args::Lab, setup: &Setup<'_>) -> Result<Exit, Failure> {
    // Before anybody is told that it is open: who knows may end it at once.
    let stop = stop::wanted();
    let lab = Lab::open(args.dir.as_deref(), setup.clock.clone()).await.map_err(Failure::usage)?;
    let form = args.output.form();
    opened(&lab, form)?;
    stop.await;
    let held = lab.held();
    lab.close().iter().for_each(tell);
    closed(&held, form)?;
    Ok(Exit::Done)
}

/// The line that a program reads before it uses the lab.
#[derive(Serialize)]
struct Opened {
    dir: String,
    config: String,
    events: String,
}

fn opened(lab: &Lab, form: Form) -> io::Result<()> {
    let mut out = Out::stdout();
    let [dir, config, events] =
        [lab.dir(), &lab.config(), &lab.events()].map(|path| path.display().to_string());
    match form {
        Form::Json => out.json(&Opened { dir, config, events })?,
        Form::Table => {
            let program = std::env::args_os().next().unwrap_or_else(|| "watchfloor".into());
            let program = Path::new(&program).display();
            out.text(&format!(
                "Splunk, Elasticsearch, ServiceNow, Jira and a PAN-OS firewall are open, as twins on this machine.\n\
                 Their configuration is {config}. In another terminal:\n\n  \
                 {program} check --config {config}\n  \
                 {program} send --config {config} --to siem {events}\n  \
                 {program} send --config {config} --to search {events}\n\n\
                 Ctrl-C closes them, says what they hold, and removes {dir}.\n"
            ))?;
        }
    }
    out.flush()
}

fn closed(held: &[Held], form: Form) -> io::Result<()> {
    let mut out = Out::stdout();
    match form {
        Form::Json => held.iter().try_for_each(|twin| out.json(twin))?,
        Form::Table => {
            let header = ["CONNECTOR", "TYPE", "REQUESTS", "HOLDS"];
            out.table(&header, &held.iter().map(row).collect::<Vec<_>>())?;
        }
    }
    out.flush()
}

fn row(held: &Held) -> Vec<String> {
    let holds = match held.holds {
        Holds::Events(n) => format!("{n} events"),
        Holds::Tickets(n) => format!("{n} tickets"),
        Holds::Blocks(n) => format!("{n} blocks"),
    };
    vec![held.connector.into(), held.r#type.into(), held.requests.to_string(), holds]
}
