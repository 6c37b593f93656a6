//! The desk against the twin, on its bad days, and its exact requests.

mod claim;
mod conformance;
mod desk;
mod factory;
mod files;
mod limits;
mod moves;
mod screen;
mod shape;
mod shape_more;
mod update;

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::config::Section;
use watchfloor_core::{
    Call, Clock, ConnectorName, Root, Scope, TenantId, TicketDesk, TicketId, TicketKey,
};
use watchfloor_http::{Env, Factory as _, Ports};
use watchfloor_jira::Jira;
use watchfloor_testkit::{Server, TestClock, twins};

/// What a configuration makes of these entries, or the keys that it finds wrong.
fn build(clock: Arc<dyn Clock>, entries: &Value) -> Result<Ports, Vec<String>> {
    let name = ConnectorName::new("dev");
    let env = Env::alone(&name, clock);
    let build = |section: &mut Section| Jira.build(&name, section, &env);
    watchfloor_testkit::build(name.as_str(), entries, &[("SECRET", SECRET)], build)
        .map_err(|problems| problems.into_iter().map(|p| p.key).collect())
}

fn connector(clock: Arc<dyn Clock>, entries: &Value) -> Ports {
    build(clock, entries).unwrap()
}

fn scope(clock: Arc<dyn Clock>) -> Scope {
    Root::new(clock).scope(TenantId::new("acme"))
}

const SECRET: &str = "tok-123";
/// `bot@example.com` and the token, as basic auth sends them.
const BASIC: &str = "Basic Ym90QGV4YW1wbGUuY29tOnRvay0xMjM=";

fn entries(url: &str) -> Value {
    let password = json!({ "env": "SECRET" });
    json!({
        "url": url,
        "auth": { "type": "basic", "username": "bot@example.com", "password": password },
        "project": "SEC",
    })
}

/// The two products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    Cloud,
    DataCenter,
}

const BOTH: [Product; 2] = [Product::Cloud, Product::DataCenter];

impl Product {
    /// A site with two projects; Data Center below a path.
    fn site(self, clock: Arc<dyn Clock>) -> twins::Jira {
        let site = match self {
            Self::Cloud => twins::Jira::new(clock, BASIC),
            Self::DataCenter => {
                twins::Jira::data_center(clock, &format!("Bearer {SECRET}")).context("/jira")
            }
        };
        site.project("SEC", &["identity"]).project("SHOP", &["orders"])
    }

    fn entries(self, url: &str) -> Value {
        let mut entries = entries(url);
        if self == Self::DataCenter {
            entries["url"] = json!(format!("{}/jira", url.trim_end_matches('/')));
            entries["auth"] = json!({ "type": "bearer", "token": { "env": "SECRET" } });
        }
        entries
    }

    /// What the flavour is called where it is configured.
    fn flavor(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::DataCenter => "data_center",
        }
    }

    fn root(self) -> &'static str {
        match self {
            Self::Cloud => "/rest/api/3",
            Self::DataCenter => "/rest/api/2",
        }
    }
}

/// A site and a desk of it.
struct World {
    clock: Arc<TestClock>,
    site: Server<twins::Jira>,
    desk: Arc<dyn TicketDesk>,
    scope: Scope,
}

impl World {
    async fn new(product: Product) -> Self {
        Self::with(product, |site| site, |_| ()).await
    }

    async fn with(
        product: Product,
        site: impl FnOnce(twins::Jira) -> twins::Jira,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
        let site = site(product.site(clock.clone()));
        let site = Server::start(site, clock.clone()).await.unwrap();
        let mut entries = product.entries(&site.url());
        change(&mut entries);
        let desk = connector(clock.clone(), &entries).desk.unwrap();
        Self { scope: scope(clock.clone()), clock, site, desk }
    }

    fn call(&self) -> Call {
        self.scope.call()
    }

    /// Opens a ticket with this key.
    async fn ticket(&self, key: &str) -> TicketId {
        let draft = self.scope.draft(TicketKey::given(key), "They walk through order ids");
        self.desk.open(&self.call(), &draft).await.unwrap().ticket().id.clone()
    }

    fn count(&self, operation: &str) -> u64 {
        self.site.script().count(operation)
    }
}
