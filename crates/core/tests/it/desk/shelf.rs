//! A desk in memory whose requests meet what a test says.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use watchfloor_core::desk::{Claim, Desk, DeskBackend, Move, Part, Required, Status};
use watchfloor_core::{
    Attachment, Call, Comment, Connector, ConnectorName, DeskCaps, Error, Health, Kind, Opened,
    Outcome, Result, Root, Scope, StatusCategory, Store, TenantId, Ticket, TicketDesk, TicketDraft,
    TicketId, TicketKey, TicketPatch, Write, async_trait,
};
use watchfloor_testkit::TestClock;

/// What becomes of a request that has an effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    Answers,
    /// The effect takes place and the answer is lost.
    LostAfter,
    /// The request is lost on its way, and so is the news of it.
    LostBefore,
    Refused,
    /// It is answered as done and was not.
    Ignored,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) key: String,
    pub(super) summary: String,
    pub(super) comments: Vec<String>,
    pub(super) state: String,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) files: Vec<(String, u64)>,
    pub(super) duplicate_of: Option<String>,
}

/// The product: tickets in a list, shared by the desks of several openers.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) items: Mutex<Vec<Item>>,
    pub(super) fates: Mutex<Vec<Fate>>,
    /// Look-ups that do not see a new ticket yet.
    pub(super) lag: AtomicUsize,
    pub(super) creates: AtomicUsize,
    pub(super) lookups: AtomicUsize,
    pub(super) writes: AtomicUsize,
    pub(super) consistent: bool,
    /// Whether it knows claims, and who holds them.
    pub(super) claims: Option<Mutex<HashMap<String, String>>>,
    /// A field that it drops from updates without a word.
    pub(super) dropped: Option<&'static str>,
    /// The steps, as `from`, `to` and the field that is demanded.
    pub(super) workflow: Vec<(&'static str, &'static str, Option<&'static str>)>,
}

impl Shelf {
    fn fate(&self) -> Fate {
        self.fates.lock().unwrap().pop().unwrap_or(Fate::Answers)
    }

    /// Does it, as its fate says.
    fn act<T>(&self, what: impl FnOnce(&mut Vec<Item>) -> T) -> Result<Option<T>> {
        let refused = || Error::new(Kind::Forbidden, "no").with_outcome(Outcome::Rejected);
        let lost = || Error::new(Kind::Timeout, "no answer").with_outcome(Outcome::Unknown);
        match self.fate() {
            Fate::Answers => Ok(Some(what(&mut self.items.lock().unwrap()))),
            Fate::LostAfter => {
                what(&mut self.items.lock().unwrap());
                Err(lost())
            }
            Fate::LostBefore => Err(lost()),
            Fate::Refused => Err(refused()),
            Fate::Ignored => Ok(None),
        }
    }

    pub(super) fn held(&self) -> Vec<Item> {
        self.items.lock().unwrap().clone()
    }

    /// Tickets that nobody has closed.
    pub(super) fn live(&self) -> usize {
        self.held().iter().filter(|i| category(&i.state) != StatusCategory::Done).count()
    }
}

pub(super) fn category(state: &str) -> StatusCategory {
    match state {
        "erledigt" | "verworfen" => StatusCategory::Done,
        "in Arbeit" | "in Prüfung" => StatusCategory::InProgress,
        _ => StatusCategory::New,
    }
}

/// One opener's connection to the product.
#[derive(Debug)]
pub(super) struct Connection(ConnectorName, pub(super) Arc<Shelf>);

impl Connection {
    fn ticket(index: usize, item: &Item) -> Ticket {
        let id = TicketId::new(index.to_string());
        let mut ticket = Ticket::new(id, category(&item.state));
        ticket.key = Some(TicketKey::given(&item.key));
        ticket.state = item.state.clone();
        ticket.summary = item.summary.clone();
        ticket.fields = item.fields.clone();
        ticket
    }
}

fn index(id: &TicketId) -> usize {
    id.as_str().parse().unwrap()
}

#[async_trait]
impl Connector for Connection {
    fn name(&self) -> &ConnectorName {
        &self.0
    }

    async fn check(&self, _: &Call) -> Health {
        Health::new()
    }
}

#[async_trait]
impl DeskBackend for Connection {
    fn capabilities(&self) -> DeskCaps {
        let mut caps = DeskCaps::default();
        caps.find_is_consistent = self.1.consistent;
        caps.attach = true;
        caps
    }

