//! Updates: only what changes is sent, and labels stay people's.

use serde_json::json;
use watchfloor_core::{Kind, Priority, RichText, TicketPatch};
use watchfloor_testkit::Fault;

use super::{BOTH, Product, World};

fn patch(change: impl FnOnce(&mut TicketPatch)) -> TicketPatch {
    let mut patch = TicketPatch::new();
    change(&mut patch);
    patch
}

#[tokio::test]
async fn an_update_sends_what_changes_and_a_second_one_nothing() {
    for product in BOTH {
        let w = World::new(product).await;
        let id = w.ticket("wf-1").await;
        let change = patch(|p| {
            p.summary = Some("They walk\nthrough order ids".into());
            p.body = Some(RichText::new().heading(2, "Seen").list(["a *b*", "c"]));
            p.priority = Some(Priority::Critical);
        });
        let ticket = w.desk.update(&w.call(), &id, &change).await.unwrap();
        assert_eq!(ticket.priority, Some(Priority::Critical));
        assert_eq!(w.count("edit"), 1);
        let sent = w.site.log().all();
        let sent = sent.iter().rfind(|r| r.operation == "edit").unwrap().request.json().unwrap();
        let names: Vec<_> = sent["fields"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["description", "priority"], "the summary stands");
        w.desk.update(&w.call(), &id, &change).await.unwrap();
        assert_eq!(w.count("edit"), 1, "all of it stands");
        let held = &w.site.held()[0];
        assert_eq!(held.labels, ["wf-1"], "labels are nobody's to overwrite");
        assert!(held.description.contains("a *b*"), "{}", held.description);
    }
}

#[tokio::test]
async fn an_assignee_is_an_id_an_address_or_nobody() {
    for product in BOTH {
        let w = World::with(
            product,
            |site| {
                site.user("5b10", "Ada L", "ada@twin.example")
                    .user("5b11", "Bob", "bob@twin.example")
                    .user("5b12", "Bob Two", "bob2@twin.example")
                    .user("5b13", "Bob Two Junior", "bob3@twin.example")
            },
            |_| (),
        )
        .await;
        let id = w.ticket("wf-1").await;
        let give = |who: &str| {
            let change = patch(|p| p.assignee = Some(who.into()));
            let (desk, call, id) = (w.desk.clone(), w.call(), id.clone());
            async move { desk.update(&call, &id, &change).await }
        };
        for (word, held) in [
            ("5b11", Some("5b11")),
            ("ada@twin.example", Some("5b10")),
            ("5b10", Some("5b10")),
            ("ADA l", Some("5b10")),
            ("bob@twin.example", Some("5b11")),
            // It begins like another's name, and is somebody's own.
            ("Bob Two", Some("5b12")),
            ("", None),
        ] {
            give(word).await.unwrap();
            assert_eq!(w.site.held()[0].assignee.as_deref(), held, "{product:?} {word}");
        }
        let asked = w.count("assignable");
        give("ada@twin.example").await.unwrap();
        assert_eq!(w.count("assignable"), asked, "who that is was looked up before");
        let edits = w.count("edit");
        for nobody in ["carl@twin.example", "bo b", "bob t"] {
            let error = give(nobody).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{error}");
            assert!(!error.to_string().contains(nobody), "people's names stay out of errors");
        }
        assert_eq!(w.count("edit"), edits);
    }
}

#[tokio::test]
async fn labels_are_not_set_by_an_update() {
    let w = World::new(Product::Cloud).await;
    let id = w.ticket("wf-1").await;
    let change = patch(|p| drop(p.fields.insert("labels".into(), "mine".into())));
    let error = w.desk.update(&w.call(), &id, &change).await.unwrap_err();
    assert_eq!((error.kind(), w.count("edit")), (Kind::Invalid, 0));
}

#[tokio::test]
async fn a_field_is_read_back_in_the_words_in_which_it_is_set() {
    for product in BOTH {
        let w = World::with(
            product,
            |site| site.demanded_field("customfield_10050"),
            |entries| entries["fields"] = json!({ "customfield_10050": "first" }),
        )
        .await;
        let id = w.ticket("wf-1").await;
        let change = patch(|p| drop(p.fields.insert("customfield_10050".into(), "second".into())));
        let ticket = w.desk.update(&w.call(), &id, &change).await.unwrap();
        assert_eq!(ticket.fields["customfield_10050"], "second");
        let bad = patch(|p| drop(p.fields.insert("a,b".into(), "x".into())));
        assert_eq!(w.desk.update(&w.call(), &id, &bad).await.unwrap_err().kind(), Kind::Invalid);
    }
}

#[tokio::test]
async fn an_issue_that_was_moved_is_read_under_its_id_with_its_new_key() {
    for product in BOTH {
        let w = World::new(product).await;
        let id = w.ticket("wf-1").await;
        w.site.rename(id.as_str(), "OPS-9");
        let ticket = w.desk.get(&w.call(), &id).await.unwrap();
        assert_eq!((ticket.id, ticket.display.as_str()), (id, "OPS-9"));
        assert!(ticket.url.unwrap().ends_with("/browse/OPS-9"));
    }
}

#[tokio::test]
async fn an_update_whose_answer_was_lost_is_made_once_more_at_most() {
    for product in BOTH {
        let w = World::new(product).await;
        let id = w.ticket("wf-1").await;
        w.site.script().on("edit", 1, Fault::ResetAfter);
        let change = patch(|p| p.summary = Some("new".into()));
        w.desk.update(&w.call(), &id, &change).await.unwrap();
        assert_eq!(w.site.held()[0].summary, "new");
    }
}
