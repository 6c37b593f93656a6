//! Moves through workflows, and how tickets end.

use serde_json::json;
use watchfloor_core::{Kind, StatusCategory, TicketPatch};
use watchfloor_testkit::twins::JiraWorkflow;
use watchfloor_testkit::{Answer, Fault};

use super::{BOTH, World};

use StatusCategory::{Done, New};

fn ending(resolutions: &[(&str, &str)]) -> JiraWorkflow {
    let workflow = JiraWorkflow::empty()
        .status("1", "Open", "new")
        .status("9", "Closed", "done")
        .step("5", "Close", Some("1"), "9")
        .demands_in("resolution")
        .step("6", "Reopen", Some("9"), "1");
    resolutions.iter().fold(workflow, |w, (id, name)| w.resolution(id, name))
}

#[tokio::test]
async fn t18_a_ticket_is_done_over_the_steps_that_there_are_with_a_resolution() {
    for product in BOTH {
        let w = World::new(product).await;
        let id = w.ticket("wf-1").await;
        let ticket = w.desk.transition(&w.call(), &id, Done, &TicketPatch::new()).await.unwrap();
        assert_eq!((ticket.status, ticket.state.as_str()), (Done, "10002"));
        assert_eq!(w.count("transition"), 2, "over In Progress");
        assert_eq!(w.site.held()[0].resolution.as_deref(), Some("10000"));
    }
}

#[tokio::test]
async fn the_resolution_is_the_one_that_is_named_configured_single_or_done() {
    let both = [("1", "Erledigt"), ("2", "Duplicate")];
    for (resolutions, configured, named, held) in [
        (&both[..], Some("erledigt"), None, Some("1")),
        (&both[..], Some("erledigt"), Some("duplicate"), Some("2")),
        (&both[..1], None, None, Some("1")),
        (&[("1", "Fixed"), ("2", "Done")][..], None, None, Some("2")),
        (&both[..], None, None, None),
        (&both[..], Some("Fixed"), None, None),
    ] {
        for product in BOTH {
            let w = World::with(
                product,
                |site| site.workflow(ending(resolutions)),
                |entries| {
                    if let Some(configured) = configured {
                        entries["resolution"] = json!(configured);
                    }
                },
            )
            .await;
            let id = w.ticket("wf-1").await;
            let mut with = TicketPatch::new();
            with.resolution = named.map(str::to_owned);
            let moved = w.desk.transition(&w.call(), &id, Done, &with).await;
            if held.is_none() {
                let error = moved.unwrap_err();
                assert!(error.to_string().contains("resolution"), "{error}");
                assert_eq!((error.kind(), w.count("transition")), (Kind::Invalid, 0));
            }
            assert_eq!(w.site.held()[0].resolution.as_deref(), held);
        }
    }
}

#[tokio::test]
async fn a_field_that_a_step_demands_may_be_configured() {
    for product in BOTH {
        let field = "customfield_10100";
        let w = World::with(
            product,
            |site| {
                site.demanded_field(field)
                    .workflow(JiraWorkflow::default().demands_at_the_end(field))
            },
            |entries| entries["fields"] = json!({ field: "because" }),
        )
        .await;
        let id = w.ticket("wf-1").await;
        w.desk.transition(&w.call(), &id, Done, &TicketPatch::new()).await.unwrap();
    }
}

#[tokio::test]
async fn a_conflict_with_another_s_change_is_settled_by_a_look() {
    for product in BOTH {
        let w = World::new(product).await;
        let id = w.ticket("wf-1").await;
        let conflict = Answer::json(409, &json!({ "errorMessages": ["conflict"], "errors": {} }));
        w.site.script().on("transition", 1, Fault::Instead(conflict));
        w.desk.transition(&w.call(), &id, Done, &TicketPatch::new()).await.unwrap();
        let back = w.desk.transition(&w.call(), &id, New, &TicketPatch::new()).await.unwrap();
        assert_eq!(back.status, New);
    }
}

#[tokio::test]
async fn without_the_right_to_move_there_is_no_way() {
    for product in BOTH {
        let lacks = |site: watchfloor_testkit::twins::Jira| {
            site.without_permission("SEC", "TRANSITION_ISSUES")
        };
        let w = World::with(product, lacks, |_| ()).await;
        let id = w.ticket("wf-1").await;
        let moved = w.desk.transition(&w.call(), &id, Done, &TicketPatch::new()).await;
        assert_eq!(moved.unwrap_err().kind(), Kind::Refused);
    }
}
