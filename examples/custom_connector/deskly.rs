//! A complete connector: the ticket desk of Deskly, an imaginary product with a REST API.
use serde::Deserialize;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};
use watchfloor::core::{config::Section, desk::*, *};
use watchfloor::http::{self, Auth, ByStatus, Client, Env, Factory, Ports, Repeat, Settings};

#[derive(Debug)]
struct Deskly(Client);
type Fields = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Item {
    id: String,
    external_id: String,
    title: String,
    text: String,
    state: String,
    category: StatusCategory,
}

fn ticket(item: Item) -> Ticket {
    let mut ticket = Ticket::new(item.id.into(), item.category);
    ticket.key = Some(TicketKey::given(&item.external_id));
    (ticket.summary, ticket.body, ticket.state) = (item.title, Some(item.text), item.state);
    ticket
}

fn taken(_: Item) {} // no page of a proxy is an item

/// A title is one line of at most 200 characters.
fn title(summary: &str) -> String {
    cut(&summary.replace(['\n', '\r'], " "), 200, Count::Chars).into_owned()
}

fn path(id: &TicketId, rest: &str) -> String {
    format!("items/{}{rest}", http::segment(id.as_str()))
}

#[async_trait]
impl Connector for Deskly {
    fn name(&self) -> &ConnectorName {
        self.0.name()
    }
    async fn check(&self, call: &Call) -> Health {
        Health::of(self.0.get("me", "deskly.me").send(call).await, "it answers", "make it an agent")
    }
}

#[async_trait]
impl DeskBackend for Deskly {
    fn capabilities(&self) -> DeskCaps {
        let mut caps = DeskCaps::default();
        (caps.attach, caps.find_is_consistent) = (true, true);
        caps
    }
    fn as_held(&self, patch: &TicketPatch) -> TicketPatch {
        let mut held = TicketPatch::new();
        (held.summary, held.body) = (patch.summary.as_deref().map(title), patch.body.clone());
        held
    }
    async fn create(&self, call: &Call, draft: &TicketDraft) -> Result<Ticket> {
        let (title, text) = (title(&draft.summary), draft.body.to_string());
        let new = json!({ "external_id": draft.key(), "title": title, "text": text });
        let new = self.0.post("items", "deskly.create", Repeat::Forbidden).json(&new);
        new.read(call).await.map(ticket)
    }
    async fn lookup(&self, call: &Call, key: &TicketKey) -> Result<Vec<Ticket>> {
        let found = self.0.get("items", "deskly.find").query("external_id", key.as_str());
        let found = found.read::<Vec<Item>>(call).await?.into_iter().map(ticket);
        Ok(found.filter(|ticket| ticket.key.as_ref() == Some(key)).collect())
    }
    async fn read(&self, call: &Call, id: &TicketId) -> Result<Ticket> {
        self.0.get(&path(id, ""), "deskly.read").read(call).await.map(ticket)
    }
    async fn write(&self, call: &Call, id: &TicketId, patch: &TicketPatch) -> Result<()> {
        let (path, text) = (path(id, ""), patch.body.as_ref().map(ToString::to_string));
        let new = json!({ "title": patch.summary, "text": text });
        self.0.patch(&path, "deskly.write", Repeat::Harmless).json(&new).read(call).await.map(taken)
    }
    async fn comments(&self, call: &Call, id: &TicketId) -> Result<Vec<String>> {
        self.0.get(&path(id, "/notes"), "deskly.notes").read(call).await
    }
    async fn add_comment(&self, call: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        let (path, text) = (path(id, "/notes"), comment.marked().to_string());
        self.0.post(&path, "deskly.note", Repeat::Forbidden).json(&text).read(call).await.map(taken)
    }
    async fn moves(&self, call: &Call, ticket: &Ticket) -> Result<Vec<Move>> {
        let told = self.0.get(&path(&ticket.id, "/moves"), "deskly.moves").read(call).await?;
        let step = |(to, end): (String, _)| Move::new(to.clone(), Status::new(to, end));
        Ok(Vec::into_iter(told).map(step).collect())
    }
    async fn take(&self, call: &Call, id: &TicketId, to: &Move, with: &Fields) -> Result<()> {
        let (path, state) = (path(id, "/state"), json!({ "state": to.id, "fields": with }));
        self.0.put(&path, "deskly.move", Repeat::Harmless).json(&state).read(call).await.map(taken)
    }
    async fn attached(&self, call: &Call, id: &TicketId) -> Result<Option<Vec<(String, u64)>>> {
        self.0.get(&path(id, "/files"), "deskly.files").read(call).await.map(Some)
    }
    async fn attach(&self, call: &Call, id: &TicketId, file: &Attachment) -> Result<()> {
        let request = self.0.post(&path(id, "/files"), "deskly.attach", Repeat::Forbidden);
        let request = request.query("name", &file.name).body("text/plain", file.bytes.clone());
        request.read(call).await.map(taken)
    }
}

/// Makes desks of Deskly: `type = "deskly"`.
pub(crate) struct DesklyFactory;
impl Factory for DesklyFactory {
    fn type_name(&self) -> &'static str {
        "deskly"
    }
    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports> {
        let url = http::base_url(section, "url", r#"such as "https://acme.deskly.example/api""#);
        let (auth, settings) = (Auth::read(section), Settings::read(section));
        let client = env.layer.client(name, vec![url?], auth?, settings?, ByStatus);
        let desk = Desk::new(Deskly(section.made("url", client)?), env.clock.clone());
        Some(Ports::of_desk(Arc::new(desk.with_store(env.store.clone()))))
    }
}
