//! One event sink and one ticket desk inside a web service of your own.
//!
//! ```sh
//! cargo run --example embed                                       # asks itself, against twins, and ends
//! cargo run --example embed -- --config watchfloor.toml           # serves until Ctrl-C
//! ```
//!
//! | request | does |
//! |---|---|
//! | `POST /events` (one JSON object a line) | ships them; the answer has a verdict for every event |
//! | `POST /tickets` `{"key", "summary", "priority"}` | opens the ticket of this key, once: 201, then 200 |
//! | `GET /healthz` | what works of both, stage by stage: 200 or 503 |
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is there to print")]

mod demo;
mod service;

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use watchfloor::core::Clock;
use watchfloor::http::SystemClock;
use watchfloor::{Config, Registry};

use service::Floor;

type Fatal = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match std::env::args_os().skip(1).collect::<Vec<_>>().as_slice() {
        [] => demo::run().await,
        [flag, file] if flag == "--config" => configured(file.into()).await,
        _ => Err("usage: embed [--config FILE]; LISTEN is its address".into()),
    };
    if let Err(e) = done {
        eprintln!("{e}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn configured(file: PathBuf) -> Result<(), Fatal> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let connected = Config::load(&file)?.connect(&Registry::standard(), clock.clone())?;
    let floor = Floor::of(&connected, clock)?;
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".into());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    Ok(serve(listener, floor, async { drop(tokio::signal::ctrl_c().await) }).await?)
}

/// Serves until `stop`; what is under way then is answered first.
async fn serve(
    listener: TcpListener,
    floor: Floor,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, floor.routes()).with_graceful_shutdown(stop).await
}