    async fn create(&self, _: &Call, draft: &TicketDraft) -> Result<Ticket> {
        self.1.creates.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let id = self.1.act(|items| {
            items.push(Item {
                key: draft.key().to_string(),
                summary: draft.summary.clone(),
                state: "offen".into(),
                ..Item::default()
            });
            items.len() - 1
        })?;
        Ok(draft.opened_as(TicketId::new(id.unwrap().to_string())))
    }

    async fn lookup(&self, _: &Call, key: &TicketKey) -> Result<Vec<Ticket>> {
        self.1.lookups.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let items = self.1.items.lock().unwrap();
        let found = items.iter().enumerate().filter(|(_, item)| item.key == key.as_str());
        let found: Vec<_> = found.map(|(i, item)| Self::ticket(i, item)).collect();
        let lagging = self.1.lag.load(Ordering::SeqCst);
        if lagging > 0 && !found.is_empty() {
            self.1.lag.store(lagging - 1, Ordering::SeqCst);
            return Ok(Vec::new());
        }
        Ok(found)
    }

    async fn read(&self, _: &Call, id: &TicketId) -> Result<Ticket> {
        let items = self.1.items.lock().unwrap();
        let gone = || Error::new(Kind::NotFound, "gone").with_outcome(Outcome::Rejected);
        items.get(index(id)).map(|item| Self::ticket(index(id), item)).ok_or_else(gone)
    }

    async fn comments(&self, _: &Call, id: &TicketId) -> Result<Vec<String>> {
        Ok(self.1.items.lock().unwrap()[index(id)].comments.clone())
    }

    async fn add_comment(&self, _: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        let text = comment.marked().to_string();
        self.1.act(|items| items[index(id)].comments.push(text)).map(drop)
    }

    async fn claim(&self, _: &Call, key: &TicketKey, owner: &str) -> Result<Claim> {
        let Some(claims) = &self.1.claims else { return Ok(Claim::NotOffered) };
        let mut claims = claims.lock().unwrap();
        let holder = claims.entry(key.to_string()).or_insert_with(|| owner.to_owned());
        if holder == owner {
            return Ok(Claim::Ours);
        }
        Ok(Claim::Theirs { owner: holder.clone() })
    }

    fn fits(&self, part: Part<'_>) -> bool {
        match part {
            Part::Summary(summary) => summary.len() <= 40,
            Part::Body(text) | Part::Comment(text) => text.to_string().len() <= 400,
            _ => true,
        }
    }

    async fn write(&self, _: &Call, id: &TicketId, patch: &TicketPatch) -> Result<()> {
        self.1.writes.fetch_add(1, Ordering::SeqCst);
        let dropped = self.1.dropped;
        self.1
            .act(|items| {
                let item = &mut items[index(id)];
                if let Some(summary) = patch.summary.as_ref().filter(|_| dropped != Some("summary"))
                {
                    item.summary = summary.clone();
                }
                let fields = patch.fields.iter().filter(|(n, _)| dropped != Some(n.as_str()));
                item.fields.extend(fields.map(|(n, v)| (n.clone(), v.clone())));
            })
            .map(drop)
    }

    async fn moves(&self, _: &Call, ticket: &Ticket) -> Result<Vec<Move>> {
        let here = self.1.workflow.iter().filter(|(from, ..)| *from == ticket.state);
        let step = |(_, to, field): &(&str, &str, Option<&str>)| {
            let step = Move::new(format!("→{to}"), Status::new(*to, category(to)));
            match field {
                Some("Lösung") => {
                    step.requires(Required::new("Lösung").is_resolution().allows("1", "behoben"))
                }
                Some(field) => step.requires(Required::new(*field)),
                None => step,
            }
        };
        Ok(here.map(step).collect())
    }

    async fn take(
        &self,
        _: &Call,
        id: &TicketId,
        step: &Move,
        fields: &BTreeMap<String, String>,
    ) -> Result<()> {
        self.1.writes.fetch_add(1, Ordering::SeqCst);
        self.1
            .act(|items| {
                items[index(id)].state = step.to.id.clone();
                items[index(id)].fields.extend(fields.clone());
            })
            .map(drop)
    }

    async fn retire(&self, _: &Call, younger: &Ticket, kept: &Ticket) -> Result<()> {
        let mut items = self.1.items.lock().unwrap();
        items[index(&younger.id)].duplicate_of = Some(kept.id.to_string());
        Ok(())
    }

