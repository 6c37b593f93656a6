//! Duplicates that several openers made at once.

use std::sync::Arc;

use watchfloor_core::{Opened, Outcome, StatusCategory, TicketDesk, TicketKey};

use super::shelf::{Fate, Item, Shelf, World, category, desk, of, world};

const WORKFLOW: [(&str, &str, Option<&str>); 3] = [
    ("offen", "in Arbeit", None),
    ("in Arbeit", "erledigt", Some("Lösung")),
    ("offen", "verworfen", Some("Lösung")),
];

fn item(key: &str) -> Item {
    Item { key: key.into(), state: "offen".into(), ..Item::default() }
}

/// A product in which a duplicate can be closed: its resolution is called "Duplicate" nowhere.
fn shelf(consistent: bool, lag: usize) -> Shelf {
    Shelf {
        consistent,
        lag: lag.into(),
        workflow: vec![("offen", "in Arbeit", None), ("in Arbeit", "erledigt", None)],
        ..Shelf::default()
    }
}

#[tokio::test]
async fn a_duplicate_is_tied_closed_and_told_once_and_the_oldest_stays() {
    let w = of(shelf(true, 0));
    w.shelf.items.lock().unwrap().extend([item("a"), item("b"), item("a")]);
    for _ in 0..2 {
        assert!(matches!(w.open("a").await, Ok(Opened::Existing(t)) if t.id.as_str() == "0"));
    }
    let held = w.shelf.held();
    assert_eq!((held[0].state.as_str(), held[2].state.as_str()), ("offen", "erledigt"));
    assert_eq!(held[2].duplicate_of.as_deref(), Some("0"));
    assert_eq!((held[0].comments.len(), held[2].comments.len()), (1, 1));
    assert_eq!((held[1].state.as_str(), held[1].comments.len()), ("offen", 0));
}

#[tokio::test]
async fn a_duplicate_that_cannot_be_closed_is_told_once() {
    let w = of(Shelf { workflow: Vec::new(), ..shelf(true, 0) });
    w.shelf.items.lock().unwrap().extend([item("a"), item("a")]);
    let other = desk(&w.shelf, &w.clock);
    for desk in [&*w.desk, &other] {
        assert!(matches!(w.open_at(desk, "a").await, Ok(Opened::Existing(_))));
    }
    assert_eq!((w.shelf.live(), w.shelf.held()[1].comments.len()), (2, 1));
}

#[tokio::test]
async fn where_the_resolution_is_a_list_without_duplicate_its_own_default_is_taken() {
    let w = of(Shelf { workflow: WORKFLOW.to_vec(), ..shelf(true, 0) });
    w.shelf.items.lock().unwrap().extend([item("a"), item("a")]);
    w.open("a").await.unwrap();
    // "Lösung" has no default either: it stays open, and the next opener tries again.
    assert_eq!(w.shelf.live(), 2);
}

/// Two processes without a store on one product: at the end one ticket is live.
#[tokio::test]
async fn t17_two_openers_without_a_store_leave_one_live_ticket() {
    for (consistent, lag, fates) in [
        (true, 0, &[][..]),
        (false, 6, &[]),
        (false, 9, &[Fate::LostAfter, Fate::LostAfter]),
        (false, 0, &[Fate::LostAfter]),
        (true, 0, &[Fate::LostAfter, Fate::LostAfter]),
    ] {
        let w = Arc::new(of(shelf(consistent, lag)));
        w.fates(fates);
        let desks = [desk(&w.shelf, &w.clock), desk(&w.shelf, &w.clock)].map(Arc::new);
        let openers = (0..20).map(|i| {
            let (w, desk) = (w.clone(), desks[i % 2].clone());
            tokio::spawn(async move { w.open_at(&desk, "a").await.map(|_| desk) })
        });
        for task in openers.collect::<Vec<_>>() {
            task.await.unwrap().unwrap();
        }
        for desk in &desks {
            desk.settle(&w.scope.call()).await.unwrap();
        }
        assert_eq!(w.shelf.live(), 1, "{consistent} {lag} {fates:?}: {:?}", w.shelf.held());
        let open = w.shelf.held().iter().position(|i| category(&i.state) != StatusCategory::Done);
        assert_eq!(open, Some(0), "the oldest stays");
        for desk in &desks {
            let opened = w.open_at(desk, "a").await.unwrap();
            assert_eq!(opened.ticket().id.as_str(), "0", "both name the one that stays");
        }
    }
}

/// Two that settle at once must not both comment: each sees to what it made.
#[tokio::test]
async fn who_made_the_oldest_leaves_the_other_to_whoever_made_that() {
    let w = of(shelf(false, 1));
    w.open("a").await.unwrap();
    // An index may show ours first: one look more than it takes to see it.
    let look = w.lookups();
    w.shelf.lag.store(0, std::sync::atomic::Ordering::SeqCst);
    w.desk.settle(&w.scope.call()).await.unwrap();
    assert_eq!(w.lookups() - look, 2);
    let other = desk(&w.shelf, &w.clock);
    w.shelf.lag.store(1, std::sync::atomic::Ordering::SeqCst);
    w.open_at(&other, "a").await.unwrap();
    let first = of(shelf(false, 0));
    first.open("b").await.unwrap();
    first.shelf.items.lock().unwrap().push(item("b"));
    first.desk.settle(&first.scope.call()).await.unwrap();
    assert_eq!(first.shelf.live(), 2);
    other.settle(&w.scope.call()).await.unwrap();
    assert_eq!((w.held(), w.shelf.live()), (2, 1));
}

#[tokio::test]
async fn settling_ends_also_where_nothing_is_ever_found() {
    let w = of(shelf(false, 100_000));
    w.open("a").await.unwrap();
    for _ in 0..2 {
        let error = w.desk.settle(&w.scope.call()).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
    }
    w.shelf.lag.store(0, std::sync::atomic::Ordering::SeqCst);
    w.desk.settle(&w.scope.call()).await.unwrap();
    let lookups = w.lookups();
    w.desk.settle(&w.scope.call()).await.unwrap();
    assert_eq!(w.lookups(), lookups, "nothing is left to look for");
}

#[tokio::test]
async fn a_look_without_an_open_changes_nothing() {
    let w: World = world(&[], 0, true);
    w.shelf.items.lock().unwrap().extend([item("a"), item("a")]);
    let found = w.desk.find(&w.scope.call(), &TicketKey::given("a")).await.unwrap();
    assert_eq!(found.unwrap().id.as_str(), "0");
    assert_eq!((w.shelf.live(), w.writes()), (2, 0));
}
