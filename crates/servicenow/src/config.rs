use std::sync::Arc;

use url::Url;
use watchfloor_core::ConnectorName;
use watchfloor_core::config::Section;
use watchfloor_core::desk::Desk;
use watchfloor_http::{Auth, Env, Factory, Ports, Settings};

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
        let url = section.required_parsed("url", r#"such as "https://acme.service-now.com""#, base);
        let table = section
            .parsed("table", r#"such as "incident""#, table)
            .unwrap_or_else(|| "incident".to_owned());
        let auth = Auth::read(section);
        let settings = Settings::read(section);
        let (url, auth) = (url?, auth?);
        let client = env.layer.client(name, vec![url.clone()], auth, settings, ByBody);
        let client = match client {
            Ok(client) => client,
            Err(e) => {
                section.problem("url", e.message(), "");
                return None;
            }
        };
        let desk = Desk::new(Incidents::new(name.clone(), url, table, client), env.clock.clone());
        Some(Ports::new(Arc::new(desk)))
    }
}

fn base(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|e| format!("is no URL: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("is no http or https URL".to_owned());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

fn table(text: &str) -> Result<String, String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    match !text.is_empty() && text.bytes().all(word) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is no name of a table")),
    }
}
