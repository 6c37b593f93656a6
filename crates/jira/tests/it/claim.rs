//! Claims in properties of the project: who may create the ticket of a key.

use serde_json::{Value, json};
use watchfloor_core::{Kind, Opened, Outcome, TicketKey};
use watchfloor_testkit::Fault;

use super::{BOTH, World, connector};

fn claims(entries: &mut Value) {
    entries["claim"] = json!("project_property");
}

#[tokio::test]
async fn one_of_two_processes_creates_the_ticket_though_the_search_lags() {
    for product in BOTH {
        let w = World::with(product, |site| site.search_lag(6), claims).await;
        let mut entries = product.entries(&w.site.url());
        claims(&mut entries);
        let other = connector(w.clock.clone(), &entries).desk.unwrap();
        let draft = w.scope.draft(TicketKey::given("wf-1"), "s");
        let calls = (w.call(), w.call());
        let (a, b) = tokio::join!(w.desk.open(&calls.0, &draft), other.open(&calls.1, &draft));
        assert_eq!(w.site.held().len(), 1, "{product:?}");
        let opened = [a.unwrap(), b.unwrap()];
        let created = opened.iter().filter(|o| matches!(o, Opened::Created(_)));
        assert_eq!(created.count(), 1);
    }
}

#[tokio::test]
async fn a_key_that_another_claimed_and_never_used_is_honestly_unknown() {
    for product in BOTH {
        let w = World::with(product, |site| site, claims).await;
        let property = Fault::Instead(watchfloor_testkit::Answer::json(
            200,
            &json!({ "key": "watchfloor.wf-1", "value": { "owner": "somebody", "v": 1 } }),
        ));
        for nth in 1..=3 {
            w.site.script().on("project-property", nth, property.clone());
        }
        let draft = w.scope.draft(TicketKey::given("wf-1"), "s");
        let error = w.desk.open(&w.call(), &draft).await.unwrap_err();
        assert_eq!((error.outcome(), w.count("create")), (Outcome::Unknown, 0), "{error}");
    }
}

#[tokio::test]
async fn a_claim_of_our_own_is_kept_after_its_create_was_refused() {
    for product in BOTH {
        let w = World::with(product, |site| site, claims).await;
        w.site.script().on("create", 1, Fault::status(400));
        let draft = w.scope.draft(TicketKey::given("wf-1"), "s");
        assert_eq!(w.desk.open(&w.call(), &draft).await.unwrap_err().kind(), Kind::Invalid);
        assert!(matches!(w.desk.open(&w.call(), &draft).await, Ok(Opened::Created(_))));
        assert_eq!(w.count("set-project-property"), 1);
    }
}

#[tokio::test]
async fn without_the_right_to_administer_a_claim_is_refused_and_nothing_is_created() {
    for product in BOTH {
        let lacks = |site: watchfloor_testkit::twins::Jira| {
            site.without_permission("SEC", "ADMINISTER_PROJECTS")
        };
        let w = World::with(product, lacks, claims).await;
        let draft = w.scope.draft(TicketKey::given("wf-1"), "s");
        let error = w.desk.open(&w.call(), &draft).await.unwrap_err();
        assert_eq!((error.kind(), w.count("create")), (Kind::Forbidden, 0));
        let health = w.desk.check(&w.call()).await;
        assert!(health.failure().unwrap().1.contains("ADMINISTER_PROJECTS"));
    }
}

#[tokio::test]
async fn duplicates_are_tied_by_a_link_of_the_configured_type() {
    for product in BOTH {
        for (link, tied) in [("Duplicate", true), ("Relates", true), ("Nonsense", false)] {
            let name = |entries: &mut Value| entries["duplicate_link"] = json!(link);
            let w = World::with(product, |site| site, name).await;
            let older = w.site.plant("wf-1");
            w.clock.advance(std::time::Duration::from_secs(5));
            w.site.plant("wf-1");
            let id = w.ticket("wf-1").await;
            assert_eq!(id.as_str(), older);
            let younger = &w.site.held()[1];
            let links = [(link.to_owned(), older)];
            assert_eq!(younger.links, if tied { &links[..] } else { &[] });
        }
    }
}
