//! An instance, a desk of it, and a scope.

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::{
    Opened, RichText, Route, Scope, TicketDesk, TicketDraft, TicketId, TicketKey, TicketPatch,
};
use watchfloor_testkit::{Server, TestClock, twins};

use super::{SECRET, connector, scope, with_oauth};

pub(super) struct World {
    pub(super) clock: Arc<TestClock>,
    pub(super) instance: Server<twins::ServiceNow>,
    pub(super) desk: Arc<dyn TicketDesk>,
    pub(super) scope: Scope,
}

/// With the usual configuration.
pub(super) async fn world() -> World {
    world_with(|twin| twin, &json!({})).await
}

/// With this instance and these entries in the configuration.
pub(super) async fn world_with(
    twin: impl FnOnce(twins::ServiceNow) -> twins::ServiceNow,
    entries: &Value,
) -> World {
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let instance = twin(twins::ServiceNow::new(clock.clone(), "watchfloor", SECRET));
    instance.add_group("Orders Backend");
    let instance = Server::start(instance, clock.clone()).await.unwrap();
    let mut config = with_oauth(&instance.url());
    for (key, value) in entries.as_object().unwrap() {
        config[key] = value.clone();
    }
    let desk = connector(clock.clone(), &config).desk.unwrap();
    World { scope: scope(clock.clone()), clock, instance, desk }
}

impl World {
    pub(super) fn draft(&self, key: &str) -> TicketDraft {
        let mut draft = self.scope.draft(TicketKey::given(key), "BOLA on /api/orders");
        draft.body = RichText::new().text("80 distinct orders").code("GET /api/orders/7");
        draft.route =
            Some(Route::new("orders", "it owns /api/orders").at("group", "Orders Backend"));
        draft
    }

    pub(super) async fn open(&self, key: &str) -> watchfloor_core::Result<Opened> {
        self.desk.open(&self.scope.call(), &self.draft(key)).await
    }

    /// The id of a ticket that is opened for it.
    pub(super) async fn opened(&self, key: &str) -> TicketId {
        self.open(key).await.unwrap().ticket().id.clone()
    }

    /// The fields of the one record.
    pub(super) fn held(&self) -> std::collections::BTreeMap<String, String> {
        self.instance.held("incident").remove(0).fields
    }
}

/// A patch with these fields.
pub(super) fn fields(named: &[(&str, &str)]) -> TicketPatch {
    let mut patch = TicketPatch::new();
    patch.fields = named.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    patch
}
