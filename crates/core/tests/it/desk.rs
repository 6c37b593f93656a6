//! The desk driver over a desk that loses answers and whose search lags.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use watchfloor_core::desk::{Desk, DeskBackend};
use watchfloor_core::{
    Call, Comment, Connector, ConnectorName, DeskCaps, Error, Health, Kind, Marker, Opened,
    Outcome, Result, RichText, Root, Scope, StatusCategory, TenantId, Ticket, TicketDesk,
    TicketDraft, TicketId, TicketKey, async_trait,
};
use watchfloor_testkit::TestClock;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Answers,
    /// The effect takes place and the answer is lost.
    LostAfter,
    /// The request is lost on its way, and so is the news of it.
    LostBefore,
    Refused,
}

/// Holds tickets in a list.
#[derive(Debug, Default)]
struct Shelf {
    name: Option<ConnectorName>,
    tickets: Mutex<Vec<(TicketKey, Vec<String>)>>,
    fates: Mutex<Vec<Fate>>,
    /// Look-ups that do not see a new ticket yet.
    lag: AtomicUsize,
    creates: AtomicUsize,
    consistent: bool,
}

impl Shelf {
    fn fate(&self) -> Fate {
        self.fates.lock().unwrap().pop().unwrap_or(Fate::Answers)
    }

    fn ticket(index: usize, key: &TicketKey) -> Ticket {
        let mut ticket = Ticket::new(TicketId::new(format!("{index}")), StatusCategory::New);
        ticket.key = Some(key.clone());
        ticket
    }
}

fn lost() -> Error {
    Error::new(Kind::Timeout, "no answer").with_outcome(Outcome::Unknown)
}

#[async_trait]
impl Connector for Shelf {
    fn name(&self) -> &ConnectorName {
        self.name.as_ref().unwrap()
    }

    async fn check(&self, _: &Call) -> Health {
        Health::new()
    }
}

#[async_trait]
impl DeskBackend for Shelf {
    fn capabilities(&self) -> DeskCaps {
        let mut caps = DeskCaps::default();
        caps.find_is_consistent = self.consistent;
        caps
    }

    async fn create(&self, _: &Call, draft: &TicketDraft) -> Result<Ticket> {
        self.creates.fetch_add(1, Ordering::SeqCst);
        let fate = self.fate();
        match fate {
            Fate::Refused => {
                return Err(Error::new(Kind::Forbidden, "no").with_outcome(Outcome::Rejected));
            }
            Fate::LostBefore => return Err(lost()),
            _ => {}
        }
        let mut tickets = self.tickets.lock().unwrap();
        tickets.push((draft.key().clone(), Vec::new()));
        match fate {
            Fate::LostAfter => Err(lost()),
            _ => Ok(draft.opened_as(TicketId::new(format!("{}", tickets.len() - 1)))),
        }
    }

    async fn lookup(&self, _: &Call, key: &TicketKey) -> Result<Vec<Ticket>> {
        let tickets = self.tickets.lock().unwrap();
        let found = tickets.iter().enumerate().filter(|(_, (k, _))| k == key);
        let found: Vec<_> = found.map(|(i, (k, _))| Self::ticket(i, k)).collect();
        let lagging = self.lag.load(Ordering::SeqCst);
        if lagging > 0 && !found.is_empty() {
            self.lag.store(lagging - 1, Ordering::SeqCst);
            return Ok(Vec::new());
        }
        Ok(found)
    }

    async fn read(&self, _: &Call, id: &TicketId) -> Result<Ticket> {
        let index: usize = id.as_str().parse().unwrap();
        let tickets = self.tickets.lock().unwrap();
        Ok(Self::ticket(index, &tickets[index].0))
    }

    async fn comments(&self, _: &Call, id: &TicketId) -> Result<Vec<String>> {
        let index: usize = id.as_str().parse().unwrap();
        Ok(self.tickets.lock().unwrap()[index].1.clone())
    }

    async fn add_comment(&self, _: &Call, id: &TicketId, comment: &Comment) -> Result<()> {
        let fate = self.fate();
        if fate == Fate::LostBefore {
            return Err(lost());
        }
        let index: usize = id.as_str().parse().unwrap();
        self.tickets.lock().unwrap()[index].1.push(comment.marked().to_string());
        if fate == Fate::LostAfter { Err(lost()) } else { Ok(()) }
    }
}

struct World {
    clock: Arc<TestClock>,
    scope: Scope,
    desk: Arc<Desk<Shelf>>,
}

/// `fates` are met in order, first the first create's.
fn world(fates: &[Fate], lag: usize, consistent: bool) -> World {
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let shelf = Shelf {
        name: Some(ConnectorName::new("desk")),
        fates: Mutex::new(fates.iter().rev().copied().collect()),
        lag: AtomicUsize::new(lag),
        consistent,
        ..Shelf::default()
    };
    let scope = Root::new(clock.clone()).scope(TenantId::new("acme"));
    World { desk: Arc::new(Desk::new(shelf, clock.clone())), clock, scope }
}

