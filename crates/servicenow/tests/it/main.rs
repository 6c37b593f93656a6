//! The desk against the twin, on its bad days, and its exact requests.

mod desk;
mod factory;
mod shape;

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::block::GuardConfig;
use watchfloor_core::{Clock, ConnectorName, Facts, Guard, Root, Scope, TenantId};
use watchfloor_http::{Env, Factory, Layer, Ports};
use watchfloor_servicenow::ServiceNow;
use watchfloor_testkit::section;

/// What a configuration makes of these entries, and the keys that it finds wrong.
fn build(clock: Arc<dyn Clock>, entries: &Value) -> (Option<Ports>, Vec<String>) {
    let name = ConnectorName::new("itsm");
    let mut section = section("itsm", entries, &[("SECRET", SECRET)]);
    let guard = Guard::new(name.clone(), GuardConfig::new());
    let env = Env::new(Layer::new(clock), Arc::new(Facts::new()), Arc::new(guard));
    let ports = ServiceNow.build(&name, &mut section, &env);
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

const SECRET: &str = "cnry-sn-secret";

/// A connector that asks for tokens at the same URL.
fn with_oauth(url: &str) -> Value {
    json!({
        "url": url,
        "auth": {
            "type": "oauth2",
            "grant": "client_credentials",
            "token_url": format!("{url}oauth_token.do"),
            "client_id": "watchfloor",
            "client_secret": { "env": "SECRET" },
        },
    })
}

/// A connector with a user name and a password.
fn with_basic(url: &str) -> Value {
    let password = json!({ "env": "SECRET" });
    json!({ "url": url, "auth": { "type": "basic", "username": "bot", "password": password } })
}
