#![doc = include_str!("../README.md")]

mod args;
mod commands;
mod exit;
mod lab;
mod output;
mod stop;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::prelude::*;
use watchfloor::http::SystemClock;

use args::{Cli, Command, LogFormat};
use commands::{Setup, check, detect, send, ticket};
use exit::{Exit, Failure};
use output::tell;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.log_format);
    let exit = run(&cli).unwrap_or_else(|failure| {
        tell(&failure);
        failure.exit
    });
    exit.into()
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Failure::failed(format!("no threads: {}", e.kind())))?;
    let clock = Arc::new(SystemClock::new());
    let setup = Setup { config: cli.config.as_deref(), clock };
    let exit = match &cli.command {
        Command::Check(args) => runtime.block_on(check::run(args, &setup)),
        Command::Send(args) => runtime.block_on(send::run(args, &setup)),
        Command::Detect(args) => detect::run(args, &setup),
        Command::Ticket(args) => runtime.block_on(ticket::run(args, &setup)),
        Command::Lab(args) => runtime.block_on(commands::lab::run(args, &setup)),
    };
    // Not waited for: a read of standard input may never end.
    runtime.shutdown_background();
    exit
}

/// Logs go to standard error. What other libraries log below a warning is left out at any
/// `RUST_LOG`: some print what they send.
fn log(format: LogFormat) {
    let level =
        EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    let ours = filter_fn(|of| of.target().starts_with("watchfloor") || *of.level() <= Level::WARN);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(level.and(ours))).init();
}
