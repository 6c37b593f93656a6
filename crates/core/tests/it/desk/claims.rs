//! Claims: in the product and in the store.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use watchfloor_core::{Clock as _, Kind, Opened, Outcome, TicketDesk as _, TicketKey};

use super::shelf::{Fate, Shared, Shelf, desk, of, world};

/// The requests of an open: a look-up and a create where the key is new to the store, the create
/// alone where the key was claimed before.
#[tokio::test]
async fn an_open_costs_no_request_more_than_it_needs() {
    for consistent in [true, false] {
        let w = world(&[], 0, consistent);
        let desk = desk(&w.shelf, &w.clock).with_store(Arc::new(Shared::default()) as Arc<_>);
        assert!(matches!(w.open_at(&desk, "cold").await, Ok(Opened::Created(_))));
        assert_eq!((w.lookups(), w.creates()), (1, 1));
        assert_eq!(desk.reserve(&w.scope.call(), &TicketKey::given("warm")).await.unwrap(), None);
        assert_eq!((w.lookups(), w.creates()), (2, 1));
        assert!(matches!(w.open_at(&desk, "warm").await, Ok(Opened::Created(_))));
        assert_eq!((w.lookups(), w.creates()), (2, 2));
    }
}

#[tokio::test]
async fn a_claim_is_not_believed_for_ever() {
    let w = world(&[], 0, true);
    let desk = desk(&w.shelf, &w.clock).with_store(Arc::new(Shared::default()) as Arc<_>);
    desk.reserve(&w.scope.call(), &TicketKey::given("a")).await.unwrap();
    // Somebody without the store opens it meanwhile.
    w.open("a").await.unwrap();
    w.clock.advance(Duration::from_secs(601));
    assert!(matches!(w.open_at(&desk, "a").await, Ok(Opened::Existing(_))));
    assert_eq!(w.held(), 1);
}

#[tokio::test]
async fn a_refused_create_is_made_again_without_another_look() {
    let w = world(&[Fate::Refused], 0, true);
    assert_eq!(w.open("a").await.unwrap_err().kind(), Kind::Forbidden);
    let lookups = w.lookups();
    assert!(matches!(w.open("a").await, Ok(Opened::Created(_))));
    // Without a store one look for duplicates follows the create.
    assert_eq!((w.lookups() - lookups, w.held()), (1, 1));
}

#[tokio::test]
async fn t17_openers_that_share_a_store_make_one_ticket_though_the_search_sees_nothing() {
    let w = Arc::new(world(&[], 1000, false));
    let store = Arc::new(Shared::default());
    let openers = (0..8).map(|_| {
        let (w, store) = (w.clone(), store.clone());
        let desk = desk(&w.shelf, &w.clock).with_store(store as Arc<_>);
        tokio::spawn(async move { w.open_at(&desk, "a").await })
    });
    let mut created = 0;
    for task in openers.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(Opened::Created(_)) => created += 1,
            Ok(Opened::Existing(_)) => {}
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!((created, w.held()), (1, 1));
}

#[tokio::test]
async fn t39_a_crash_after_the_claim_leaves_a_doubt_that_the_next_process_settles() {
    for (fate, consistent, ends_in_one) in [
        (Fate::LostAfter, true, true),
        (Fate::LostAfter, false, true),
        (Fate::LostBefore, true, true),
        (Fate::LostBefore, false, false),
    ] {
        let w = world(&[fate], 0, consistent);
        let store = Arc::new(Shared::default());
        let before = desk(&w.shelf, &w.clock).with_store(store.clone() as Arc<_>);
        // The process ends while it reconciles.
        w.abandon(&before, "a").await;
        let creates = w.creates();
        assert_eq!(creates, 1, "{fate:?}");
        drop(before);
        let after = desk(&w.shelf, &w.clock).with_store(store as Arc<_>);
        let first = w.open_at(&after, "a").await;
        if fate == Fate::LostBefore {
            // As long as the other might be at work nothing is created.
            assert_eq!(first.as_ref().unwrap_err().outcome(), Outcome::Unknown);
            assert_eq!(w.creates(), creates);
            w.clock.advance(Duration::from_secs(301));
        }
        let last = w.open_at(&after, "a").await;
        assert_eq!(last.is_ok(), ends_in_one, "{fate:?}, consistent: {consistent}: {last:?}");
        assert_eq!(w.held(), usize::from(ends_in_one));
    }
}

