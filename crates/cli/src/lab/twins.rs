//! The twins, and what they hold.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use watchfloor::core::Clock;
use watchfloor_testkit::{Server, Twin, twins};

use super::credentials::{CLIENT_ID, Credentials, JIRA_USER};

/// Where events go in Elasticsearch.
const DATA_STREAM: &str = "logs-watchfloor-default";
/// The groups of ServiceNow that the configuration's owners name.
const GROUPS: [&str; 4] =
    ["Orders Backend", "Identity and Access", "Catalog Backend", "Platform Operations"];

/// One twin for each connector.
#[derive(Debug)]
pub(super) struct Twins {
    hec: Server<twins::Hec>,
    elasticsearch: Server<twins::Elasticsearch>,
    servicenow: Server<twins::ServiceNow>,
    jira: Server<twins::Jira>,
    pan_os: Server<twins::PanOs>,
}

/// What a connector's twin was asked, and what it holds for it.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    /// The connector's name in the configuration.
    pub(crate) connector: &'static str,
    pub(crate) r#type: &'static str,
    /// How many requests it got.
    pub(crate) requests: u64,
    #[serde(flatten)]
    pub(crate) holds: Holds,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Holds {
    Events(usize),
    Tickets(usize),
    Blocks(usize),
}

impl Twins {
    pub(super) async fn start(accepted: &Credentials, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let elasticsearch = twins::Elasticsearch::with_api_key(&accepted.elastic_key);
        let servicenow =
            twins::ServiceNow::new(clock.clone(), CLIENT_ID, &accepted.servicenow_secret);
        for group in GROUPS {
            servicenow.add_group(group);
        }
        let jira = twins::Jira::new(clock.clone(), &basic(JIRA_USER, &accepted.jira_token))
            .project("SHOP", &["orders", "catalog"])
            .project("SEC", &["identity", "platform"]);
        let pan_os = twins::PanOs::new(clock.clone(), &accepted.pan_os_key);
        Ok(Self {
            hec: Server::start(twins::Hec::new(&accepted.hec_token), clock.clone()).await?,
            elasticsearch: Server::start(elasticsearch, clock.clone()).await?,
            servicenow: Server::start(servicenow, clock.clone()).await?,
            jira: Server::start(jira, clock.clone()).await?,
            pan_os: Server::start(pan_os, clock).await?,
        })
    }

    /// A configuration with the twins' addresses where it names them.
    pub(super) fn lead_to(&self, config: &str) -> String {
        let addresses = [
            ("@SPLUNK@", self.hec.url()),
            ("@ELASTICSEARCH@", self.elasticsearch.url()),
            ("@SERVICENOW@", self.servicenow.url()),
            ("@JIRA@", self.jira.url()),
            ("@PAN_OS@", self.pan_os.url()),
        ];
        addresses.iter().fold(config.to_owned(), |text, (name, url)| {
            text.replace(name, url.trim_end_matches('/'))
        })
    }

    pub(super) fn held(&self) -> Vec<Held> {
        let documents = self.elasticsearch.held(DATA_STREAM).len();
        vec![
            held("siem", "splunk", &self.hec, Holds::Events(self.hec.held().len())),
            held("search", "elastic", &self.elasticsearch, Holds::Events(documents)),
            held(
                "itsm",
                "servicenow",
                &self.servicenow,
                Holds::Tickets(self.servicenow.held("incident").len()),
            ),
            held("dev", "jira", &self.jira, Holds::Tickets(self.jira.held().len())),
            held("edge", "pan_os", &self.pan_os, Holds::Blocks(self.pan_os.held().len())),
        ]
    }
}

fn held<T: Twin>(
    connector: &'static str,
    r#type: &'static str,
    twin: &Server<T>,
    holds: Holds,
) -> Held {
    Held { connector, r#type, requests: twin.script().count("*"), holds }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
