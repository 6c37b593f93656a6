use serde_json::json;
use watchfloor_core::{Kind, Outcome, Priority, RichText, TicketPatch};
use watchfloor_testkit::{Answer, Fault};

use super::world::{World, fields, world};

async fn update(
    w: &World,
    patch: &TicketPatch,
) -> watchfloor_core::Result<watchfloor_core::Ticket> {
    let id = w.opened("wf-1").await;
    w.desk.update(&w.scope.call(), &id, patch).await
}

#[tokio::test]
async fn an_update_sends_what_changes_and_reads_it_back() {
    let w = world().await;
    let mut patch = fields(&[("category", "security")]);
    patch.summary = Some("BOLA on /api/orders".to_owned());
    patch.body = Some(RichText::new().text("90 distinct orders"));
    patch.priority = Some(Priority::Critical);
    let ticket = update(&w, &patch).await.unwrap();
    assert_eq!(ticket.priority, Some(Priority::Critical));
    assert_eq!(ticket.body.as_deref(), Some("90 distinct orders"));
    assert_eq!(ticket.fields["category"], "security");
    let sent = w.instance.log().of("update");
    assert_eq!(sent.len(), 1);
    let expected = json!({
        "category": "security", "description": "90 distinct orders", "impact": "1", "urgency": "1",
    });
    assert_eq!(sent[0].request.json(), Some(expected), "the summary is as it was");
}

#[tokio::test]
async fn an_assignee_is_found_by_user_name_or_address_once() {
    let w = world().await;
    let bot = w.instance.add_user("ayumi", "ayumi@acme.example", true);
    w.instance.add_user("gone", "gone@acme.example", false);
    for name in ["ayumi", "Ayumi@Acme.example", "ayumi", bot.as_str()] {
        let mut patch = TicketPatch::new();
        patch.assignee = Some(name.to_owned());
        if name == "Ayumi@Acme.example" {
            // The instance compares addresses as they are written.
            assert_eq!(update(&w, &patch).await.unwrap_err().kind(), Kind::Invalid);
            continue;
        }
        let ticket = update(&w, &patch).await.unwrap();
        assert_eq!(ticket.assignee.as_deref(), Some(bot.as_str()));
    }
    assert_eq!(w.instance.script().count("user"), 2, "a name is looked up once");
    assert_eq!(w.instance.script().count("update"), 1);
    let mut nobody = TicketPatch::new();
    nobody.assignee = Some(String::new());
    assert_eq!(update(&w, &nobody).await.unwrap().assignee.as_deref(), Some(""));
    for unclear in ["gone", "nobody", "x^NQactive=true"] {
        let mut patch = TicketPatch::new();
        patch.assignee = Some(unclear.to_owned());
        let error = update(&w, &patch).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Kind::Invalid, Outcome::NotSent));
    }
}

#[tokio::test]
async fn two_users_of_one_address_are_not_guessed_between() {
    let w = world().await;
    w.instance.add_user("a", "team@acme.example", true);
    w.instance.add_user("b", "team@acme.example", true);
    let mut patch = TicketPatch::new();
    patch.assignee = Some("team@acme.example".to_owned());
    let error = update(&w, &patch).await.unwrap_err();
    assert!(error.to_string().contains("more than one"), "{error}");
    assert_eq!(w.instance.script().count("update"), 0);
}

#[tokio::test]
async fn a_field_that_is_dropped_without_a_word_is_named() {
    let w = world().await;
    w.instance.lock_column("category");
    let error = update(&w, &fields(&[("category", "security")])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    assert!(error.to_string().contains("category"), "{error}");
}

#[tokio::test]
async fn what_appends_what_is_not_there_and_what_the_platform_keeps_is_refused_before_a_write() {
    let w = world().await;
    for name in ["work_notes", "comments", "sys_created_on", "correlation_id", "u_none", "a^b"] {
        let error = update(&w, &fields(&[(name, "x")])).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Kind::Invalid, Outcome::NotSent), "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(w.instance.script().count("update"), 0);
}

#[tokio::test]
async fn an_update_whose_answer_was_lost_is_read_back() {
    for fault in [Fault::ResetAfter, Fault::HalfBody, Fault::After(Answer::new(202))] {
        let w = world().await;
        let id = w.opened("wf-1").await;
        w.instance.script().on("update", 1, fault);
        let patch = fields(&[("category", "security")]);
        let ticket = w.desk.update(&w.scope.call(), &id, &patch).await.unwrap();
        assert_eq!(ticket.fields["category"], "security");
    }
}

#[tokio::test]
async fn text_is_cut_to_what_the_instance_says_that_a_column_holds() {
    let w = world().await;
    w.instance.set_length("short_description", 20);
    let mut patch = TicketPatch::new();
    patch.summary = Some("😀".repeat(30));
    let ticket = update(&w, &patch).await.unwrap();
    assert_eq!(ticket.summary, format!("{}…", "😀".repeat(9)));
    let again = update(&w, &patch).await.unwrap();
    assert_eq!(again.summary, ticket.summary);
    assert_eq!(w.instance.script().count("update"), 1, "it is as it would be held");
}

#[tokio::test]
async fn one_who_left_gets_nothing_also_where_the_instance_passes_over_conditions() {
    for passed_over in [&["active"][..], &["active", "user_name", "email"]] {
        let w = world().await;
        w.instance.add_user("gone", "gone@acme.example", false);
        w.instance.add_user("stranger", "stranger@acme.example", true);
        for column in passed_over {
            w.instance.pass_over(column);
        }
        let mut patch = TicketPatch::new();
        patch.assignee = Some("gone".to_owned());
        assert_eq!(update(&w, &patch).await.unwrap_err().kind(), Kind::Invalid);
        assert_eq!(w.instance.script().count("update"), 0);
    }
}
