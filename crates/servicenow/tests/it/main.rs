//! The desk against the twin, on its bad days, and its exact requests.

mod auth;
mod changes;
mod check;
mod comments;
mod conformance;
mod factory;
mod moves;
mod opening;
mod shape;
mod world;

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_core::config::Section;
use watchfloor_core::{Clock, ConnectorName, Root, Scope, TenantId};
use watchfloor_http::{Env, Factory as _, Ports};
use watchfloor_servicenow::ServiceNow;

/// What a configuration makes of these entries, or the keys that it finds wrong.
fn build(clock: Arc<dyn Clock>, entries: &Value) -> Result<Ports, Vec<String>> {
    let name = ConnectorName::new("itsm");
    let env = Env::alone(&name, clock);
    let build = |section: &mut Section| ServiceNow.build(&name, section, &env);
    watchfloor_testkit::build(name.as_str(), entries, &[("SECRET", SECRET)], build)
        .map_err(|problems| problems.into_iter().map(|p| p.key).collect())
}

fn connector(clock: Arc<dyn Clock>, entries: &Value) -> Ports {
    build(clock, entries).unwrap()
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
