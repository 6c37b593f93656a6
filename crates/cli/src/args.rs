//! The command line.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
