use serde_json::json;
use watchfloor_core::{Attachment, Comment, Kind, Marker, RichText};
use watchfloor_testkit::{Answer, Fault};

use super::world::{world, world_with};

#[tokio::test]
async fn a_comment_is_added_once_as_a_work_note() {
    let w = world().await;
    let id = w.open("wf-1").await.unwrap().ticket().id.clone();
    w.instance.script().on("update", 1, Fault::ResetAfter);
    let marker = Marker::derive("wf-1", "block");
    let text = RichText::new().text("blocked [code]<b>x</b>[/code]");
    let comment = Comment::new(marker.clone(), text);
    for _ in 0..3 {
        w.desk.comment(&w.scope.call(), &id, &comment).await.unwrap();
    }
    let notes = &w.instance.held("incident")[0].work_notes;
    assert_eq!(notes.len(), 1);
    assert!(marker.is_in(&notes[0]) && notes[0].starts_with("blocked"));
    assert!(!notes[0].contains("[code]"), "HTML from outside stays inert");
    assert!(w.desk.has_comment(&w.scope.call(), &id, &marker).await.unwrap());
}

#[tokio::test]
async fn a_comment_may_be_for_the_caller() {
    let w = world_with(|twin| twin, &json!({ "comment_as": "comments" })).await;
    let id = w.opened("wf-1").await;
    let comment = Comment::new(Marker::derive("wf-1", "x"), RichText::new().text("for you"));
    for _ in 0..2 {
        w.desk.comment(&w.scope.call(), &id, &comment).await.unwrap();
    }
    let held = &w.instance.held("incident")[0];
    assert!(held.work_notes.is_empty() && held.comments.len() == 1, "{held:?}");
}

#[tokio::test]
async fn where_the_journal_is_hidden_nothing_is_said_twice() {
    for deny in [false, true] {
        let w = world().await;
        let id = w.opened("wf-1").await;
        let comment = Comment::new(Marker::derive("wf-1", "x"), RichText::new().text("once"));
        w.desk.comment(&w.scope.call(), &id, &comment).await.unwrap();
        if deny {
            w.instance.deny_table("sys_journal_field");
        } else {
            w.instance.hide_rows("sys_journal_field");
        }
        let error = w.desk.comment(&w.scope.call(), &id, &comment).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Forbidden, "{error}");
        assert_eq!(w.instance.held("incident")[0].work_notes.len(), 1);
    }
}

#[tokio::test]
async fn text_of_every_script_arrives() {
    for text in
        ["不正アクセスの検知", "👩‍👩‍👧‍👦 🚨", "هجوم \u{200f}API\u{200e}", "e\u{301}\u{323}", "𠮷野家"]
    {
        let w = world().await;
        let mut draft = w.draft("wf-1");
        draft.summary = text.to_owned();
        draft.body = RichText::new().text(text);
        let id = w.desk.open(&w.scope.call(), &draft).await.unwrap().ticket().id.clone();
        let comment = Comment::new(Marker::derive("wf-1", text), RichText::new().text(text));
        w.desk.comment(&w.scope.call(), &id, &comment).await.unwrap();
        let file = Attachment::new(format!("{text}.txt"), "text/plain; charset=utf-8", text);
        w.desk.attach(&w.scope.call(), &id, &file).await.unwrap();
        let held = &w.instance.held("incident")[0];
        assert_eq!(held.fields["short_description"], text);
        assert_eq!(held.fields["description"], text);
        assert!(held.work_notes[0].starts_with(text));
        assert_eq!(held.files, [(file.name, file.bytes)]);
    }
}

#[tokio::test]
async fn what_the_columns_cut_is_attached_whole() {
    let w = world().await;
    w.instance.set_length("description", 200);
    w.instance.set_length("work_notes", 200);
    let long = "😀".repeat(150);
    let mut draft = w.draft("wf-1");
    draft.body = RichText::new().text(long.as_str());
    let id = w.desk.open(&w.scope.call(), &draft).await.unwrap().ticket().id.clone();
    let marker = Marker::derive("wf-1", "x");
    let comment = Comment::new(marker.clone(), RichText::new().text(long.as_str()));
    w.desk.comment(&w.scope.call(), &id, &comment).await.unwrap();
    let held = &w.instance.held("incident")[0];
    assert!(held.fields["description"].ends_with('…'), "cut here, not by the instance");
    assert!(marker.is_in(&held.work_notes[0]), "{}", held.work_notes[0]);
    assert_eq!(held.files.len(), 2);
    for (name, bytes) in &held.files {
        assert!(std::str::from_utf8(bytes).unwrap().contains(&long), "{name}");
    }
}

#[tokio::test]
async fn a_file_is_attached_once_also_after_a_lost_answer() {
    for fault in [Fault::ResetAfter, Fault::HalfBody, Fault::After(Answer::new(202))] {
        let w = world().await;
        let id = w.opened("wf-1").await;
        w.instance.script().on("attach", 1, fault);
        let file = Attachment::new("evidence 1.json", "application/json", "{}");
        for _ in 0..2 {
            w.desk.attach(&w.scope.call(), &id, &file).await.unwrap();
        }
        let held = &w.instance.held("incident")[0].files;
        assert_eq!(held[..], [("evidence 1.json".to_owned(), "{}".into())]);
        assert_eq!(w.instance.script().count("attach"), 1);
    }
}

#[tokio::test]
async fn where_files_are_hidden_none_is_attached_twice() {
    let w = world().await;
    let id = w.opened("wf-1").await;
    let file = Attachment::new("e.json", "application/json", "{}");
    w.desk.attach(&w.scope.call(), &id, &file).await.unwrap();
    w.instance.hide_rows("sys_attachment");
    let error = w.desk.attach(&w.scope.call(), &id, &file).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden, "{error}");
    assert_eq!(w.instance.held("incident")[0].files.len(), 1);
}
