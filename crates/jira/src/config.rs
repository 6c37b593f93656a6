use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;
use watchfloor_core::config::Section;
use watchfloor_core::desk::Desk;
use watchfloor_core::{ConnectorName, Priority};
use watchfloor_http::{Auth, Env, Factory, Ports, Settings, base_url};

use crate::client::Site;
use crate::desk::Issues;
use crate::dialect::Flavor;
use crate::error::{ByLogin, Captcha};
use crate::text::Limit;

/// Makes Jira connectors: `type = "jira"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jira;

/// What a section says beside the connection.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) project: String,
    pub(crate) issue_type: String,
    /// How people call the priorities of this site.
    pub(crate) priorities: Priorities,
    /// The resolution of a ticket that is done, where nobody says another.
    pub(crate) resolution: Option<String>,
    /// The type of link between duplicates.
    pub(crate) duplicate_link: String,
    /// Fields that every new ticket has, and steps that demand them.
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) limit: Limit,
    /// Whether keys are claimed in properties of the project.
    pub(crate) claim: bool,
    /// Whether a store remembers which ticket a key has.
    pub(crate) has_store: bool,
}

impl Factory for Jira {
    fn type_name(&self) -> &'static str {
        "jira"
    }

    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports> {
        let url = base_url(section, "url", r#"such as "https://acme.atlassian.net""#);
        let browse =
            section.parsed("browse_url", r#"such as "https://acme.atlassian.net""#, browse);
        let flavors = [("cloud", Some(Flavor::Cloud)), ("data_center", Some(Flavor::DataCenter))];
        let flavor = section.one_of_or("flavor", &flavors, None);
        let options = Options::read(section, env.store.is_some());
        let auth = Auth::read(section);
        let settings = Settings::read(section);
        let (flavor, url, options) = (flavor?, url?, options?);
        let captcha = Captcha::default();
        let classify = ByLogin(captcha.clone());
        let client = env.layer.client(name, vec![url.clone()], auth?, settings?, classify);
        let client = section.made("url", client)?;
        let site = Site::new(client, url, browse, flavor, env.clock.clone(), captcha);
        let issues = Issues::new(name.clone(), site, options);
        let desk = Desk::new(issues, env.clock.clone()).with_store(env.store.clone());
        Some(Ports::of_desk(Arc::new(desk)))
    }
}

impl Options {
    fn read(section: &mut Section, has_store: bool) -> Option<Self> {
        let project = section.required_parsed("project", r#"such as "SEC""#, project_key);
        let issue_type = section.text("issue_type").unwrap_or_else(|| "Task".to_owned());
        let priorities = Priorities::read(section);
        let resolution = section.text("resolution");
        let link = section.text("duplicate_link").unwrap_or_else(|| "Duplicate".to_owned());
        let fields = section.section("fields").map(Section::texts_by_name).unwrap_or_default();
        for field in fields.keys().filter(|f| !is_field(f)) {
            let what = format!("{field:?} is no id of a field");
            section.problem("fields", what, r#"such as "customfield_10050""#);
        }
        // Fewer would leave no room for a mark.
        let limit = section.integer("text_limit", 1000..=10_000_000).unwrap_or(32_767);
        let words = [("none", false), ("project_property", true)];
        let claim = section.one_of_or("claim", &words, false);
        let good = fields.keys().all(|f| is_field(f));
        Some(Self {
            project: project?,
            issue_type,
            priorities,
            resolution,
            duplicate_link: link,
            fields,
            limit: Limit::new(limit as usize),
            claim: claim?,
            has_store,
        })
        .filter(|_| good)
    }
}

/// The names of four priorities; by default those of Jira's own scheme.
#[derive(Debug)]
pub(crate) struct Priorities([(Priority, String); 4]);

impl Priorities {
    fn read(section: &mut Section) -> Self {
        let mut own = section.section("priorities");
        let mut name = |key, usual: &str| {
            own.as_mut().and_then(|s| s.text(key)).unwrap_or_else(|| usual.to_owned())
        };
        let names = [
            (Priority::Critical, name("critical", "Highest")),
            (Priority::High, name("high", "High")),
            (Priority::Medium, name("medium", "Medium")),
            (Priority::Low, name("low", "Low")),
        ];
        if let Some(own) = own {
            own.finish();
        }
        Self(names)
    }

    pub(crate) fn name(&self, priority: Priority) -> &str {
        self.0.iter().find(|(p, _)| *p == priority).map_or("", |(_, name)| name)
    }

    pub(crate) fn of_name(&self, name: &str) -> Option<Priority> {
        let own = self.0.iter().find(|(_, n)| n.to_lowercase() == name.to_lowercase());
        own.map(|(p, _)| *p).or((name == "Lowest").then_some(Priority::Low))
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

/// The id of a field: it goes into queries.
pub(crate) fn is_field(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=255).contains(&text.len()) && text.bytes().all(word)
}

/// Where people see tickets. It only leads them there: nothing is sent to it.
fn browse(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    let mut url = url.ok_or_else(|| "is no URL that people can open".to_owned())?;
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}
