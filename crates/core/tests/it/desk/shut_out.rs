//! A credential that is refused while the driver looks what became of something.

use watchfloor_core::{Kind, Outcome, RichText, TicketKey};
use watchfloor_testkit::Fault;
use watchfloor_testkit::conformance::desk::DeskWorld as _;
use watchfloor_testkit::conformance::{Keys, MemoryDesk, MemoryDeskWorld, Setup, World as _};

/// A world, and how many requests have been made when `nth` more are lost and then all refused.
fn lost_then_refused(keys: Keys, nth: u64) -> MemoryDeskWorld {
    let world = MemoryDeskWorld::of(Setup::new(), keys, MemoryDesk::desk);
    world.inject(nth, Fault::ResetAfter);
    for later in nth + 1..nth + 50 {
        world.inject(later, Fault::status(401));
    }
    world
}

#[tokio::test]
async fn a_lost_create_is_not_looked_for_with_a_refused_credential_again_and_again() {
    for keys in [Keys::Free, Keys::Lagging] {
        let world = lost_then_refused(keys, 2);
        let mut draft = world.scope().draft(TicketKey::given("a"), "summary");
        draft.body = RichText::new().text("text");
        let error = world.port().open(&world.call(), &draft).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        // The look-up, the create, and one look that is refused: an account is locked after five.
        assert_eq!((world.requests(), world.tickets().len()), (3, 1));
    }
}

#[tokio::test]
async fn settling_ends_with_the_first_look_that_is_refused() {
    let world = MemoryDeskWorld::of(Setup::new(), Keys::Lagging, MemoryDesk::desk);
    for key in ["a", "b", "c"] {
        let draft = world.scope().draft(TicketKey::given(key), "summary");
        world.port().open(&world.call(), &draft).await.unwrap();
    }
    let before = world.requests();
    for later in 1..50 {
        world.inject(later, Fault::status(401));
    }
    let error = world.port().settle(&world.call()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (Kind::Unauthenticated, Outcome::Unknown));
    assert_eq!(world.requests() - before, 1);
}
