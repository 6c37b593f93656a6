//! The five systems as twins, and what goes wrong with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use watchfloor::Config;
use watchfloor::core::config::{SecretRef, SecretSource};
use watchfloor::core::{Secret, Timestamp};
use watchfloor_testkit::{Fault, Script, Server, TestClock, twins};

use crate::recording::Recording;

/// The twins.
#[derive(Debug)]
pub(crate) struct World {
    /// Splunk.
    pub(crate) hec: Server<twins::Hec>,
    /// Elasticsearch.
    pub(crate) elastic: Server<twins::Elasticsearch>,
    /// ServiceNow.
    pub(crate) servicenow: Server<twins::ServiceNow>,
    /// Jira.
    pub(crate) jira: Server<twins::Jira>,
    /// PAN-OS.
    pub(crate) firewall: Server<twins::PanOs>,
}

/// Where the events go in Elasticsearch.
pub(crate) const DATA_STREAM: &str = "logs-watchfloor-default";

/// The secrets of the five connectors: canaries too, and searched for like the customers'.
const SECRETS: [(&str, &str); 5] = [
    ("HEC_TOKEN", "cnry-5a1e000000000001"),
    ("ES_API_KEY", "cnry-5a1e000000000002"),
    ("SN_SECRET", "cnry-5a1e000000000003"),
    ("JIRA_TOKEN", "cnry-5a1e000000000004"),
    ("PAN_KEY", "cnry-5a1e000000000005"),
];
/// `bot@shop.example` and Jira's token, as basic auth sends them.
const JIRA_BASIC: &str = "Basic Ym90QHNob3AuZXhhbXBsZTpjbnJ5LTVhMWUwMDAwMDAwMDAwMDQ=";

/// A fault of the script, and how it is settled.
struct Scripted {
    twin: &'static str,
    operation: &'static str,
    nth: u64,
    fault: fn() -> Fault,
    settled: &'static str,
}

const SCRIPT: [Scripted; 6] = [
    Scripted {
        twin: "Splunk",
        operation: "send",
        nth: 1,
        fault: || Fault::retry_after(503, 30),
        settled: "waited the 30 s it asked for, sent the same batch again",
    },
    Scripted {
        twin: "Elastic",
        operation: "bulk",
        nth: 1,
        fault: || Fault::ResetAmid(400),
        settled: "sent again with the same ids: what had arrived answers 409, which counts as there",
    },
    Scripted {
        twin: "Elastic",
        operation: "bulk",
        nth: 2,
        fault: || Fault::Items(vec![(450, 429), (451, 429), (500, 429)]),
        settled: "sent the three items again, and only them",
    },
    Scripted {
        twin: "ServiceNow",
        operation: "create",
        nth: 2,
        fault: || Fault::ExpireCredential,
        settled: "fetched one new token, sent the same request again",
    },
    Scripted {
        twin: "ServiceNow",
        operation: "create",
        nth: 5,
        fault: || Fault::ResetAfter,
        settled: "looked for the ticket by its key before anything else, and found it",
    },
    Scripted {
        twin: "Jira",
        operation: "create",
        nth: 1,
        fault: || Fault::ResetAfter,
        settled: "looked for the ticket until the lagging search showed it; created no second",
    },
];

/// A fault that was met.
#[derive(Debug)]
pub(crate) struct Met {
    /// When.
    pub(crate) at: Timestamp,
    /// By which system.
    pub(crate) twin: &'static str,
    /// At which request.
    pub(crate) request: String,
    /// What went wrong.
    pub(crate) fault: String,
    /// How it was settled.
    pub(crate) settled: &'static str,
    /// Which of the system's tickets was being opened, from zero; none for events.
    pub(crate) ticket: Option<usize>,
}

impl World {
    /// Starts the twins and gives them their script.
    pub(crate) async fn start(clock: Arc<TestClock>) -> io::Result<Self> {
        let secret = |name| SECRETS.iter().find(|(n, _)| *n == name).map_or("", |(_, s)| *s);
        let servicenow = twins::ServiceNow::new(clock.clone(), "watchfloor", secret("SN_SECRET"));
        for group in
            ["Orders Backend", "Identity and Access", "Catalog Backend", "Platform Operations"]
        {
            servicenow.add_group(group);
        }
        let jira = twins::Jira::new(clock.clone(), JIRA_BASIC)
            .project("SHOP", &["orders", "catalog"])
            .project("SEC", &["identity", "platform"])
            .search_lag(3);
        let pan_os = twins::PanOs::new(clock.clone(), secret("PAN_KEY"));
        let elastic = twins::Elasticsearch::with_api_key(secret("ES_API_KEY"));
        let world = Self {
            hec: Server::start(twins::Hec::new(secret("HEC_TOKEN")), clock.clone()).await?,
            elastic: Server::start(elastic, clock.clone()).await?,
            servicenow: Server::start(servicenow, clock.clone()).await?,
            jira: Server::start(jira, clock.clone()).await?,
            firewall: Server::start(pan_os, clock).await?,
        };
        for scripted in &SCRIPT {
            let fault = (scripted.fault)();
            world.script(scripted.twin).on(scripted.operation, scripted.nth, fault);
        }
        Ok(world)
    }

