use std::sync::Arc;

use url::Url;
use watchfloor_core::ConnectorName;
use watchfloor_core::config::{Section, Value};
use watchfloor_http::{Auth, Env, Factory, Ports, Settings, base_urls};

use crate::client::Collector;
use crate::error::ByCode;
use crate::map::{Metadata, Word};
use crate::sink::{Hec, OnUnknown};

/// Makes Splunk connectors: `type = "splunk"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Splunk;

impl Factory for Splunk {
    fn type_name(&self) -> &'static str {
        "splunk"
    }

    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports> {
        let urls = base_urls(section, "hec_url", r#"such as "https://splunk.example:8088""#);
        let token = section.required_secret("hec_token");
        let metadata = metadata(section);
        let words = [("resend", OnUnknown::Resend), ("report", OnUnknown::Report)];
        let on_unknown = section.one_of_or("on_unknown", &words, OnUnknown::default());
        let settings = Settings::read(section);
        let (metadata, on_unknown, settings) = (metadata?, on_unknown?, settings?);
        let (urls, token) = (urls?, token?);
        let urls = urls.into_iter().map(without_path).collect();
        let auth = Auth::scheme("Splunk", token);
        let client = env.layer.client(name, urls, auth, settings, ByCode);
        let client = section.made("hec_url", client)?;
        let collector = Collector::new(client, on_unknown);
        Some(Ports::of_sink(Arc::new(Hec::new(name.clone(), collector, metadata, on_unknown))))
    }
}

/// `index`, `source`, `sourcetype` and `host`: a text for every event, or the field of an event that
/// has it.
fn metadata(section: &mut Section) -> Option<Metadata> {
    let mut metadata = Some(Metadata::default());
    for key in ["index", "source", "sourcetype", "host"] {
        if !section.has(key) {
            continue;
        }
        let word = match section.peek(key) {
            Some(Value::Table(_)) => section.section(key).and_then(own),
            _ => section.required_text(key).map(Word::Same),
        };
        metadata = metadata.zip(word).map(|(metadata, word)| metadata.with(key, word));
    }
    metadata
}

/// `{ field = "metadata.log_name", default = "sec" }`
fn own(mut table: Section) -> Option<Word> {
    let path = |text: &str| {
        if text.split('.').any(str::is_empty) {
            return Err(format!("{text:?} is no path of a field"));
        }
        Ok(text.to_owned())
    };
    let problems = table.problems().clone();
    let before = problems.count();
    let field = table.required_parsed("field", r#"such as "metadata.log_name""#, path);
    let default = if table.has("default") { table.required_text("default") } else { None };
    table.finish();
    let field = field.filter(|_| problems.count() == before)?;
    Some(Word::Own { field, default })
}

/// The URL of the collector itself, as Splunk's pages show it, is as good as its base.
fn without_path(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/');
    let base = ["/services/collector/event", "/services/collector"];
    if let Some(base) = base.into_iter().find_map(|end| path.strip_suffix(end)) {
        let base = format!("{base}/");
        url.set_path(&base);
    }
    url
}
