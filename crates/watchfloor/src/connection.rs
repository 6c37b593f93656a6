//! Connectors as they came out of a configuration.

use std::sync::Arc;

use watchfloor_core::config::nearest;
use watchfloor_core::{
    AlertSource, Blocklist, Call, ConnectorName, Error, EventSearch, EventSink, Health, Kind,
    Notifier, Result, Store, TicketDesk, TicketFeed,
};
use watchfloor_http::Ports;

use crate::Settings;

/// Every connector of a configuration, and what else it says.
#[derive(Debug)]
pub struct Connected {
    settings: Settings,
    connections: Vec<Connection>,
    store: Option<Arc<dyn Store>>,
}

impl Connected {
    pub(crate) fn new(
        settings: Settings,
        connections: Vec<Connection>,
        store: Option<Arc<dyn Store>>,
    ) -> Self {
        Self { settings, connections, store }
    }

    /// What the configuration says besides its connectors.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store that the connectors share: `[state]`.
    pub fn store(&self) -> Option<&Arc<dyn Store>> {
        self.store.as_ref()
    }

    /// The connectors, in alphabetical order.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// The connector of this name; else an error that names the nearest and all there are.
    pub fn named(&self, name: &str) -> Result<&Connection> {
        let found = self.connections.iter().find(|c| c.name.as_str() == name);
        found.ok_or_else(|| {
            let all: Vec<_> = self.connections.iter().map(|c| c.name.as_str()).collect();
            let near = match nearest(name, &all) {
                Some(near) => format!("did you mean {near:?}? "),
                None => String::new(),
            };
            let there = if all.is_empty() { "none".into() } else { all.join(", ") };
            config(format!("no connector is named {name:?}; {near}there are: {there}"))
        })
    }

    /// The one connector of this type; none and two of them are an error that says so.
    pub fn of_type(&self, type_name: &str) -> Result<&Connection> {
        let all: Vec<_> = self.connections.iter().filter(|c| c.type_name == type_name).collect();
        match all[..] {
            [one] => Ok(one),
            [] => Err(config(format!("no connector has the type {type_name:?}"))),
            _ => {
                let names: Vec<_> = all.iter().map(|c| c.name.as_str()).collect();
                let names = names.join(", ");
                Err(config(format!("several connectors have the type {type_name:?}: {names}")))
            }
        }
    }
}

/// A connector as it was configured.
#[derive(Clone, Debug)]
pub struct Connection {
    name: ConnectorName,
    type_name: &'static str,
    ports: Ports,
}

impl Connection {
    pub(crate) fn new(name: ConnectorName, type_name: &'static str, ports: Ports) -> Self {
        Self { name, type_name, ports }
    }

    /// The name it is configured under.
    pub fn name(&self) -> &ConnectorName {
        &self.name
    }

    /// Its type, as the configuration names it.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Everything it offers.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Where it takes events.
    pub fn sink(&self) -> Result<Arc<dyn EventSink>> {
        self.port(self.ports.sink.as_ref(), "takes no events")
    }

    /// Where it finds events.
    pub fn search(&self) -> Result<Arc<dyn EventSearch>> {
        self.port(self.ports.search.as_ref(), "searches no events")
    }

    /// Its alerts.
    pub fn alerts(&self) -> Result<Arc<dyn AlertSource>> {
        self.port(self.ports.alerts.as_ref(), "has no alerts")
    }

    /// Its tickets.
    pub fn desk(&self) -> Result<Arc<dyn TicketDesk>> {
        self.port(self.ports.desk.as_ref(), "has no tickets")
    }

    /// What changes in its tickets.
    pub fn feed(&self) -> Result<Arc<dyn TicketFeed>> {
        self.port(self.ports.feed.as_ref(), "tells no changes of tickets")
    }

    /// What it blocks.
    pub fn blocklist(&self) -> Result<Arc<dyn Blocklist>> {
        self.port(self.ports.blocklist.as_ref(), "blocks nothing")
    }

    /// Where it tells people something.
    pub fn notifier(&self) -> Result<Arc<dyn Notifier>> {
        self.port(self.ports.notifier.as_ref(), "notifies nobody")
    }

    fn port<P: ?Sized>(&self, port: Option<&Arc<P>>, none: &str) -> Result<Arc<P>> {
        port.cloned().ok_or_else(|| {
            let what =
                format!("{:?} ({}) {none} as it is configured", self.name.as_str(), self.type_name);
            Error::new(Kind::Unsupported, what)
        })
    }

    /// Whether it works, stage by stage. Has no side effect on the other side.
    pub async fn check(&self, call: &Call) -> Health {
        self.ports.connector.check(call).await
    }
}

fn config(what: String) -> Error {
    Error::new(Kind::Config, what)
}
