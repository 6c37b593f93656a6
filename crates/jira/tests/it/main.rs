//! The desk against the twin, on its bad days, and its exact requests.

mod desk;
mod factory;
mod shape;

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::block::GuardConfig;
use watchfloor_core::{Clock, ConnectorName, Facts, Guard, Root, Scope, TenantId};
use watchfloor_http::{Env, Factory, Layer, Ports};
use watchfloor_jira::Jira;
use watchfloor_testkit::section;

/// What a configuration makes of these entries, and the keys that it finds wrong.
fn build(clock: Arc<dyn Clock>, entries: &Value) -> (Option<Ports>, Vec<String>) {
    let name = ConnectorName::new("dev");
    let mut section = section("dev", entries, &[("SECRET", SECRET)]);
    let guard = Guard::new(name.clone(), GuardConfig::new());
    let env = Env::new(Layer::new(clock), Arc::new(Facts::new()), Arc::new(guard));
    let ports = Jira.build(&name, &mut section, &env);
    let problems = section.problems().clone();
    section.finish();
    (ports, problems.take().into_iter().map(|p| p.key).collect())
}

fn connector(clock: Arc<dyn Clock>, entries: &Value) -> Ports {
    let (ports, problems) = build(clock, entries);
    ports.filter(|_| problems.is_empty()).unwrap_or_else(|| panic!("{problems:?}"))
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
