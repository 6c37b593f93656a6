//! The job itself: the same code against twins and real systems.

use std::sync::Arc;

use futures_util::{future, stream};
use watchfloor::core::event::read_lines;
use watchfloor::core::mask::{Masker, Mode};
use watchfloor::core::ship::{Discard, Summary, ship};
use watchfloor::core::{
    Alert, Blocklist, ConnectorName, Error, Event, EventSink, Scope, TicketDesk,
};
use watchfloor::detect::{BadLine, ClientConfig, Detect, Format, Spec};
use watchfloor::respond::{Owners, Report, Responder};
use watchfloor::{Config, Connected};

use crate::Fatal;
use crate::recording::Recording;

/// The five systems of a configuration.
#[derive(Debug)]
pub(crate) struct Systems {
    /// Where events go: Splunk, Elastic.
    pub(crate) sinks: [(ConnectorName, Arc<dyn EventSink>); 2],
    /// Where tickets go, by type: ServiceNow, Jira.
    pub(crate) desks: [(&'static str, Arc<dyn TicketDesk>); 2],
    /// Where attackers are blocked.
    pub(crate) firewall: Arc<dyn Blocklist>,
    /// Who owns which part of the API.
    pub(crate) owners: Owners,
}

impl Systems {
    /// One connector of each type, whatever their names.
    pub(crate) fn of(connected: &Connected) -> Result<Self, Fatal> {
        let sink = |type_name| -> Result<_, Error> {
            let connection = connected.of_type(type_name)?;
            Ok((connection.name().clone(), connection.sink()?))
        };
        let desk = |type_name| -> Result<_, Error> {
            Ok((type_name, connected.of_type(type_name)?.desk()?))
        };
        let (mut systems, mut wrong) = (Vec::new(), Vec::new());
        for type_name in ["splunk", "elastic", "servicenow", "jira", "pan_os"] {
            match connected.of_type(type_name) {
                Ok(_) => systems.push(type_name),
                Err(e) => wrong.push(e.message().to_owned()),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong.join("\n").into());
        }
        let owners = connected.settings().owners.clone();
        Ok(Self {
            sinks: [sink("splunk")?, sink("elastic")?],
            desks: [desk("servicenow")?, desk("jira")?],
            firewall: connected.of_type("pan_os")?.blocklist()?,
            owners: owners.ok_or("the configuration has no [[owners]]: who owns the API?")?,
        })
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Done {
    /// Every event made from the logs.
    pub(crate) events: Vec<Event>,
    /// Lines that could not be read.
    pub(crate) bad: Vec<BadLine>,
    /// What was found.
    pub(crate) alerts: Vec<Alert>,
    /// What became of the events, by sink.
    pub(crate) shipped: Vec<(ConnectorName, Summary)>,
    /// What became of tickets, blocks and comments.
    pub(crate) report: Report,
}

/// Reads, detects, ships and responds.
pub(crate) async fn run(
    scope: &Scope,
    recording: &Recording,
    systems: &Systems,
) -> Result<Done, Fatal> {
    let Read { events, bad, alerts } = read(scope, recording)?;
    let shipments =
        systems.sinks.iter().map(|(name, sink)| {
            let input = stream::iter(events.iter().cloned().map(Ok));
            async move {
                (name.clone(), ship(sink, scope, input, &mut Discard, future::pending()).await)
            }
        });
    let shipped = future::join_all(shipments).await;
    let mut responder = Responder::new(scope.clone(), systems.owners.clone());
    for (type_name, desk) in &systems.desks {
        responder = responder.desk(*type_name, desk.clone());
    }
    let report = responder.blocklist(systems.firewall.clone()).respond(&alerts).await;
    Ok(Done { events, bad, alerts, shipped, report })
}

/// What the logs hold.
struct Read {
    events: Vec<Event>,
    bad: Vec<BadLine>,
    alerts: Vec<Alert>,
}

/// The access log first: an audit entry then knows who the client is.
fn read(scope: &Scope, recording: &Recording) -> Result<Read, Fatal> {
    let mut spec = Spec::new();
    for document in &recording.specs {
        spec.add(document)?;
    }
    let client = Config::parse(&recording.client, "client.toml".as_ref(), Arc::new(NoSecrets));
    let client = client.settings()?.client;
    let mut detect = Detect::builder(scope.tenant().clone(), Masker::random(Mode::Mask))
        .client(ClientConfig::new(client.trusted_proxies, &client.header))
        .spec(spec)
        .build();
    let (mut events, mut bad) = (Vec::new(), Vec::new());
    for (log, format) in
        [(&recording.access, Format::Json), (&recording.audit, Format::ModSecurity)]
    {
        for line in read_lines(log.as_slice()) {
            let line = line?;
            match detect.push_line(format, line.number, &line.bytes) {
                Ok(event) => events.extend(event),
                Err(e) => bad.push(e),
            }
        }
    }
    let alerts = detect.finish();
    Ok(Read { events, bad, alerts })
}

/// The recording's own configuration has none.
#[derive(Debug)]
struct NoSecrets;

impl watchfloor::core::config::SecretSource for NoSecrets {
    fn find(
        &self,
        _: &watchfloor::core::config::SecretRef,
    ) -> Result<watchfloor::core::Secret, String> {
        Err("there are no secrets here".to_owned())
    }
}
