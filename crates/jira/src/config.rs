use std::sync::Arc;

use watchfloor_core::ConnectorName;
use watchfloor_core::config::Section;
use watchfloor_core::desk::Desk;
use watchfloor_http::{Auth, Env, Factory, Ports, Settings, base_url};

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
        let url = base_url(section, "url", r#"such as "https://acme.atlassian.net""#);
        let project = section.required_parsed("project", r#"such as "SEC""#, project_key);
        let issue_type = section.text("issue_type").unwrap_or_else(|| "Task".to_owned());
        // Data Center speaks another version of the API, which this desk does not.
        let flavor = section.one_of_or("flavor", &[("cloud", ())], ());
        let auth = Auth::read(section);
        let settings = Settings::read(section);
        let ((), url, project, auth, settings) = (flavor?, url?, project?, auth?, settings?);
        let client = env.layer.client(name, vec![url.clone()], auth, settings, ByLogin);
        let client = section.made("url", client)?;
        let issues = Issues::new(name.clone(), url, Site::new(client), project, issue_type);
        let desk = Desk::new(issues, env.clock.clone()).with_store(env.store.clone());
        Some(Ports::of_desk(Arc::new(desk)))
    }
}

/// A project key goes into JQL and JSON: letters, digits and `_`, as Jira itself demands.
fn project_key(text: &str) -> Result<String, String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !(1..=255).contains(&text.len()) || !text.bytes().all(word) {
        return Err(format!("{text:?} is no project key"));
    }
    Ok(text.to_owned())
}
