//! `ticket`: one ticket a key, one comment a text, one attachment a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use watchfloor::Connection;
use watchfloor::core::{
    Attachment, Comment, Marker, Opened, RichText, Route, Ticket, TicketDesk, TicketId, TicketKey,
    TicketPatch,
};

use super::Setup;
use crate::args::{self, Form, TicketCommand};
use crate::exit::{Exit, Failure};
use crate::output::Out;
use crate::stop;

/// A text that a person writes into a ticket.
const MAX_TEXT: u64 = 4 << 20;

/// A file that is read into memory to be attached.
const MAX_FILE: u64 = 256 << 20;

pub(crate) async fn run(args: &args::Ticket, setup: &Setup<'_>) -> Result<Exit, Failure> {
    // What stops it leaves an effect in doubt; the same command again settles that.
    tokio::select! {
        biased;
        done = carry_out(&args.what, setup) => done,
        () = stop::wanted() => Err(Failure::unknown(
            "stopped, and what became of the request is not known; the same command again looks first",
        )),
    }
}

async fn carry_out(what: &TicketCommand, setup: &Setup<'_>) -> Result<Exit, Failure> {
    match what {
        TicketCommand::Open(args) => open(args, setup).await,
        TicketCommand::Show(args) => {
            let (desk, call) = (desk(&args.desk, setup).await?, setup.scope().call());
            let ticket = desk.get(&call, &TicketId::new(&*args.id)).await?;
            show(&ticket, args.desk.output.form())
        }
        TicketCommand::Find(args) => find(args, setup).await,
        TicketCommand::Comment(args) => comment(args, setup).await,
        TicketCommand::Move(args) => {
            let (desk, call) = (desk(&args.desk, setup).await?, setup.scope().call());
            let mut with = TicketPatch::new();
            with.resolution.clone_from(&args.resolution);
            with.fields.extend(args.fields.iter().cloned());
            let ticket = desk.transition(&call, &TicketId::new(&*args.id), args.to, &with).await?;
            show(&ticket, args.desk.output.form())
        }
        TicketCommand::Attach(args) => attach(args, setup).await,
    }
}

async fn desk(args: &args::Desk, setup: &Setup<'_>) -> Result<Arc<dyn TicketDesk>, Failure> {
    let connected = setup.connect_in_turn().await?;
    connected.named(&args.name).and_then(Connection::desk).map_err(Failure::usage)
}

