//! What a project's screen lacks or demands, and what a check says of it.

use std::time::Duration;

use serde_json::json;
use watchfloor_core::{Kind, Outcome, RichText, Stage, TicketKey};
use watchfloor_testkit::Fault;

use super::{BOTH, World};

#[tokio::test]
async fn what_cannot_be_set_is_left_out_and_the_ticket_is_made() {
    for product in BOTH {
        let site = |site: watchfloor_testkit::twins::Jira| {
            site.without_field("priority").without_field("description").without_field("components")
        };
        let w = World::with(product, site, |_| ()).await;
        let mut draft = w.scope.draft(TicketKey::given("wf-1"), "s");
        draft.body = RichText::new().text("text");
        let route = watchfloor_core::Route::new("x", "y").at("component", "identity");
        draft.route = Some(route);
        w.desk.open(&w.call(), &draft).await.unwrap();
        let held = &w.site.held()[0];
        assert_eq!((held.priority.as_deref(), held.components.len()), (None, 0));
    }
}

#[tokio::test]
async fn a_screen_is_asked_once_in_half_an_hour_and_page_by_page() {
    for product in BOTH {
        let w = World::new(product).await;
        w.ticket("wf-1").await;
        let asked = w.count("fields");
        assert_eq!((w.count("types"), asked), (1, 2), "eight fields, five a page");
        w.ticket("wf-2").await;
        assert_eq!(w.count("fields"), asked);
        w.clock.advance(Duration::from_secs(31 * 60));
        w.ticket("wf-3").await;
        assert_eq!(w.count("fields"), 2 * asked);
    }
}

#[tokio::test]
async fn without_a_label_and_without_a_store_nothing_is_created() {
    for product in BOTH {
        let w = World::with(product, |site| site.without_field("labels"), |_| ()).await;
        let draft = w.scope.draft(TicketKey::given("wf-1"), "s");
        let error = w.desk.open(&w.call(), &draft).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Kind::Config, Outcome::NotSent));
        assert_eq!(w.count("create"), 0);
        let health = w.desk.check(&w.call()).await;
        let (stage, why) = health.failure().unwrap();
        assert_eq!(stage, Stage::Degraded);
        assert!(why.contains("labels"), "{why}");
    }
}

#[tokio::test]
async fn with_a_claim_in_the_project_a_ticket_without_a_label_is_made() {
    for product in BOTH {
        let claim = |entries: &mut serde_json::Value| entries["claim"] = json!("project_property");
        let w = World::with(product, |site| site.without_field("labels"), claim).await;
        w.ticket("wf-1").await;
        assert_eq!(w.site.held().len(), 1);
    }
}

#[tokio::test]
async fn a_field_that_is_demanded_is_named_by_a_check_and_given_by_the_configuration() {
    for product in BOTH {
        let site = |site: watchfloor_testkit::twins::Jira| site.demanded_field("customfield_10050");
        let w = World::with(product, site, |_| ()).await;
        let health = w.desk.check(&w.call()).await;
        assert!(health.failure().unwrap().1.contains("customfield_10050"));
        let given = |entries: &mut serde_json::Value| {
            entries["fields"] = json!({ "customfield_10050": "x" });
        };
        let w = World::with(product, site, given).await;
        assert!(w.desk.check(&w.call()).await.is_good());
        w.ticket("wf-1").await;
        assert_eq!(w.site.held().len(), 1);
    }
}

#[tokio::test]
async fn a_screen_that_is_not_told_stops_nothing() {
    for product in BOTH {
        let w = World::new(product).await;
        w.site.script().on("types", 1, Fault::status(403));
        w.ticket("wf-1").await;
        assert_eq!(w.site.held()[0].labels, ["wf-1"]);
    }
}

#[tokio::test]
async fn a_check_names_what_will_not_work() {
    for product in BOTH {
        for (permission, stage) in [
            ("CREATE_ISSUES", Stage::Authorised),
            ("ADD_COMMENTS", Stage::Authorised),
            ("TRANSITION_ISSUES", Stage::Degraded),
            ("CREATE_ATTACHMENTS", Stage::Degraded),
            ("LINK_ISSUES", Stage::Degraded),
            ("EDIT_ISSUES", Stage::Degraded),
        ] {
            let lacks =
                |site: watchfloor_testkit::twins::Jira| site.without_permission("SEC", permission);
            let w = World::with(product, lacks, |_| ()).await;
            let health = w.desk.check(&w.call()).await;
            let (failed, why) = health.failure().unwrap();
            assert_eq!((failed, why.contains(permission)), (stage, true), "{why}");
        }
    }
}
