use std::sync::Arc;

use watchfloor_core::ConnectorName;
use watchfloor_core::config::Section;
use watchfloor_http::{Auth, Env, Factory, Ports, Settings, base_urls};

use crate::client::Cluster;
use crate::error::{ByType, Items};
use crate::map::{Lines, OpType, is_data_stream};
use crate::sink::Bulk;

/// Makes Elasticsearch and OpenSearch connectors: `type = "elastic"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elastic;

impl Factory for Elastic {
    fn type_name(&self) -> &'static str {
        "elastic"
    }

    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports> {
        let urls = base_urls(section, "urls", r#"such as ["https://es.example:9200"]"#);
        let auth = Auth::read(section);
        let target =
            section.required_parsed("target", r#"such as "logs-watchfloor-default""#, target);
        let lines = lines(section, target.as_deref().unwrap_or_default());
        let words = [("reject", false), ("accept", true)];
        let failure_store = section.one_of_or("failure_store", &words, false);
        let shape = section.one_of_or("shape", &[("ocsf", ())], ());
        let settings = Settings::read(section);
        let ((), urls, auth, target, settings) = (shape?, urls?, auth?, target?, settings?);
        let (lines, accept_failure_store) = (lines?, failure_store?);
        let client = env.layer.client(name, urls, auth, settings, ByType);
        let client = section.made("urls", client)?;
        let cluster = Cluster::new(client, target, lines.operation);
        let items = Items { operation: lines.operation, accept_failure_store };
        Some(Ports::of_sink(Arc::new(Bulk::new(name.clone(), cluster, lines, items))))
    }
}

/// `data_stream`, else told by the name, and `operation`, which a data stream restricts.
fn lines(section: &mut Section, target: &str) -> Option<Lines> {
    let said = section.has("data_stream");
    let data_stream = section.flag("data_stream");
    if said && data_stream.is_none() {
        return None;
    }
    let data_stream = data_stream.unwrap_or_else(|| is_data_stream(target));
    let words = [("create", OpType::Create), ("index", OpType::Index)];
    let operation = section.one_of_or("operation", &words, OpType::default())?;
    if data_stream && operation == OpType::Index {
        let hint = "leave it out, or say data_stream = false if the target is an index";
        section.problem("operation", "a data stream takes \"create\" alone", hint);
        return None;
    }
    Some(Lines { operation, data_stream })
}

/// The product's own rules for names, those that a mistake would meet.
fn target(text: &str) -> Result<String, String> {
    let bad = |c: char| c.is_whitespace() || c.is_uppercase() || "\\/*?\"<>|,#:".contains(c);
    let first = text.starts_with(['-', '_', '+', '.']);
    if text.is_empty() || text.len() > 255 || first || text.contains(bad) {
        return Err(format!("{text:?} is no name of an index or a data stream"));
    }
    Ok(text.to_owned())
}