async fn open(args: &args::Open, setup: &Setup<'_>) -> Result<Exit, Failure> {
    let body = match &args.description {
        Some(file) => RichText::plain(&text(file)?),
        None => RichText::new(),
    };
    let (desk, scope) = (desk(&args.desk, setup).await?, setup.scope());
    let mut draft = scope.draft(TicketKey::given(&args.key), &*args.summary);
    draft.body = body;
    draft.kind = args.kind;
    draft.priority = args.priority;
    draft.labels.clone_from(&args.labels);
    if !args.places.is_empty() {
        let route = Route::new("command line", "named on the command line");
        let places = args.places.iter();
        draft.route = Some(places.fold(route, |route, (word, value)| route.at(word, value)));
    }
    let opened = desk.open(&scope.call(), &draft).await?;
    let (outcome, ticket) = match &opened {
        Opened::Created(ticket) => ("created", ticket),
        Opened::Existing(ticket) => ("existing", ticket),
    };
    let (key, url) = (draft.key(), ticket.url.as_deref());
    let line = Line { outcome, id: &ticket.id, display: &ticket.display, key, url };
    match args.desk.output.form() {
        Form::Json => print(&line),
        Form::Table => {
            let url = url.unwrap_or_default().to_owned();
            let id = ticket.id.to_string();
            let row = vec![outcome.to_owned(), ticket.display.clone(), id, key.to_string(), url];
            table(&["OUTCOME", "TICKET", "ID", "KEY", "URL"], row)
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    outcome: &'static str,
    id: &'a TicketId,
    display: &'a str,
    key: &'a TicketKey,
    url: Option<&'a str>,
}

async fn find(args: &args::Find, setup: &Setup<'_>) -> Result<Exit, Failure> {
    let (desk, call) = (desk(&args.desk, setup).await?, setup.scope().call());
    let key = TicketKey::given(&args.key);
    match desk.find(&call, &key).await? {
        Some(ticket) => show(&ticket, args.desk.output.form()),
        None => Err(Failure::failed(format_args!("no ticket has the key {key}"))),
    }
}

async fn comment(args: &args::Comment, setup: &Setup<'_>) -> Result<Exit, Failure> {
    let words = if args.text == "-" { text(Path::new("-"))? } else { args.text.clone() };
    if words.trim().is_empty() {
        return Err(Failure::usage("the comment is empty"));
    }
    let (desk, call) = (desk(&args.desk, setup).await?, setup.scope().call());
    // The product's own id: a number that people use names the same ticket.
    let id = desk.get(&call, &TicketId::new(&*args.id)).await?.id;
    let marker = Marker::derive(id.as_str(), args.once.as_deref().unwrap_or(&words));
    let comment = Comment::new(marker, RichText::plain(&words));
    let there = desk.has_comment(&call, &id, &comment.marker).await?;
    desk.comment(&call, &id, &comment).await?;
    done(if there { "existing" } else { "created" }, &id, &args.desk)
}

async fn attach(args: &args::Attach, setup: &Setup<'_>) -> Result<Exit, Failure> {
    let name = args.file.file_name().and_then(|n| n.to_str()).map(str::to_owned);
    let name = name.ok_or_else(|| Failure::usage("the file has no name that can be sent"))?;
    let bytes = read(&args.file, MAX_FILE)?;
    let (desk, call) = (desk(&args.desk, setup).await?, setup.scope().call());
    let file = Attachment::new(name, content_type(&args.file), bytes);
    let id = desk.get(&call, &TicketId::new(&*args.id)).await?.id;
    desk.attach(&call, &id, &file).await?;
    done("attached", &id, &args.desk)
}

/// What a browser should do with it; what is not known is only saved.
fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()) {
        Some("txt" | "log") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("csv") => "text/csv",
        Some("pdf") => "application/pdf",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

fn text(file: &Path) -> Result<String, Failure> {
    let bytes = read(file, MAX_TEXT)?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format_args!("{} is not UTF-8 text", file.display())))
}

/// The whole of a file, or of standard input for `-`.
fn read(file: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let shown = file.display();
    let failed =
        |e: io::Error| Failure::usage(format_args!("{shown} cannot be read: {}", e.kind()));
    let from: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(file).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    from.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(Failure::usage(format_args!("{shown} is larger than {} MiB", limit >> 20)));
    }
    Ok(bytes)
}

fn show(ticket: &Ticket, form: Form) -> Result<Exit, Failure> {
    match form {
        Form::Json => {
            let mut shown = json!(ticket);
            // As every time that the program prints.
            shown["created"] = json!(ticket.created.map(|at| at.to_string()));
            print(&shown)
        }
        Form::Table => {
            let status = word(&json!(ticket.status));
            let priority = ticket.priority.map(|p| word(&json!(p))).unwrap_or_default();
            let cells = [&ticket.display, &status, &priority, &ticket.summary];
            let mut row: Vec<String> = cells.into_iter().cloned().collect();
            row.push(ticket.url.clone().unwrap_or_default());
            table(&["TICKET", "STATUS", "PRIORITY", "SUMMARY", "URL"], row)
        }
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('_', " ")
}

fn done(outcome: &str, id: &TicketId, desk: &args::Desk) -> Result<Exit, Failure> {
    match desk.output.form() {
        Form::Json => print(&json!({ "outcome": outcome, "id": id })),
        Form::Table => table(&["OUTCOME", "ID"], vec![outcome.to_owned(), id.to_string()]),
    }
}

fn print(item: &impl Serialize) -> Result<Exit, Failure> {
    let mut out = Out::stdout();
    out.json(item)?;
    out.flush()?;
    Ok(Exit::Done)
}

fn table(header: &[&str], row: Vec<String>) -> Result<Exit, Failure> {
    let mut out = Out::stdout();
    out.table(header, &[row])?;
    out.flush()?;
    Ok(Exit::Done)
}
