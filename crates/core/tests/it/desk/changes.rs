//! Updates, transitions and files.

use std::sync::Arc;

use watchfloor_core::{
    Attachment, Comment, Kind, Marker, Outcome, RichText, StatusCategory, TicketDesk, TicketId,
    TicketKey, TicketPatch,
};

use super::shelf::{Fate, Item, Shelf, World, of};

use StatusCategory::{Done, InProgress, New};

/// offen → in Arbeit → in Prüfung → erledigt, which may be opened again; what needs a resolution
/// leads there too.
fn shelf() -> Shelf {
    Shelf {
        consistent: true,
        workflow: vec![
            ("offen", "verworfen", Some("Lösung")),
            ("offen", "in Arbeit", None),
            ("in Arbeit", "in Prüfung", None),
            ("in Prüfung", "erledigt", Some("Abnahme")),
            ("erledigt", "offen", None),
        ],
        ..Shelf::default()
    }
}

fn with_one(shelf: Shelf) -> (World, TicketId) {
    let w = of(shelf);
    let item =
        Item { key: "a".into(), summary: "s".into(), state: "offen".into(), ..Item::default() };
    w.shelf.items.lock().unwrap().push(item);
    (w, TicketId::new("0"))
}

fn field(name: &str, value: &str) -> TicketPatch {
    let mut with = TicketPatch::new();
    with.fields.insert(name.into(), value.into());
    with
}

#[tokio::test]
async fn an_update_sends_what_changes_and_nothing_where_nothing_does() {
    let (w, id) = with_one(shelf());
    let mut patch = field("Team", "blau");
    patch.summary = Some("s".into());
    let ticket = w.desk.update(&w.scope.call(), &id, &patch).await.unwrap();
    assert_eq!((ticket.fields["Team"].as_str(), w.writes()), ("blau", 1));
    w.desk.update(&w.scope.call(), &id, &patch).await.unwrap();
    assert_eq!(w.writes(), 1);
}

#[tokio::test]
async fn an_update_does_not_resolve() {
    let (w, id) = with_one(shelf());
    let mut patch = TicketPatch::new();
    patch.resolution = Some("behoben".into());
    let error = w.desk.update(&w.scope.call(), &id, &patch).await.unwrap_err();
    assert_eq!((error.kind(), w.writes()), (Kind::Invalid, 0));
}

#[tokio::test]
async fn a_field_that_the_product_drops_is_named() {
    for dropped in ["summary", "Team"] {
        let (w, id) = with_one(Shelf { dropped: Some(dropped), ..shelf() });
        let mut patch = field("Team", "blau");
        patch.summary = Some("t".into());
        let error = w.desk.update(&w.scope.call(), &id, &patch).await;
        // The shelf shows no field that was never set, so it tells nothing of "Team".
        match (dropped, error) {
            ("summary", Err(e)) => {
                assert_eq!((e.kind(), e.outcome()), (Kind::Forbidden, Outcome::Rejected));
                assert!(e.message().contains("left summary as before"), "{e}");
            }
            ("Team", Ok(_)) => {}
            (_, other) => panic!("{dropped}: {other:?}"),
        }
        w.shelf.items.lock().unwrap()[0].fields.insert("Team".into(), "rot".into());
        let error = w.desk.update(&w.scope.call(), &id, &field("Team", "grün")).await;
        assert_eq!(error.is_err(), dropped == "Team");
    }
}

#[tokio::test]
async fn an_update_whose_answer_was_lost_is_read_back() {
    for (fate, ok) in [(Fate::LostAfter, true), (Fate::LostBefore, false)] {
        let (w, id) = with_one(shelf());
        w.fates(&[fate]);
        let mut patch = TicketPatch::new();
        patch.summary = Some("t".into());
        let updated = w.desk.update(&w.scope.call(), &id, &patch).await;
        assert_eq!(updated.is_ok(), ok);
        if let Err(e) = updated {
            assert_eq!(e.outcome(), Outcome::Unknown);
        }
        assert_eq!(w.writes(), 1);
    }
}

#[tokio::test]
async fn t18_a_transition_goes_by_category_over_the_shortest_way_that_can_be_gone() {
    let (w, id) = with_one(shelf());
    let call = w.scope.call();
    // The short way needs a resolution; the long one an acceptance, which is given.
    let mut with = field("Abnahme", "ja");
    with.fields.insert("Notiz".into(), "zuletzt".into());
    let ticket = w.desk.transition(&call, &id, Done, &with).await.unwrap();
    assert_eq!((ticket.status, ticket.state.as_str(), w.writes()), (Done, "erledigt", 3));
    let held = &w.shelf.held()[0].fields;
    assert_eq!((held["Abnahme"].as_str(), held["Notiz"].as_str()), ("ja", "zuletzt"));
    // There already: nothing is sent.
    w.desk.transition(&call, &id, Done, &TicketPatch::new()).await.unwrap();
    assert_eq!(w.writes(), 3);
    let ticket = w.desk.transition(&call, &id, InProgress, &TicketPatch::new()).await.unwrap();
    assert_eq!((ticket.state.as_str(), w.writes()), ("in Arbeit", 5));
    assert!(w.desk.transition(&call, &id, New, &TicketPatch::new()).await.is_err());
    let mut with = TicketPatch::new();
    with.resolution = Some("Behoben".into());
    let (w, id) = with_one(shelf());
    let ticket = w.desk.transition(&w.scope.call(), &id, Done, &with).await.unwrap();
    assert_eq!((ticket.state.as_str(), w.writes()), ("verworfen", 1));
    assert_eq!(w.shelf.held()[0].fields["Lösung"], "1");
}

