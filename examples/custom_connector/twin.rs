//! The double of Deskly, written from its manual: items with an external id, notes, files, states
//! and the moves between them. Everything is small and raw; what it does not know it answers 404.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use watchfloor::core::{Clock, StatusCategory, TicketKey};
use watchfloor_testkit::conformance::desk::{HeldTicket, Quirk};
use watchfloor_testkit::{Answer, Fault, Request, Twin};

/// What it takes for a token.
pub(crate) const TOKEN: &str = "deskly-token-71c0de";

/// States: id, category. Their names are another's business: nobody moves by a name.
const STATES: [(&str, &str); 3] = [("s1", "new"), ("s2", "in_progress"), ("s3", "done")];

#[derive(Debug)]
pub(crate) struct DesklyTwin {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    items: Vec<Item>,
    finds_all: bool,
    drops_titles: bool,
    drops_moves: bool,
    stuck: bool,
}

#[derive(Debug, Default)]
struct Item {
    external_id: String,
    title: String,
    text: String,
    /// The position in [`STATES`].
    state: usize,
    notes: Vec<String>,
    files: Vec<(String, Bytes)>,
}

impl DesklyTwin {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Everything that it holds, for the suite.
    pub(crate) fn tickets(&self) -> Vec<HeldTicket> {
        let held = |(n, item): (usize, &Item)| {
            let status = match item.state {
                0 => StatusCategory::New,
                1 => StatusCategory::InProgress,
                _ => StatusCategory::Done,
            };
            let mut held = HeldTicket::new(id_of(n).into(), item.external_id.as_str(), status);
            held.summary.clone_from(&item.title);
            held.body = Some(item.text.clone());
            held.comments.clone_from(&item.notes);
            held.files.clone_from(&item.files);
            held
        };
        self.lock().items.iter().enumerate().map(held).collect()
    }

    /// Makes an item as a person would.
    pub(crate) fn plant(&self, key: &TicketKey) -> watchfloor::core::TicketId {
        let mut state = self.lock();
        let item =
            Item { external_id: key.to_string(), title: "by hand".into(), ..Item::default() };
        state.items.push(item);
        id_of(state.items.len() - 1).into()
    }

    /// Behaves as some products do.
    pub(crate) fn behave(&self, quirk: &Quirk) -> bool {
        let mut state = self.lock();
        match quirk {
            Quirk::IgnoresConditions => state.finds_all = true,
            Quirk::DropsSummary => state.drops_titles = true,
            Quirk::DropsSteps => state.drops_moves = true,
            Quirk::Stuck => state.stuck = true,
            // Nobody sees a name of a state, and an item has no resolution.
            _ => return false,
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids sort as their items were made.
fn id_of(n: usize) -> String {
    format!("D-{:06}", n + 1)
}

fn shown((n, item): (usize, &Item)) -> Value {
    let (state, category) = STATES[item.state];
    json!({
        "id": id_of(n), "external_id": item.external_id, "title": item.title, "text": item.text,
        "state": state, "category": category,
    })
}

impl State {
    fn create(&mut self, new: &Value) -> Answer {
        let text = |field: &str| new[field].as_str().unwrap_or_default().to_owned();
        let (external_id, title, text) = (text("external_id"), text("title"), text("text"));
        if external_id.is_empty() || title.contains('\n') || title.chars().count() > 200 {
            return Answer::json(422, &json!({ "fault": "title or external_id" }));
        }
        self.items.push(Item { external_id, title, text, ..Item::default() });
        let n = self.items.len() - 1;
        Answer::json(201, &shown((n, &self.items[n])))
    }

    fn find(&self, external_id: Option<&str>) -> Answer {
        let items = self.items.iter().enumerate();
        let hit =
            |(_, item): &(usize, &Item)| self.finds_all || Some(&*item.external_id) == external_id;
        Answer::json(200, &items.filter(hit).map(shown).collect())
    }

    fn of_item(&mut self, n: usize, request: &Request, verb: (&str, &str)) -> Answer {
        let (drops_titles, drops_moves, stuck) = (self.drops_titles, self.drops_moves, self.stuck);
        let item = &mut self.items[n];
        let body = request.json().unwrap_or_default();
        match verb {
            ("GET", "") => {}
            ("PATCH", "") => {
                if let Some(title) = body["title"].as_str().filter(|_| !drops_titles) {
                    item.title = title.to_owned();
                }
                if let Some(text) = body["text"].as_str() {
                    item.text = text.to_owned();
                }
            }
            ("GET", "notes") => return Answer::json(200, &json!(item.notes)),
            ("POST", "notes") => item.notes.push(body.as_str().unwrap_or_default().to_owned()),
            // One state on, or one back.
            ("GET", "moves") => {
                let near = |to: &usize| to.abs_diff(item.state) == 1 && !stuck;
                let moves: Vec<_> = (0..STATES.len()).filter(near).map(|to| STATES[to]).collect();
                return Answer::json(200, &json!(moves));
            }
            ("PUT", "state") => {
                let to = STATES.iter().position(|(id, _)| body["state"] == **id);
                match to {
                    Some(to) if to.abs_diff(item.state) <= 1 && drops_moves => {}
                    Some(to) if to.abs_diff(item.state) <= 1 => item.state = to,
                    _ => return Answer::json(409, &json!({ "fault": "no such move from here" })),
                }
            }
            ("GET", "files") => {
                let told = item.files.iter().map(|(name, bytes)| (name, bytes.len()));
                return Answer::json(200, &json!(told.collect::<Vec<_>>()));
            }
            ("POST", "files") => {
                let name = request.param("name").unwrap_or_default();
                item.files.push((name, request.body.clone()));
            }
            _ => return Answer::new(404),
        }
        Answer::json(200, &shown((n, &self.items[n])))
    }
}

impl Twin for DesklyTwin {
    fn operation(&self, request: &Request) -> &'static str {
        let segments = request.segments();
        let rest = segments.get(2).map_or("", String::as_str);
        match (request.method.as_str(), segments.len(), rest) {
            ("POST", 1, _) => "create",
            ("GET", 1, _) => "find",
            ("GET", 2, _) => "read",
            ("PATCH", 2, _) => "write",
            ("POST", 3, "notes") => "note",
            ("PUT", 3, "state") => "move",
            ("POST", 3, "files") => "attach",
            _ => "other",
        }
    }

    fn handle(&self, request: &Request, _: Option<&Fault>) -> Answer {
        let _busy = self.clock.busy();
        if request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Answer::new(401);
        }
        let (segments, method) = (request.segments(), request.method.as_str());
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut state = self.lock();
        match (method, &path[..]) {
            ("GET", ["me"]) => Answer::json(200, &json!({ "name": "watchfloor" })),
            ("POST", ["items"]) => state.create(&request.json().unwrap_or_default()),
            ("GET", ["items"]) => state.find(request.param("external_id").as_deref()),
            (_, ["items", id, rest @ ..]) if rest.len() < 2 => {
                match (0..state.items.len()).find(|n| id_of(*n) == **id) {
                    Some(n) => state.of_item(
                        n,
                        request,
                        (method, rest.first().copied().unwrap_or_default()),
                    ),
                    None => Answer::new(404),
                }
            }
            _ => Answer::new(404),
        }
    }
}