    async fn attached(&self, _: &Call, id: &TicketId) -> Result<Option<Vec<(String, u64)>>> {
        Ok(Some(self.1.items.lock().unwrap()[index(id)].files.clone()))
    }

    async fn attach(&self, _: &Call, id: &TicketId, file: &Attachment) -> Result<()> {
        self.1.writes.fetch_add(1, Ordering::SeqCst);
        let file = (file.name.clone(), file.bytes.len() as u64);
        self.1.act(|items| items[index(id)].files.push(file)).map(drop)
    }
}

/// A store that outlives the desks over it.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<BTreeMap<Vec<u8>, Bytes>>, pub(super) AtomicUsize);

#[async_trait]
impl Store for Shared {
    async fn get(&self, _: &'static str, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn range(
        &self,
        _: &'static str,
        keys: Range<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>> {
        let held = self.0.lock().unwrap();
        Ok(held.range(keys).take(limit).map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<()> {
        // One that is told to fail does, from then on.
        if self.1.load(Ordering::SeqCst) > 0 && self.1.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.1.store(1, Ordering::SeqCst);
            return Err(Error::new(Kind::Unavailable, "the disk is full"));
        }
        let mut held = self.0.lock().unwrap();
        let broken = |write: &Write| match write {
            Write::Expect { key, value, .. } => held.get(key) != value.as_ref(),
            _ => false,
        };
        if writes.iter().any(broken) {
            return Err(Error::new(Kind::Conflict, "changed").with_outcome(Outcome::Rejected));
        }
        for write in writes {
            match write {
                Write::Put { key, value, .. } => drop(held.insert(key, value)),
                Write::Delete { key, .. } => drop(held.remove(&key)),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Shared {
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

pub(super) struct World {
    pub(super) clock: Arc<TestClock>,
    pub(super) scope: Scope,
    pub(super) shelf: Arc<Shelf>,
    pub(super) desk: Arc<Desk<Connection>>,
}

/// `fates` are met in order, first the first create's.
pub(super) fn world(fates: &[Fate], lag: usize, consistent: bool) -> World {
    of(Shelf {
        fates: Mutex::new(fates.iter().rev().copied().collect()),
        lag: AtomicUsize::new(lag),
        consistent,
        ..Shelf::default()
    })
}

pub(super) fn of(shelf: Shelf) -> World {
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let scope = Root::new(clock.clone()).scope(TenantId::new("acme"));
    let shelf = Arc::new(shelf);
    let desk = Arc::new(desk(&shelf, &clock));
    World { clock, scope, shelf, desk }
}

/// The desk of one more opener.
pub(super) fn desk(shelf: &Arc<Shelf>, clock: &Arc<TestClock>) -> Desk<Connection> {
    Desk::new(Connection(ConnectorName::new("desk"), shelf.clone()), clock.clone())
}

impl World {
    /// The fates of the requests from now on.
    pub(super) fn fates(&self, fates: &[Fate]) {
        *self.shelf.fates.lock().unwrap() = fates.iter().rev().copied().collect();
    }

    pub(super) async fn open(&self, key: &str) -> Result<Opened> {
        self.open_at(&self.desk, key).await
    }

    pub(super) async fn open_at(&self, desk: &Desk<Connection>, key: &str) -> Result<Opened> {
        let draft = self.scope.draft(TicketKey::given(key), "summary");
        desk.open(&self.scope.call(), &draft).await
    }

    /// Begins to open the key and gives up while its lost answer is looked for.
    pub(super) async fn abandon(&self, desk: &Desk<Connection>, key: &str) {
        let begun = self.lookups();
        let looked = async {
            while self.lookups() < begun + 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            opened = self.open_at(desk, key) => panic!("too soon: {opened:?}"),
            () = looked => {}
        }
    }

    pub(super) fn held(&self) -> usize {
        self.shelf.items.lock().unwrap().len()
    }

    pub(super) fn creates(&self) -> usize {
        self.shelf.creates.load(Ordering::SeqCst)
    }

    pub(super) fn lookups(&self) -> usize {
        self.shelf.lookups.load(Ordering::SeqCst)
    }

    pub(super) fn writes(&self) -> usize {
        self.shelf.writes.load(Ordering::SeqCst)
    }
}
