//! Whole processes side by side: what Watchfloor costs against a bare loop. See README.md.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod bare;
mod data;
mod desk;
mod layer;
mod null;
mod parse;
mod process;
mod send;
mod stats;
mod store;

use std::process::ExitCode;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["send", rest @ ..] => send::run(rest),
        ["layer", rest @ ..] => run(layer::run(rest)),
        ["desk", rest @ ..] => run(desk::run(rest)),
        ["parse"] => parse::run(),
        ["store", rest @ ..] => run(store::run(rest)),
        // What the benchmarks start of themselves.
        ["null", product] => run(null::serve(product)),
        ["bare", product, url, file, level] => run(bare::send(product, url, file, level)),
        _ => {
            let (send, desk) = (send::USAGE, desk::USAGE);
            Err(format!("usage: bench {send} | layer [ROUNDS] | {desk} | parse | store [DIR]")
                .into())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

/// As the program runs: two threads.
fn run(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(work)
}
