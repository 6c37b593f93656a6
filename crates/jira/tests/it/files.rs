//! Files, and texts of every script.

use watchfloor_core::{Attachment, Comment, Kind, Marker, Outcome, RichText, TicketKey};
use watchfloor_testkit::Fault;

use super::{BOTH, World};

#[tokio::test]
async fn a_file_is_attached_once_with_its_name() {
    for product in BOTH {
        let w = World::new(product).await;
        let id = w.ticket("wf-1").await;
        w.site.script().on("attach", 1, Fault::ResetAfter);
        let file = Attachment::new("証拠 \"1\".txt", "text/plain", "a\r\nb\0");
        for _ in 0..2 {
            w.desk.attach(&w.call(), &id, &file).await.unwrap();
        }
        let files = &w.site.held()[0].files;
        assert_eq!(files, &[(file.name.clone(), file.bytes.clone())]);
        assert_eq!(w.count("attachment-meta"), 1);
    }
}

#[tokio::test]
async fn a_file_beyond_the_site_s_limit_is_not_sent() {
    for product in BOTH {
        let w = World::with(product, |site| site.upload_limit(3), |_| ()).await;
        let id = w.ticket("wf-1").await;
        let file = Attachment::new("a", "text/plain", "four");
        let error = w.desk.attach(&w.call(), &id, &file).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Kind::TooLarge, Outcome::NotSent));
        assert_eq!(w.count("attach"), 0);
    }
}

#[tokio::test]
async fn t16_texts_of_every_script_arrive_and_what_is_cut_is_attached() {
    for product in BOTH {
        for unit in ["日本語", "👩‍💻", "مرحبا", "e\u{301}", "a\u{202e}b"] {
            let w = World::new(product).await;
            let key = TicketKey::given(unit);
            let mut draft = w.scope.draft(key.clone(), unit.repeat(200));
            let long = unit.repeat(20_000);
            draft.body = RichText::new().text(unit).code(unit).list([unit]).text(long.clone());
            draft.labels = vec![format!("{unit} {unit}")];
            let id = w.desk.open(&w.call(), &draft).await.unwrap().ticket().id.clone();
            let found = w.desk.find(&w.call(), &key).await.unwrap();
            assert_eq!(found.unwrap().id, id);
            let comment =
                Comment::new(Marker::derive(unit, "x"), RichText::new().text(long.clone()));
            w.desk.comment(&w.call(), &id, &comment).await.unwrap();
            let held = &w.site.held()[0];
            assert_eq!(held.labels, [key.as_str().to_owned(), format!("{unit}-{unit}")]);
            assert!(unit.repeat(200).starts_with(held.summary.trim_end_matches('…')));
            assert!(held.description.starts_with(unit) && held.description.ends_with('…'));
            assert!(comment.marker.is_in(&held.comments[0]));
            assert_eq!(held.files.len(), 2, "the whole of the ticket and of the comment");
            let whole = String::from_utf8(held.files[0].1.to_vec()).unwrap();
            assert!(whole.contains(&long), "{product:?} {unit}");
        }
    }
}

#[tokio::test]
async fn a_site_with_another_limit_is_told_so() {
    for product in BOTH {
        let w = World::with(
            product,
            |site| site.text_limit(2000),
            |entries| entries["text_limit"] = 2000.into(),
        )
        .await;
        let mut draft = w.scope.draft(TicketKey::given("wf-1"), "long");
        draft.body = RichText::new().text("-x ".repeat(3000));
        w.desk.open(&w.call(), &draft).await.unwrap();
        assert!(w.site.held()[0].description.ends_with('…'));
        assert_eq!(w.site.held()[0].files.len(), 1);
    }
}

#[tokio::test]
async fn a_comment_is_known_by_its_mark_among_more_than_a_page() {
    for product in BOTH {
        let w = World::new(product).await;
        let id = w.ticket("wf-1").await;
        let comment = |n: usize| {
            let text = RichText::new().text("[~admin] {code} blocked");
            Comment::new(Marker::derive("wf-1", &n.to_string()), text)
        };
        for n in 0..120 {
            w.desk.comment(&w.call(), &id, &comment(n)).await.unwrap();
        }
        w.desk.comment(&w.call(), &id, &comment(0)).await.unwrap();
        let held = &w.site.held()[0].comments;
        assert_eq!(held.len(), 120);
        assert!(held[0].starts_with("[~admin] {code} blocked\n"), "{}", held[0]);
    }
}