#[tokio::test]
async fn a_missing_field_is_named_and_nothing_is_moved_where_every_way_needs_one() {
    let mut all = shelf();
    all.workflow = vec![("offen", "verworfen", Some("Lösung"))];
    let (w, id) = with_one(all);
    let error = w.desk.transition(&w.scope.call(), &id, Done, &TicketPatch::new()).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), w.writes()), (Kind::Invalid, Outcome::Rejected, 0));
    assert!(error.message().contains("the field Lösung, one of: behoben"), "{error}");
}

#[tokio::test]
async fn a_step_is_taken_once_whatever_is_lost_and_never_believed_without_a_look() {
    for (fates, ok, takes) in [
        (&[Fate::LostAfter][..], true, 1),
        (&[Fate::LostBefore], true, 2),
        (&[Fate::LostBefore, Fate::LostBefore], false, 2),
        (&[Fate::Ignored], false, 1),
        (&[Fate::Refused], false, 1),
    ] {
        let (w, id) = with_one(shelf());
        w.fates(fates);
        let moved = w.desk.transition(&w.scope.call(), &id, InProgress, &TicketPatch::new()).await;
        assert_eq!((moved.is_ok(), w.writes()), (ok, takes), "{fates:?}: {moved:?}");
        match (fates[0], moved) {
            (Fate::Ignored, Err(e)) => {
                assert_eq!(e.kind(), Kind::Forbidden);
                assert!(e.message().contains("left the ticket in \"offen\""), "{e}");
            }
            (Fate::LostBefore, Err(e)) => assert_eq!(e.outcome(), Outcome::Unknown),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_file_is_attached_once_whatever_is_lost() {
    for fates in
        [&[][..], &[Fate::LostAfter], &[Fate::LostBefore], &[Fate::LostBefore, Fate::LostAfter]]
    {
        let (w, id) = with_one(shelf());
        w.fates(fates);
        let file = Attachment::new("log.txt", "text/plain", "one");
        let (w, call) = (Arc::new(w), 3);
        let tasks = (0..call).map(|_| {
            let (w, id, file) = (w.clone(), id.clone(), file.clone());
            tokio::spawn(async move { w.desk.attach(&w.scope.call(), &id, &file).await })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap().unwrap();
        }
        assert_eq!(w.shelf.held()[0].files, [("log.txt".to_owned(), 3)], "{fates:?}");
        // Another content under the same name is another file.
        let other = Attachment::new("log.txt", "text/plain", "longer");
        w.desk.attach(&w.scope.call(), &id, &other).await.unwrap();
        assert_eq!(w.shelf.held()[0].files.len(), 2);
    }
}

#[tokio::test]
async fn t16_what_the_product_cuts_is_attached_whole_once() {
    let w = of(shelf());
    let call = w.scope.call();
    let mut draft = w.scope.draft(TicketKey::given("a"), "short");
    draft.body = RichText::new().text("日本語 ".repeat(200));
    let id = w.desk.open(&call, &draft).await.unwrap().ticket().id.clone();
    let whole = |w: &World| w.shelf.held()[0].files.clone();
    assert_eq!(whole(&w)[0].0, "watchfloor-full-text.txt");
    assert_eq!(whole(&w)[0].1 as usize, "short\n\n\n".len() + draft.body.to_string().len());
    // Its text is another the next time.
    draft.body = RichText::new().text("日本語 ".repeat(300));
    w.desk.open(&call, &draft).await.unwrap();
    assert_eq!(whole(&w).len(), 1);
    let long = RichText::new().text("é".repeat(300));
    let comment = Comment::new(Marker::derive("a", "b"), long.clone());
    for _ in 0..2 {
        w.desk.comment(&call, &id, &comment).await.unwrap();
    }
    assert_eq!(whole(&w).len(), 2);
    assert!(whole(&w)[1].0.starts_with("comment-wf-"));
    let mut patch = TicketPatch::new();
    patch.summary = Some("x".repeat(50));
    w.desk.update(&call, &id, &patch).await.unwrap();
    assert_eq!(whole(&w).len(), 3);
}
