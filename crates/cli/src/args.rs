//! The command line.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::de::DeserializeOwned;
use watchfloor::core::{Priority, StatusCategory, TicketKind};
use watchfloor::detect::Format;

/// Open connectors between API-security evidence, SIEMs, ticket desks and firewalls.
///
/// Data goes to standard output, everything else to standard error.
///
/// Exit status: 0 done; 1 something was rejected, refused or failed; 2 usage or configuration;
/// 3 the outcome of at least one item is unknown.
#[derive(Debug, Parser)]
#[command(name = "watchfloor", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration [else WATCHFLOOR_CONFIG, else ./watchfloor.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The form of the logs; RUST_LOG sets their level
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(Check),
    Send(Send),
    Detect(Detect),
    Ticket(Ticket),
    Lab(Lab),
}

/// Say what works of each connector, what does not, why, and the fix
///
/// Changes nothing on the other side. Ends with 0 only if all is well.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The connectors to look at [else all]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Send events, one JSON object a line, and say what became of them
///
/// Ends with one line of JSON: {"sent":N,"delivered":N,"rejected":N,"unknown":N}.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The connector that takes them
    #[arg(long, value_name = "NAME")]
    pub(crate) to: String,
    /// The events; - is standard input
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    /// Where the rejected go, one line each: {"reason":…,"event":…}
    #[arg(long, value_name = "FILE")]
    pub(crate) dead_letter: Option<PathBuf>,
}

/// Find attacks in logs: alerts (OCSF 2004), one a line
///
/// Needs no configuration; of one that is named with --config, the tables client and evidence
/// count.
#[derive(Debug, Args)]
pub(crate) struct Detect {
    /// The logs; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The form of the logs [else told from the first lines]
    #[arg(long, value_parser = format())]
    pub(crate) format: Option<Format>,
    /// An OpenAPI document (JSON) of the API that is watched; the current one first
    #[arg(long, value_name = "OPENAPI")]
    pub(crate) spec: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Open, show, find, comment, move and attach to tickets
///
/// Each can be run again: a key has one ticket, a comment stands once, a file is attached once.
#[derive(Debug, Args)]
pub(crate) struct Ticket {
    #[command(subcommand)]
    pub(crate) what: TicketCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TicketCommand {
    Open(Open),
    Show(Show),
    Find(Find),
    Comment(Comment),
    Move(Move),
    Attach(Attach),
}

/// Open the ticket of a key, or say which one is there
///
/// Ends with one line of JSON: {"outcome":"created|existing","id":…,"key":…,"url":…}.
#[derive(Debug, Args)]
pub(crate) struct Open {
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// What makes it the same ticket: letters, digits, . _ : - (else its hash is the key)
    #[arg(long)]
    pub(crate) key: String,
    /// One line
    #[arg(long)]
    pub(crate) summary: String,
    /// The text; blank lines part its paragraphs; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) description: Option<PathBuf>,
    /// What sort of ticket
    #[arg(long, value_parser = kind(), default_value = "incident")]
    pub(crate) kind: TicketKind,
    /// How urgent
    #[arg(long, value_parser = priority(), default_value = "medium")]
    pub(crate) priority: Priority,
    /// A label, where the desk has them; may be given several times
    #[arg(long = "label", value_name = "LABEL")]
    pub(crate) labels: Vec<String>,
    /// Where it goes, in the desk's words: group=…, project=…, component=…
    #[arg(long = "place", value_name = "WORD=VALUE", value_parser = pair)]
    pub(crate) places: Vec<(String, String)>,
}

/// Show a ticket
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// The ticket: its id, or as people call it: SEC-7, INC0010023
    pub(crate) id: String,
}

/// Find the ticket of a key; ends with 1 if there is none
#[derive(Debug, Args)]
pub(crate) struct Find {
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// The key it was opened with
    #[arg(long)]
    pub(crate) key: String,
}

/// Comment on a ticket, once
#[derive(Debug, Args)]
pub(crate) struct Comment {
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// The ticket: its id, or as people call it: SEC-7, INC0010023
    pub(crate) id: String,
    /// The text; - is standard input
    pub(crate) text: String,
    /// What makes it the same comment [else its text]
    #[arg(long, value_name = "WORDS")]
    pub(crate) once: Option<String>,
}

/// Move a ticket to a status of a category, whatever its product calls it
#[derive(Debug, Args)]
pub(crate) struct Move {
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// The ticket: its id, or as people call it: SEC-7, INC0010023
    pub(crate) id: String,
    /// Where to
    #[arg(value_parser = category())]
    pub(crate) to: StatusCategory,
    /// How it ended, in the desk's words
    #[arg(long)]
    pub(crate) resolution: Option<String>,
    /// A field that a step demands, in the desk's words; may be given several times
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) fields: Vec<(String, String)>,
}

/// Attach a file to a ticket, once
#[derive(Debug, Args)]
pub(crate) struct Attach {
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// The ticket: its id, or as people call it: SEC-7, INC0010023
    pub(crate) id: String,
    /// The file
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Desk {
    /// The connector that holds the tickets
    #[arg(long = "in", value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Run Splunk, Elasticsearch, ServiceNow, Jira and PAN-OS as twins on this machine
///
/// Writes a configuration that leads to them and its secrets into a new folder, prints where it
/// is, and runs until Ctrl-C; then it prints what the twins hold and removes what it wrote. The
/// twins keep all that they are sent in memory.
#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// The folder: a new one, or one that is empty [else a new one for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// json is one line an item [else a table on a terminal, json elsewhere]
    #[arg(long, value_name = "FORM")]
    pub(crate) output: Option<Form>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Json,
    Table,
}

/// The words that name a format, so that help and errors list them.
fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::WORDS).try_map(|word| word.parse::<Format>())
}

/// `name=value`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("is no NAME=VALUE".to_owned()),
    }
}

/// The words of a type that a desk understands, as its JSON names them.
fn words<T: DeserializeOwned + Clone + std::marker::Send + Sync + 'static>(
    words: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words).try_map(|word| serde_json::from_value::<T>(word.into()))
}

fn kind() -> impl TypedValueParser<Value = TicketKind> {
    words(&["incident", "problem", "change", "security_incident", "task"])
}

fn priority() -> impl TypedValueParser<Value = Priority> {
    words(&["low", "medium", "high", "critical"])
}

fn category() -> impl TypedValueParser<Value = StatusCategory> {
    words(&["new", "in_progress", "done"])
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
