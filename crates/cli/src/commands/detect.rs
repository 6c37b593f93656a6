//! `detect`: logs in, alerts out.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use watchfloor::Config;
use watchfloor::core::event::{Line, read_lines};
use watchfloor::core::mask::{Masker, Mode};
use watchfloor::core::{Alert, TenantId};
use watchfloor::detect::{ClientConfig, Detect, Format, Spec};

use super::{Setup, TENANT};
use crate::args::{Detect as Args, Form};
use crate::exit::{Exit, Failure};
use crate::output::{Out, plain, tell};

/// The longest OpenAPI document, in bytes.
const MAX_SPEC: u64 = 32 * 1024 * 1024;
/// So many lines may pass before one tells the format.
const TELLING_LINES: usize = 20;
/// So many bad lines of a file are told with their reason, and so many with their number.
const MAX_REASONS: usize = 10;
const MAX_NUMBERS: usize = 100;

pub(crate) fn run(args: &Args, setup: &Setup<'_>) -> Result<Exit, Failure> {
    let mut detect = detect(args, setup)?;
    let mut exit = Exit::Done;
    for file in &args.files {
        if let Err(why) = read(file, args.format, &mut detect) {
            tell(format_args!("{}: {why}", file.display()));
            exit = Exit::Failed;
        }
    }
    write(&detect.finish(), args.output.form())?;
    Ok(exit)
}

fn detect(args: &Args, setup: &Setup<'_>) -> Result<Detect, Failure> {
    let (client, mode) = settings(setup.config)?;
    let mut spec = Spec::new();
    for file in &args.spec {
        let fail = |why: String| Failure::usage(format_args!("{}: {why}", file.display()));
        let document = document(file).map_err(fail)?;
        spec.add(&document).map_err(|e| fail(e.to_string()))?;
    }
    let detect = Detect::builder(TenantId::new(TENANT), Masker::random(mode));
    Ok(detect.client(client).spec(spec).build())
}

/// What a configuration says of clients and evidence, if one is named; else the defaults.
fn settings(config: Option<&Path>) -> Result<(ClientConfig, Mode), Failure> {
    let Some(file) = config else { return Ok((ClientConfig::default(), Mode::default())) };
    let settings = Config::load(file).and_then(Config::settings).map_err(Failure::usage)?;
    Ok((ClientConfig::from(&settings.client), settings.evidence))
}

fn document(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|f| f.take(MAX_SPEC + 1).read_to_end(&mut bytes))
        .map_err(|e| unreadable(&e))?;
    if bytes.len() as u64 > MAX_SPEC {
        return Err(format!("is longer than {MAX_SPEC} bytes"));
    }
    Ok(bytes)
}

fn unreadable(e: &io::Error) -> String {
    format!("cannot be read: {}", e.kind())
}

/// Reads one log to its end, or says why that cannot be done. Bad lines are told and cost
/// themselves alone.
fn read(file: &Path, format: Option<Format>, detect: &mut Detect) -> Result<(), String> {
    let input: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(|e| unreadable(&e))?)
    };
    let name = file.display().to_string();
    let mut log = Log { detect, name, lines: 0, bad: 0, numbers: Vec::new() };
    let read = log.read(input, format);
    log.report();
    read
}

struct Log<'a> {
    detect: &'a mut Detect,
    name: String,
    lines: u64,
    bad: u64,
    /// The numbers of the first of them.
    numbers: Vec<String>,
}

impl Log<'_> {
    fn read(&mut self, input: impl Read, format: Option<Format>) -> Result<(), String> {
        let mut lines = read_lines(input);
        let (format, first) = match format {
            Some(format) => (format, Vec::new()),
            None => tell_format(&mut lines)?,
        };
        for line in first.into_iter().map(Ok).chain(lines) {
            self.take(format, &line.map_err(|e| unreadable(&e))?);
        }
        Ok(())
    }

    fn take(&mut self, format: Format, line: &Line) {
        self.lines += 1;
        if line.too_long {
            self.note(line.number, "longer than 8 MiB");
        } else if let Err(bad) = self.detect.push_line(format, line.number, &line.bytes) {
            self.note(bad.number, &bad.reason);
        }
    }

    fn note(&mut self, number: u64, reason: &str) {
        self.bad += 1;
        if self.numbers.len() < MAX_REASONS {
            tell(format_args!("{}: line {number}: {}", self.name, plain(reason)));
        }
        if self.numbers.len() < MAX_NUMBERS {
            self.numbers.push(number.to_string());
        }
    }

    fn report(&self) {
        if self.bad == 0 {
            return;
        }
        let more = if self.bad > MAX_NUMBERS as u64 { ", …" } else { "" };
        let (bad, lines, numbers) = (self.bad, self.lines, self.numbers.join(", "));
        tell(format_args!("{}: {bad} of {lines} lines bad: {numbers}{more}", self.name));
    }
}

/// The format that the first lines tell, and these lines.
fn tell_format(
    lines: &mut impl Iterator<Item = io::Result<Line>>,
) -> Result<(Format, Vec<Line>), String> {
    let mut first = Vec::new();
    while first.len() < TELLING_LINES {
        let Some(line) = lines.next() else { break };
        let line = line.map_err(|e| unreadable(&e))?;
        let told = Format::sniff(&line.bytes);
        first.push(line);
        if let Some(format) = told {
            return Ok((format, first));
        }
    }
    if first.is_empty() {
        // Nothing to read in any format.
        return Ok((Format::Json, first));
    }
    let words = Format::WORDS.join(", ");
    Err(format!("its first lines tell no format; name it: --format {words}"))
}

fn write(alerts: &[Alert], form: Form) -> io::Result<()> {
    let mut out = Out::stdout();
    match form {
        Form::Json => {
            for alert in alerts {
                out.json(&alert.to_json())?;
            }
        }
        Form::Table => {
            let header = ["FIRST SEEN", "ATTACK", "CLIENT", "WHERE", "COUNT", "SCORE", "TITLE"];
            out.table(&header, &alerts.iter().map(row).collect::<Vec<_>>())?;
        }
    }
    out.flush()
}

fn row(alert: &Alert) -> Vec<String> {
    let client = match alert.client {
        Some(client) => format!("{} ({})", client.ip, client.attribution.as_str()),
        None => alert.account.clone().unwrap_or_default(),
    };
    vec![
        alert.first_seen.to_string(),
        alert.attack.slug().to_owned(),
        client,
        alert.url_group.clone(),
        alert.count.to_string(),
        alert.score.to_string(),
        alert.title.clone(),
    ]
}
