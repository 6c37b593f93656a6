//! `send`: events in, verdicts out.

mod input;
mod progress;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use watchfloor::Connection;
use watchfloor::core::ship::{DeadLetter, Discard, Ndjson, Summary, ship};

use input::{Events, Input};
use progress::Progress;

use super::Setup;
use crate::args::Send;
use crate::exit::{Exit, Failure};
use crate::output::{Out, plain, tell};
use crate::stop;

pub(crate) async fn run(args: &Send, setup: &Setup<'_>) -> Result<Exit, Failure> {
    let connected = setup.connect()?;
    let sink = connected.named(&args.to).and_then(Connection::sink).map_err(Failure::usage)?;
    let input = Input::open(&args.file).map_err(Failure::usage)?;
    let progress = Progress::start(&input, setup.clock.clone());
    let mut dead = progress.counting(dead_letter(args)?);

    let scope = setup.scope();
    let ended = Ended::default();
    let events = Events::of(input, scope.clock().clone(), ended.clone());
    let stop = interrupt(ended.clone());
    let summary = ship(&*sink, &scope, events, &mut dead, stop).await;
    progress.end();

    let mut out = Out::stdout();
    out.json(&summary)?;
    out.flush()?;
    report(&summary, args);
    let early = ended.early();
    if let Some(why) = &early {
        tell(why);
    }
    Ok(exit(&summary, early.is_some()))
}

/// Why the input was not taken to its end, if it was not.
#[derive(Clone, Debug, Default)]
struct Ended(Arc<Mutex<Option<String>>>);

impl Ended {
    fn because(&self, why: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    fn early(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The file that rejects are added to. It holds events: on Unix nobody else may read a new one.
fn dead_letter(args: &Send) -> Result<Box<dyn DeadLetter>, Failure> {
    let Some(file) = &args.dead_letter else { return Ok(Box::new(Discard)) };
    let same = |a: &Path, b: &Path| matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b);
    if same(file, &args.file) {
        return Err(Failure::usage("--dead-letter names the file that is sent"));
    }
    let opened = append(file);
    let opened = opened.map_err(|e| {
        Failure::usage(format!("{} cannot be written: {}", file.display(), e.kind()))
    })?;
    Ok(Box::new(Ndjson::new(opened)))
}

fn append(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Ready when somebody wants the program to end.
async fn interrupt(ended: Ended) {
    stop::wanted().await;
    ended.because("stopped before the end of the input".to_owned());
}

/// Why events were not delivered.
fn report(summary: &Summary, args: &Send) {
    for cause in &summary.causes {
        let reason = if cause.reason.is_empty() { "other reasons" } else { &cause.reason };
        tell(format_args!("{} {}: {}", cause.count, cause.outcome, plain(reason)));
    }
    if let Some(fault) = &summary.fault {
        tell(fault);
    }
    if summary.rejected > 0 && args.dead_letter.is_none() {
        tell("what was rejected is not kept; --dead-letter FILE keeps it");
    }
}

fn exit(summary: &Summary, early: bool) -> Exit {
    if summary.unknown > 0 {
        Exit::Unknown
    } else if summary.rejected > 0 || summary.fault.is_some() || early {
        Exit::Failed
    } else {
        Exit::Done
    }
}
