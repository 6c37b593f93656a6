//! A connector of your own, whole: `deskly.rs` is all that it takes. Here it opens a ticket in a twin
//! of its product, whose answer to that is lost, and says what happened.
//!
//! `cargo run --example custom_connector`

#[allow(clippy::wildcard_imports, reason = "a connector is written in the words of both crates")]
mod deskly;
#[allow(dead_code, reason = "the suite asks more of it")]
mod twin;

use std::path::Path;
use std::sync::Arc;

use watchfloor::core::{
    Attachment, Comment, Marker, Opened, RichText, Root, StatusCategory, TenantId, TicketKey,
    TicketPatch,
};
use watchfloor::http::SystemClock;
use watchfloor::{Config, Registry, Secrets};
use watchfloor_testkit::{Fault, Server};

use crate::deskly::DesklyFactory;
use crate::twin::{DesklyTwin, TOKEN};

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = Arc::new(SystemClock::new());
    let deskly = Server::start(DesklyTwin::new(clock.clone()), clock.clone()).await?;
    let text = format!(
        r#"
        [connectors.desk]
        type = "deskly"
        url = "{}"
        auth = {{ type = "bearer", token = {{ env = "DESKLY_TOKEN" }} }}
        "#,
        deskly.url()
    );
    let secrets = Secrets::with_env("", |_| Some(TOKEN.into())); // else: Secrets::new(dir)
    let config = Config::parse(&text, Path::new("watchfloor.toml"), Arc::new(secrets));
    let connected = config.connect(&Registry::standard().with(DesklyFactory), clock.clone())?;
    let desk = connected.named("desk")?.desk()?;

    let scope = Root::new(clock).scope(TenantId::new("acme"));
    let mut draft = scope.draft(TicketKey::given("orders-bola"), "Order ids are walked");
    draft.body = RichText::new().text("203.0.113.7 read 4,000 orders that are not its own.");
    deskly.script().on("create", 1, Fault::ResetAfter);
    let opened = desk.open(&scope.call(), &draft).await?;
    let ticket = opened.ticket();
    println!("{} is opened, though the answer to that was lost", ticket.display);
    if let Opened::Existing(ticket) = desk.open(&scope.call(), &draft).await? {
        println!("{} is what the same key leads to", ticket.display);
    }
    let said = Comment::new(Marker::derive("orders", "blocked"), RichText::new().text("Blocked."));
    for _ in 0..2 {
        desk.comment(&scope.call(), &ticket.id, &said).await?;
    }
    let file = Attachment::new("evidence.ndjson", "application/x-ndjson", "{}\n");
    desk.attach(&scope.call(), &ticket.id, &file).await?;
    let with = TicketPatch::new();
    desk.transition(&scope.call(), &ticket.id, StatusCategory::Done, &with).await?;

    for held in deskly.tickets() {
        let (id, status) = (&held.id, held.status);
        let (notes, files) = (held.comments.len(), held.files.len());
        println!("Deskly holds {id}: {status:?}, {notes} note, {files} file");
    }
    Ok(())
}
