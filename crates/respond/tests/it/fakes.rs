//! A desk and a blocklist in memory, and owners without a file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use watchfloor_core::block::{Applied, Basis, BlockVerdict, GuardConfig, Held, Plan, PlanParts};
use watchfloor_core::config::{Node, Problem, Problems, SecretRef, SecretSource, Section, Value};
use watchfloor_core::{
    BlockRequest, Blocklist, Call, Clock, Comment, Connector, ConnectorName, DeskCaps, Error,
    Facts, Guard, Health, Marker, Opened, Result, Secret, StatusCategory, Target, Ticket,
    TicketDesk, TicketDraft, TicketId, TicketKey, Timestamp, async_trait,
};
use watchfloor_respond::Owners;
use watchfloor_testkit::TestClock;

/// A desk that keeps no promise of its own: every `open` is a ticket, every `comment` one more.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) name: ConnectorName,
    /// What it was asked to open.
    pub(crate) drafts: Mutex<Vec<TicketDraft>>,
    /// The ticket's id and what was said on it.
    pub(crate) comments: Mutex<Vec<(TicketId, Comment)>>,
    /// What it answers to `open` instead of opening.
    pub(crate) refuses_to_open: Option<Error>,
    /// What it answers to `comment` instead of taking it.
    pub(crate) refuses_comments: Option<Error>,
}

impl Shelf {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            drafts: Mutex::default(),
            comments: Mutex::default(),
            refuses_to_open: None,
            refuses_comments: None,
        }
    }

    /// The comments as their tickets show them.
    pub(crate) fn said(&self) -> Vec<(TicketId, String)> {
        let comments = self.comments.lock().unwrap();
        comments.iter().map(|(id, c)| (id.clone(), c.marked().to_string())).collect()
    }
}

#[async_trait]
impl Connector for Shelf {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, _: &Call) -> Health {
        Health::new()
    }
}

#[async_trait]
impl TicketDesk for Shelf {
    fn capabilities(&self) -> DeskCaps {
        DeskCaps::default()
    }

    async fn open(&self, _: &Call, draft: &TicketDraft) -> Result<Opened> {
        if let Some(error) = &self.refuses_to_open {
            return Err(error.clone());
        }
        let mut drafts = self.drafts.lock().unwrap();
        drafts.push(draft.clone());
        let id = TicketId::new(format!("{}-{}", self.name, drafts.len()));
        Ok(Opened::Created(Ticket::new(id, StatusCategory::New)))
    }

    async fn find(&self, _: &Call, _: &TicketKey) -> Result<Option<Ticket>> {
        Ok(None)
    }

    async fn get(&self, _: &Call, id: &TicketId) -> Result<Ticket> {
        Ok(Ticket::new(id.clone(), StatusCategory::New))
    }

    async fn comment(&self, _: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        if let Some(error) = &self.refuses_comments {
            return Err(error.clone());
        }
        self.comments.lock().unwrap().push((id.clone(), comment.clone()));
        Ok(())
    }

    async fn has_comment(&self, _: &Call, id: &TicketId, marker: &Marker) -> Result<bool> {
        Ok(self.said().iter().any(|(on, text)| on == id && marker.is_in(text)))
    }
}

/// A blocklist behind a real guard.
#[derive(Debug)]
pub(crate) struct Wall {
    pub(crate) guard: Guard,
    pub(crate) facts: Facts,
    pub(crate) clock: Arc<TestClock>,
    /// What it was asked to plan.
    pub(crate) asked: Mutex<Vec<BlockRequest>>,
    /// What it holds, and until when where that is known.
    pub(crate) held: Mutex<BTreeMap<Target, Option<Timestamp>>>,
    /// What it answers to `plan`.
    pub(crate) cannot_plan: Option<Error>,
    /// The verdict on every target instead of blocking it.
    pub(crate) verdict: Option<BlockVerdict>,
    /// Gives no verdict at all.
    pub(crate) silent: bool,
}

