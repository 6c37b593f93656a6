//! `send`: events in, verdicts out.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use futures_core::Stream;
use futures_util::stream;
use tokio::io::{AsyncRead, AsyncReadExt};
use watchfloor::Connection;
use watchfloor::core::event::{BadLine, Lines};
use watchfloor::core::ship::{DeadLetter, Discard, Ndjson, Summary, ship};
use watchfloor::core::{Clock, Event};

use super::Setup;
use crate::args::Send;
use crate::exit::{Exit, Failure};
use crate::output::{Out, plain, tell};
use crate::stop;

/// What is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

pub(crate) async fn run(args: &Send, setup: &Setup<'_>) -> Result<Exit, Failure> {
    let connected = setup.connect()?;
    let sink = connected.named(&args.to).and_then(Connection::sink).map_err(Failure::usage)?;
    let input = open(&args.file).await?;
    let mut dead = dead_letter(args)?;

    let scope = setup.scope();
    let ended = Ended::default();
    let events = events(input, scope.clock().clone(), ended.clone());
    let stop = interrupt(ended.clone());
    let summary = ship(&*sink, &scope, events, &mut *dead, stop).await;

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

type Input = Box<dyn AsyncRead + std::marker::Send + Unpin>;

async fn open(file: &Path) -> Result<Input, Failure> {
    if file == Path::new("-") {
        return Ok(Box::new(tokio::io::stdin()));
    }
    match tokio::fs::File::open(file).await {
        Ok(file) => Ok(Box::new(file)),
        Err(e) => Err(Failure::usage(unreadable(file, &e))),
    }
}

fn unreadable(file: &Path, e: &io::Error) -> String {
    format!("{} cannot be read: {}", file.display(), e.kind())
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

/// The events of the input, read as there is room for them.
fn events(
    input: Input,
    clock: Arc<dyn Clock>,
    ended: Ended,
) -> impl Stream<Item = Result<Event, BadLine>> + std::marker::Send {
    let start = (Some(input), Lines::new());
    stream::unfold(start, move |(mut input, mut lines)| {
        let (clock, ended) = (clock.clone(), ended.clone());
        async move {
            loop {
                if let Some(line) = lines.next() {
                    return Some((line.event(clock.now()), (input, lines)));
                }
                let mut chunk = BytesMut::with_capacity(CHUNK);
                match input.as_mut()?.read_buf(&mut chunk).await {
                    Ok(0) => {
                        input = None;
                        lines.end();
                    }
                    Ok(_) => lines.push(chunk),
                    Err(e) => {
                        ended.because(format!("the input broke off: {}", e.kind()));
                        return None;
                    }
                }
            }
        }
    })
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
