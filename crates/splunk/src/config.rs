use std::sync::Arc;

use watchfloor_core::ConnectorName;
use watchfloor_core::config::Section;
use watchfloor_http::{Auth, Env, Factory, Ports, Settings, base_urls};

use crate::client::Collector;
use crate::error::ByCode;
use crate::map::Metadata;
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
        let metadata = Metadata {
            index: section.text("index"),
            source: section.text("source"),
            sourcetype: section.text("sourcetype"),
        };
        let words = [("resend", OnUnknown::Resend), ("report", OnUnknown::Report)];
        let on_unknown = section.one_of_or("on_unknown", &words, OnUnknown::default());
        let settings = Settings::read(section);
        let (urls, token, on_unknown, settings) = (urls?, token?, on_unknown?, settings?);
        let auth = Auth::scheme("Splunk", token);
        let client = match env.layer.client(name, urls, auth, settings, ByCode) {
            Ok(client) => client,
            Err(e) => {
                section.problem("hec_url", e.message(), "");
                return None;
            }
        };
        let collector = Collector::new(client, on_unknown);
        Some(Ports::of_sink(Arc::new(Hec::new(name.clone(), collector, metadata))))
    }
}
