//! Tickets and comments at most once, over a desk that loses answers and whose search lags.

use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::{
    Comment, Kind, Marker, Opened, Outcome, RichText, Root, TenantId, TicketDesk, TicketKey,
};

use super::shelf::{Fate, world};

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
    // Longer ago than any search lags: what is not found then was not made.
    w.clock.advance(Duration::from_secs(900));
    assert!(matches!(w.open("a").await, Ok(Opened::Created(_))));
    assert_eq!((w.held(), w.creates()), (1, 2));
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
    w.abandon(&w.desk, "a").await;
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
        let held = w.shelf.held()[0].comments.clone();
        assert_eq!(held.len(), 1, "{fates:?}: {held:?}");
        assert!(w.desk.has_comment(&w.scope.call(), &id, &marker).await.unwrap());
    }
}