#[tokio::test]
async fn a_store_that_fails_stops_the_create_and_not_the_news_of_it() {
    let w = world(&[], 0, true);
    let store = Arc::new(Shared::default());
    let desk = desk(&w.shelf, &w.clock).with_store(store.clone() as Arc<_>);
    w.open_at(&desk, "a").await.unwrap();
    // The claimant's record is there already: the next commit is the claim itself.
    store.1.store(1, Ordering::SeqCst);
    let error = w.open_at(&desk, "b").await.unwrap_err();
    assert_eq!((error.outcome(), w.creates()), (Outcome::NotSent, 1));
    // Now the claim is written, and what became of it is not.
    store.1.store(2, Ordering::SeqCst);
    assert!(matches!(w.open_at(&desk, "c").await, Ok(Opened::Created(_))));
    store.1.store(0, Ordering::SeqCst);
    assert!(w.open_at(&desk, "c").await.is_ok());
    assert_eq!(w.held(), 2);
}

#[tokio::test]
async fn what_the_product_says_of_claims_is_obeyed() {
    let shelf = || Shelf { claims: Some(Mutex::default()), ..Shelf::default() };
    let w = of(shelf());
    assert!(matches!(w.open("a").await, Ok(Opened::Created(_))));
    // Somebody else has claimed it and died.
    let theirs = HashMap::from([("b".to_owned(), "soc-2".to_owned())]);
    *w.shelf.claims.as_ref().unwrap().lock().unwrap() = theirs;
    let error = w.open("b").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (Kind::Conflict, Outcome::Unknown));
    assert_eq!(error.context("owner"), Some("soc-2"));
    assert_eq!(w.held(), 1);
    // Somebody else has claimed it and is slow.
    let w = Arc::new(of(shelf()));
    let theirs = HashMap::from([("a".to_owned(), "soc-2".to_owned())]);
    *w.shelf.claims.as_ref().unwrap().lock().unwrap() = theirs;
    let opener = tokio::spawn({
        let w = w.clone();
        async move { w.open("a").await }
    });
    w.clock.pause(Duration::from_secs(20)).await;
    w.shelf
        .items
        .lock()
        .unwrap()
        .push(super::shelf::Item { key: "a".into(), ..super::shelf::Item::default() });
    assert!(matches!(opener.await.unwrap(), Ok(Opened::Existing(_))));
    assert_eq!((w.held(), w.creates()), (1, 0));
}

#[tokio::test]
async fn a_claim_in_the_product_is_ours_after_a_restart() {
    let w = of(Shelf { claims: Some(Mutex::default()), ..Shelf::default() });
    let store = Arc::new(Shared::default());
    let before = desk(&w.shelf, &w.clock).with_store(store.clone() as Arc<_>);
    w.fates(&[Fate::Refused]);
    assert!(w.open_at(&before, "a").await.is_err());
    let after = desk(&w.shelf, &w.clock).with_store(store as Arc<_>);
    assert!(matches!(w.open_at(&after, "a").await, Ok(Opened::Created(_))));
}

#[tokio::test]
async fn records_of_keys_are_swept_after_ninety_days() {
    let w = world(&[], 0, true);
    let store = Arc::new(Shared::default());
    let desk = desk(&w.shelf, &w.clock).with_store(store.clone() as Arc<_>);
    for key in ["a", "b", "c"] {
        w.open_at(&desk, key).await.unwrap();
    }
    let records = store.len();
    w.clock.advance(Duration::from_secs(91 * 24 * 3600));
    w.open_at(&desk, "d").await.unwrap();
    assert_eq!(store.len(), records - 2);
}
