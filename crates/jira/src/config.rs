use std::sync::Arc;

use url::Url;
use watchfloor_core::ConnectorName;
use watchfloor_core::config::Section;
use watchfloor_core::desk::Desk;
use watchfloor_http::{Auth, Env, Factory, Ports, Settings};

use crate::client::Site;
use crate::desk::Issues;
use crate::error::ByLogin;

/// Makes Jira connectors: `type = "jira"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jira;

impl Factory for Jira {
    fn type_name(&self) -> &'static str {
        "jira"
    }

    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports> {
        let url = section.required_parsed("url", r#"such as "https://acme.atlassian.net""#, base);
        let project = section.required_parsed("project", r#"such as "SEC""#, project_key);
        let issue_type = section.text("issue_type").unwrap_or_else(|| "Task".to_owned());
        let auth = Auth::read(section);
        let settings = Settings::read(section);
        let (url, project, auth) = (url?, project?, auth?);
        let client = match env.layer.client(name, vec![url.clone()], auth, settings, ByLogin) {
            Ok(client) => client,
            Err(e) => {
                section.problem("url", e.message(), "");
                return None;
            }
        };
        let issues = Issues::new(name.clone(), url, Site::new(client), project, issue_type);
        Some(Ports::new(Arc::new(Desk::new(issues, env.clock.clone()))))
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

/// A project key goes into JQL and JSON: letters, digits and `_`, as Jira itself demands.
fn project_key(text: &str) -> Result<String, String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    match (1..=255).contains(&text.len()) && text.bytes().all(word) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is no project key")),
    }
}
