use watchfloor_core::{
    Comment, Kind, Marker, Opened, Outcome, RichText, Route, Stage, TicketDraft, TicketId,
    TicketKey,
};
use watchfloor_testkit::Fault;

use super::{BOTH, Product, World};

async fn world(product: Product, lag: u64) -> World {
    World::with(product, |site| site.search_lag(lag), |_| ()).await
}

impl World {
    fn draft(&self, key: &str) -> TicketDraft {
        let mut draft = self.scope.draft(TicketKey::given(key), "BOLA on\n/api/orders");
        draft.body = RichText::new().text("80 distinct\norders").code("GET /api/orders/7");
        draft.labels.push("attack type".into());
        let route = Route::new("orders", "it owns /api/orders");
        draft.route = Some(route.at("project", "SHOP").at("component", "orders"));
        draft
    }

    async fn open(&self, key: &str) -> watchfloor_core::Result<Opened> {
        self.desk.open(&self.call(), &self.draft(key)).await
    }
}

#[tokio::test]
async fn a_ticket_is_opened_in_its_project_and_found_again() {
    for product in BOTH {
        let w = world(product, 0).await;
        let Opened::Created(ticket) = w.open("wf-1").await.unwrap() else { panic!("created") };
        assert_eq!((&*ticket.place["project"], &*ticket.place["component"]), ("SHOP", "orders"));
        assert_eq!(ticket.key, Some(TicketKey::given("wf-1")));
        assert_eq!(ticket.display, "SHOP-1");
        assert!(ticket.url.as_deref().unwrap().ends_with("/browse/SHOP-1"));
        let read = w.desk.get(&w.call(), &ticket.id).await.unwrap();
        assert!(read.created.is_some());
        let held = &w.site.held()[0];
        assert_eq!(held.labels, ["wf-1", "attack-type"]);
        assert_eq!(held.summary, "BOLA on /api/orders");
        assert_eq!(
            held.description.replace("\n\n", "\n"),
            "80 distinct\norders\nGET /api/orders/7"
        );
        assert!(matches!(w.open("wf-1").await, Ok(Opened::Existing(t)) if t.id == ticket.id));
        let found = w.desk.find(&w.call(), &TicketKey::given("wf-1")).await.unwrap().unwrap();
        assert_eq!(found.id, ticket.id);
        assert_eq!(w.desk.find(&w.call(), &TicketKey::given("wf-2")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn t06_a_ticket_whose_answer_was_lost_is_found_though_the_search_lags() {
    for product in BOTH {
        for fault in [Fault::ResetAfter, Fault::HalfBody] {
            let w = world(product, 4).await;
            w.site.script().on("create", 1, fault);
            assert!(matches!(w.open("wf-1").await, Ok(Opened::Created(_))));
            assert_eq!(w.site.held().len(), 1);
            assert_eq!(w.site.script().count("create"), 1);
        }
    }
}

#[tokio::test]
async fn a_ticket_just_created_is_existing_though_the_search_lags() {
    for product in BOTH {
        let w = world(product, 1000).await;
        let id = w.open("wf-1").await.unwrap().ticket().id.clone();
        assert!(matches!(w.open("wf-1").await, Ok(Opened::Existing(t)) if t.id == id));
        assert_eq!(w.site.held().len(), 1);
    }
}

#[tokio::test]
async fn t28_no_ticket_is_created_on_an_expired_token_s_empty_result() {
    for product in BOTH {
        let w = world(product, 0).await;
        w.site.script().on("search", 1, Fault::ExpireCredential);
        let error = w.open("wf-1").await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Kind::Unauthenticated, Outcome::Rejected));
        assert_eq!(w.site.script().count("create"), 0);
        assert_eq!(w.site.log().all().len(), 2, "what it is, and whether the ticket is there");
    }
}

#[tokio::test]
async fn a_request_that_was_lost_on_its_way_stays_unknown_and_is_not_repeated() {
    for product in BOTH {
        let w = world(product, 0).await;
        w.site.script().on("create", 1, Fault::ResetBefore);
        let error = w.open("wf-1").await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!(w.site.script().count("create"), 1, "a lagging search's no is not believed");
    }
}

#[tokio::test]
async fn a_comment_is_added_once() {
    for product in BOTH {
        let w = world(product, 0).await;
        let id = w.open("wf-1").await.unwrap().ticket().id.clone();
        w.site.script().on("comment", 1, Fault::ResetAfter);
        let marker = Marker::derive("wf-1", "block");
        let comment = Comment::new(marker.clone(), RichText::new().text("blocked"));
        for _ in 0..3 {
            w.desk.comment(&w.call(), &id, &comment).await.unwrap();
        }
        let comments = &w.site.held()[0].comments;
        assert_eq!(comments.len(), 1);
        assert!(marker.is_in(&comments[0]) && comments[0].starts_with("blocked"));
        assert!(w.desk.has_comment(&w.call(), &id, &marker).await.unwrap());
    }
}

#[tokio::test]
async fn a_refused_field_is_named() {
    for product in BOTH {
        let w = world(product, 0).await;
        let mut draft = w.draft("wf-1");
        draft.route = Some(Route::new("x", "y").at("project", "SHOP").at("component", "nobody"));
        let error = w.desk.open(&w.call(), &draft).await.unwrap_err();
        assert!(error.to_string().contains("components"), "{error}");
        assert!(w.site.held().is_empty());
    }
}

#[tokio::test]
async fn t21_an_id_that_is_none_never_reaches_the_wire() {
    for product in BOTH {
        let w = world(product, 0).await;
        for id in ["../myself", "SEC-7?x", ""] {
            let error = w.desk.get(&w.call(), &TicketId::new(id)).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid);
        }
        assert!(w.site.log().all().is_empty());
    }
}

#[tokio::test]
async fn a_check_tells_what_is_wrong() {
    for product in BOTH {
        let stage = |w: &World| {
            let (call, desk) = (w.call(), w.desk.clone());
            async move { desk.check(&call).await.failure().map(|(stage, _)| stage) }
        };
        let w = world(product, 0).await;
        assert_eq!(stage(&w).await, None);
        w.site.forbid();
        assert_eq!(stage(&w).await, Some(Stage::Authorised));
        let w = world(product, 0).await;
        w.site.script().on("myself", 1, Fault::ExpireCredential);
        assert_eq!(stage(&w).await, Some(Stage::Authenticated));
        let w = world(product, 0).await;
        for nth in 1..=5 {
            w.site.script().on("myself", nth, Fault::html(502));
        }
        assert_eq!(stage(&w).await, Some(Stage::Reachable));
        assert!(w.site.held().is_empty());
    }
}