impl Wall {
    pub(crate) fn new(name: &str, clock: &Arc<TestClock>) -> Self {
        Self {
            guard: Guard::new(name.into(), GuardConfig::new()),
            facts: Facts::new(),
            clock: clock.clone(),
            asked: Mutex::default(),
            held: Mutex::default(),
            cannot_plan: None,
            verdict: None,
            silent: false,
        }
    }
}

#[async_trait]
impl Connector for Wall {
    fn name(&self) -> &ConnectorName {
        self.guard.connector()
    }

    async fn check(&self, _: &Call) -> Health {
        Health::new()
    }
}

#[async_trait]
impl Blocklist for Wall {
    async fn plan(&self, _: &Call, want: Vec<BlockRequest>) -> Result<Plan> {
        self.asked.lock().unwrap().extend(want.iter().cloned());
        if let Some(error) = &self.cannot_plan {
            return Err(error.clone());
        }
        let mut parts = PlanParts::default();
        for request in want {
            let held = self.held.lock().unwrap().get(&request.target).copied();
            match (self.guard.admit(request.clone(), &self.facts, self.clock.now()), held) {
                (Ok(admitted), None) => parts.add.push(admitted),
                (Ok(admitted), Some(expires)) => {
                    parts.kept.push((admitted, Held::new(request.target).until(expires)));
                }
                (Err(refusal), _) => parts.refused.push((request, refusal)),
            }
        }
        Ok(Plan::new(self.name().clone(), Basis::new(), parts))
    }

    async fn apply(&self, _: &Call, plan: Plan) -> Applied {
        let (mut applied, now) = (Applied::new(), self.clock.now());
        if self.silent {
            return applied;
        }
        if let Some(verdict) = &self.verdict {
            plan.targets().for_each(|target| applied.push(target, verdict.clone()));
            return applied;
        }
        let (_, parts) = plan.into_parts();
        for (request, refusal) in parts.refused {
            applied.push(request.target, BlockVerdict::Refused(refusal));
        }
        for (admitted, held) in parts.kept {
            applied.push(admitted.target(), BlockVerdict::AlreadyPresent);
            if let Some(at) = held.expires {
                applied.set_expires(admitted.target(), at);
            }
        }
        for admitted in parts.add {
            let expires = admitted.request().lease.expires(now);
            self.held.lock().unwrap().insert(admitted.target(), expires);
            applied.push(admitted.target(), BlockVerdict::Enforced);
            if let Some(at) = expires {
                applied.set_expires(admitted.target(), at);
            }
        }
        applied
    }

    async fn release(&self, _: &Call, _: &[Target], _: &str) -> Applied {
        Applied::new()
    }

    async fn list(&self, _: &Call) -> Result<Vec<Held>> {
        let held = self.held.lock().unwrap();
        Ok(held.iter().map(|(target, expires)| Held::new(*target).until(*expires)).collect())
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A table of the configuration; its keys stand on lines 2, 3, 4 …
pub(crate) fn table<const N: usize>(entries: [(&str, Value); N]) -> BTreeMap<String, Node> {
    let node = |(i, (key, value)): (usize, (&str, Value))| {
        (key.to_owned(), Node { value, line: i as u32 + 2 })
    };
    entries.into_iter().enumerate().map(node).collect()
}

/// The owners of these `[[owners]]`, and everything that is wrong with them.
pub(crate) fn read_owners(
    tables: impl IntoIterator<Item = BTreeMap<String, Node>>,
) -> (Option<Owners>, Vec<Problem>) {
    let problems = Problems::default();
    let section = |(i, table)| {
        Section::new(format!("owners[{i}]"), 1, table, problems.clone(), Arc::new(NoSecrets))
    };
    let owners = Owners::read(tables.into_iter().enumerate().map(section).collect(), &problems);
    (owners, problems.take())
}

#[derive(Debug)]
struct NoSecrets;

impl SecretSource for NoSecrets {
    fn find(&self, _: &SecretRef) -> Result<Secret, String> {
        Err("there are none".to_owned())
    }
}