    fn script(&self, twin: &str) -> &Script {
        match twin {
            "Splunk" => self.hec.script(),
            "Elastic" => self.elastic.script(),
            "ServiceNow" => self.servicenow.script(),
            "Jira" => self.jira.script(),
            _ => self.firewall.script(),
        }
    }

    /// The configuration that leads to the twins; client and owners are the recording's.
    pub(crate) fn config(&self, recording: &Recording) -> Config {
        let text = format!(
            r#"{client}
{owners}
[connectors.siem]
type = "splunk"
hec_url = "{hec}"
hec_token = {{ env = "HEC_TOKEN" }}

[connectors.search]
type = "elastic"
urls = ["{elastic}"]
auth = {{ type = "api_key", key = {{ env = "ES_API_KEY" }} }}
target = "{DATA_STREAM}"

[connectors.itsm]
type = "servicenow"
url = "{servicenow}"
auth = {{ type = "oauth2", grant = "client_credentials", token_url = "{servicenow}oauth_token.do", client_id = "watchfloor", client_secret = {{ env = "SN_SECRET" }} }}

[connectors.dev]
type = "jira"
url = "{jira}"
auth = {{ type = "basic", username = "bot@shop.example", password = {{ env = "JIRA_TOKEN" }} }}
project = "SEC"

[connectors.edge]
type = "pan_os"
url = "{firewall}"
api_key = {{ env = "PAN_KEY" }}
"#,
            client = recording.client,
            owners = recording.owners,
            hec = self.hec.url(),
            elastic = self.elastic.url(),
            servicenow = self.servicenow.url(),
            jira = self.jira.url(),
            firewall = self.firewall.url(),
        );
        let secrets = SECRETS.map(|(name, secret)| (name.to_owned(), secret)).into();
        Config::parse(&text, "twins.toml".as_ref(), Arc::new(InMemory(secrets)))
    }

    /// The secrets of the connectors, as they are and as they are sent.
    pub(crate) fn secrets() -> [&'static str; 5] {
        SECRETS.map(|(_, secret)| secret)
    }

    /// How many tickets were opened before the request that meets a fault.
    fn ticket(&self, scripted: &Scripted) -> Option<usize> {
        let log = match scripted.twin {
            "ServiceNow" => self.servicenow.log(),
            "Jira" => self.jira.log(),
            _ => return None,
        };
        let before = log.of(scripted.operation).into_iter().take(scripted.nth as usize - 1);
        Some(before.filter(|l| l.status != Some(401)).count())
    }

    /// The faults that were met, in the order of time.
    pub(crate) fn met(&self) -> Vec<Met> {
        let mut all = Vec::new();
        for scripted in &SCRIPT {
            let met = self.script(scripted.twin).met();
            let met = met
                .into_iter()
                .find(|m| m.operation == scripted.operation && m.nth == scripted.nth);
            all.extend(met.map(|m| Met {
                at: m.at,
                twin: scripted.twin,
                request: format!("{} #{}", m.operation, m.nth),
                fault: m.fault.to_string(),
                settled: scripted.settled,
                ticket: self.ticket(scripted),
            }));
        }
        all.sort_by_key(|m| m.at);
        all
    }

    /// The faults that were not met.
    pub(crate) fn unmet(&self) -> Vec<String> {
        let twins = ["Splunk", "Elastic", "ServiceNow", "Jira", "PAN-OS"];
        let unmet = |twin: &&str| {
            let unmet = self.script(twin).unmet();
            unmet.into_iter().map(|f| format!("{twin}: {f}")).collect::<Vec<_>>()
        };
        twins.iter().flat_map(unmet).collect()
    }

    /// Everything that was written into the five systems: what people would see there.
    pub(crate) fn written(&self) -> Vec<(&'static str, Vec<u8>)> {
        let (mut events, mut tickets, mut blocks) = (Vec::new(), String::new(), String::new());
        self.hec.held().iter().for_each(|e| events.extend_from_slice(&e.event));
        self.elastic.held(DATA_STREAM).values().for_each(|d| events.extend_from_slice(d));
        for record in self.servicenow.held("incident") {
            let _ = write!(tickets, "{record:?}");
        }
        for issue in self.jira.held() {
            let _ = write!(tickets, "{issue:?}");
        }
        for request in self.firewall.log().all() {
            blocks.push_str(&String::from_utf8_lossy(&request.request.body));
        }
        let logs = [
            self.hec.log(),
            self.elastic.log(),
            self.servicenow.log(),
            self.jira.log(),
            self.firewall.log(),
        ];
        let mut urls = String::new();
        for logged in logs.iter().flat_map(|log| log.all()) {
            let _ = writeln!(urls, "{}?{}", logged.request.path, logged.request.query);
        }
        vec![
            ("events", events),
            ("tickets", tickets.into_bytes()),
            ("blocks", blocks.into_bytes()),
            ("URLs", urls.into_bytes()),
        ]
    }
}

/// Secrets by name: the twins' are in no file and in no environment.
#[derive(Debug)]
struct InMemory(BTreeMap<String, &'static str>);

impl SecretSource for InMemory {
    fn find(&self, secret: &SecretRef) -> Result<Secret, String> {
        let SecretRef::Env(name) = secret else { return Err("is not in memory".to_owned()) };
        self.0.get(name).map(|s| Secret::new(*s)).ok_or_else(|| format!("{name} is not in memory"))
    }
}
