//! `check`: what works of each connector, stage by stage.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use watchfloor::Connection;
use watchfloor::core::{Call, Stage, State};

use super::Setup;
use crate::args::{Check, Form};
use crate::exit::{Exit, Failure};
use crate::output::Out;

/// How long the look at one connector may take, with its retries.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) async fn run(args: &Check, setup: &Setup<'_>) -> Result<Exit, Failure> {
    let connected = setup.connect()?;
    let chosen: Vec<&Connection> = if args.names.is_empty() {
        connected.connections().iter().collect()
    } else {
        let named = args.names.iter().map(|name| connected.named(name));
        named.collect::<Result<_, _>>().map_err(Failure::usage)?
    };
    if chosen.is_empty() {
        return Err(Failure::usage("the configuration has no connectors"));
    }

    let scope = setup.scope();
    let looks = chosen.iter().map(|connection| {
        let call = scope.call().within(scope.clock().now(), DEADLINE);
        async move { look(connection, &call).await }
    });
    let lines: Vec<Line> = join_all(looks).await.into_iter().flatten().collect();
    write(&lines, args.output.form())?;
    let good = lines.iter().all(|line| !matches!(line.state, State::Bad { .. }));
    Ok(if good { Exit::Done } else { Exit::Failed })
}

/// One stage of a connector.
#[derive(Debug, PartialEq, Serialize)]
struct Line {
    connector: String,
    r#type: String,
    stage: Stage,
    #[serde(flatten)]
    state: State,
}

async fn look(connection: &Connection, call: &Call) -> Vec<Line> {
    let stages = connection.check(call).await.stages.into_iter();
    let line = |(stage, state)| Line {
        connector: connection.name().to_string(),
        r#type: connection.type_name().to_owned(),
        stage,
        state,
    };
    stages.map(line).collect()
}

fn write(lines: &[Line], form: Form) -> std::io::Result<()> {
    let mut out = Out::stdout();
    match form {
        Form::Json => {
            for line in lines {
                out.json(line)?;
            }
        }
        Form::Table => {
            let header = ["CONNECTOR", "TYPE", "STAGE", "STATE", "WHAT", "FIX"];
            out.table(&header, &lines.iter().map(Line::row).collect::<Vec<_>>())?;
        }
    }
    out.flush()
}

impl Line {
    fn row(&self) -> Vec<String> {
        let (state, what, fix) = match &self.state {
            State::Good { seen } => ("good", seen.as_str(), ""),
            State::Bad { why, fix } => ("bad", why.as_str(), fix.as_str()),
            State::Unknown { why } => ("unknown", why.as_str(), ""),
            _ => ("?", "", ""),
        };
        let stage = format!("{:?}", self.stage).to_lowercase();
        let cells = [&self.connector, &self.r#type, &stage, state, what, fix];
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }
}