impl World {
    async fn open(&self, key: &str) -> Result<Opened> {
        let draft = self.scope.draft(TicketKey::given(key), "summary");
        self.desk.open(&self.scope.call(), &draft).await
    }

    fn held(&self) -> usize {
        self.desk.backend().tickets.lock().unwrap().len()
    }

    fn creates(&self) -> usize {
        self.desk.backend().creates.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_ticket_is_created_and_then_found() {
    let w = world(&[], 0, true);
    assert!(matches!(w.open("a").await, Ok(Opened::Created(_))));
    assert!(matches!(w.open("a").await, Ok(Opened::Existing(_))));
    assert!(matches!(w.open("b").await, Ok(Opened::Created(_))));
    assert_eq!(w.held(), 2);
}

#[tokio::test]
async fn t06_a_lost_answer_is_reconciled_not_repeated() {
    let w = world(&[Fate::LostAfter], 0, false);
    assert!(matches!(w.open("a").await, Ok(Opened::Created(_))));
    assert_eq!((w.held(), w.creates()), (1, 1));
}

#[tokio::test]
async fn t06_also_where_the_search_lags_by_a_minute() {
    let w = world(&[Fate::LostAfter], 6, false);
    assert!(matches!(w.open("a").await, Ok(Opened::Created(_))));
    assert_eq!((w.held(), w.creates()), (1, 1));
}

#[tokio::test]
async fn a_request_that_was_lost_on_its_way_is_made_again_where_a_no_can_be_believed() {
    let w = world(&[Fate::LostBefore], 0, true);
    assert!(matches!(w.open("a").await, Ok(Opened::Created(_))));
    assert_eq!((w.held(), w.creates()), (1, 2));
}

#[tokio::test]
async fn where_a_no_cannot_be_believed_it_stays_unknown_and_ends_in_time() {
    let w = world(&[Fate::LostBefore], 0, false);
    let before = watchfloor_core::Clock::now(&*w.clock);
    let error = w.open("a").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(w.creates(), 1);
    let took = watchfloor_core::Clock::now(&*w.clock).since(before);
    assert!(took <= Duration::from_secs(150), "{took:?}");
    // The next call looks before it creates, and still creates nothing blindly.
    assert!(w.open("a").await.is_err());
    assert_eq!(w.creates(), 1);
}

#[tokio::test]
async fn t17_concurrent_openers_make_one_ticket() {
    // A search that sees nothing for a while: only the single flight and the memory help.
    let w = Arc::new(world(&[], 100, false));
    let open = (0..16).map(|_| {
        let w = w.clone();
        tokio::spawn(async move { w.open("a").await.unwrap() })
    });
    let mut created = 0;
    for task in open.collect::<Vec<_>>() {
        created += usize::from(matches!(task.await.unwrap(), Opened::Created(_)));
    }
    assert_eq!((created, w.held()), (1, 1));
}

#[tokio::test]
async fn an_opener_that_gave_up_leaves_the_key_in_doubt() {
    let w = world(&[Fate::LostAfter], 3, false);
    {
        // Dropped in the middle of its reconciliation.
        let open = w.open("a");
        tokio::select! { biased; _ = open => panic!("too soon"), () = tokio::task::yield_now() => {} }
    }
    assert!(matches!(w.open("a").await, Ok(Opened::Created(_))));
    assert_eq!((w.held(), w.creates()), (1, 1));
}

#[tokio::test]
async fn a_refusal_is_no_doubt() {
    let w = world(&[Fate::Refused], 0, false);
    assert_eq!(w.open("a").await.unwrap_err().kind(), Kind::Forbidden);
    assert!(matches!(w.open("a").await, Ok(Opened::Created(_))));
}

#[tokio::test]
async fn a_foreign_draft_is_refused() {
    let w = world(&[], 0, true);
    let other = Root::new(w.clock.clone()).scope(TenantId::new("other"));
    let draft = other.draft(TicketKey::given("a"), "summary");
    let error = w.desk.open(&w.scope.call(), &draft).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(w.held(), 0);
}

#[tokio::test]
async fn a_comment_is_added_once_whatever_is_lost() {
    for fates in [
        vec![],
        vec![Fate::Answers, Fate::LostAfter],
        vec![Fate::Answers, Fate::LostBefore],
        vec![Fate::Answers, Fate::LostBefore, Fate::LostAfter],
    ] {
        let w = world(&fates, 0, true);
        let id = w.open("a").await.unwrap().ticket().id.clone();
        let marker = Marker::derive("a", "block 203.0.113.7");
        let comment = Comment::new(marker.clone(), RichText::new().text("blocked"));
        for _ in 0..3 {
            w.desk.comment(&w.scope.call(), &id, &comment).await.unwrap();
        }
        let held = w.desk.backend().tickets.lock().unwrap()[0].1.clone();
        assert_eq!(held.len(), 1, "{fates:?}: {held:?}");
        assert!(w.desk.has_comment(&w.scope.call(), &id, &marker).await.unwrap());
    }
}
