use std::sync::Arc;
use std::time::Duration;

use watchfloor_core::ConnectorName;
use watchfloor_core::config::Section;
use watchfloor_core::desk::Desk;
use watchfloor_http::{Auth, Env, Factory, Ports, Settings, base_url};

use crate::desk::Incidents;
use crate::error::ByBody;

/// Makes ServiceNow connectors: `type = "servicenow"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceNow;

impl Factory for ServiceNow {
    fn type_name(&self) -> &'static str {
        "servicenow"
    }

    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports> {
        let url = base_url(section, "url", r#"such as "https://acme.service-now.com""#);
        let table =
            section.parsed_or("table", r#"such as "incident""#, table, "incident".to_owned());
        let auth = Auth::read(section);
        let settings = defaults().or_as_in(section);
        let (url, table, auth, settings) = (url?, table?, auth?, settings?);
        let client = env.layer.client(name, vec![url.clone()], auth, settings, ByBody);
        let client = section.made("url", client)?;
        let incidents = Incidents::new(name.clone(), url, table, client);
        let desk = Desk::new(incidents, env.clock.clone()).with_store(env.store.clone());
        Some(Ports::of_desk(Arc::new(desk)))
    }
}

fn table(text: &str) -> Result<String, String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if text.is_empty() || !text.bytes().all(word) {
        return Err(format!("{text:?} is no name of a table"));
    }
    Ok(text.to_owned())
}

/// A transaction may run for 60 s; a time-out below that makes every slow create ambiguous.
fn defaults() -> Settings {
    let mut settings = Settings::default();
    settings.attempt_timeout = Duration::from_secs(75);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_take_longer_than_a_transaction() {
        assert!(defaults().attempt_timeout > Duration::from_secs(60));
    }
}
