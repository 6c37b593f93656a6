//! How a configuration becomes connectors.

use std::fmt;
use std::sync::Arc;

use watchfloor_core::block::GuardConfig;
use watchfloor_core::config::Section;
use watchfloor_core::{
    AlertSource, Blocklist, Clock, Connector, ConnectorName, EventSearch, EventSink, Facts, Guard,
    Notifier, Store, TicketDesk, TicketFeed,
};

use crate::Layer;

/// Makes the connectors of one `type` of the configuration: an adapter's entry in the registry.
pub trait Factory: Send + Sync {
    /// The value of `type` in `[connectors.NAME]`.
    fn type_name(&self) -> &'static str;

    /// The keys of its section whose URLs lead to the management of a device that blocks; the
    /// addresses behind them are among [`Facts::management`] when it is built.
    fn management(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads a connector's section and makes its ports. What is wrong is reported to the section;
    /// `None` if and only if something was.
    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports>;
}

/// What a connector is made with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Env {
    /// The process's layer.
    pub layer: Layer,
    /// The process's clock.
    pub clock: Arc<dyn Clock>,
    /// The store, where there is one.
    pub store: Option<Arc<dyn Store>>,
    /// What is known of this host.
    pub facts: Arc<Facts>,
    /// The guard of this connector.
    pub guard: Arc<Guard>,
}

impl Env {
    /// An environment without a store; its clock is the layer's.
    pub fn new(layer: Layer, facts: Arc<Facts>, guard: Arc<Guard>) -> Self {
        let clock = layer.clock().clone();
        Self { layer, clock, store: None, facts, guard }
    }

    /// The environment of one connector by itself: a layer of its own, a guard with its defaults,
    /// nothing known of this host.
    pub fn alone(name: &ConnectorName, clock: Arc<dyn Clock>) -> Self {
        let guard = Guard::new(name.clone(), GuardConfig::new());
        Self::new(Layer::new(clock), Arc::default(), Arc::new(guard))
    }

    /// The same environment with a store.
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }
}

/// What a connector can do: its ports.
#[derive(Clone)]
#[non_exhaustive]
pub struct Ports {
    /// The connector itself, for `check`.
    pub connector: Arc<dyn Connector>,
    /// Takes events.
    pub sink: Option<Arc<dyn EventSink>>,
    /// Finds events.
    pub search: Option<Arc<dyn EventSearch>>,
    /// Hands alerts out.
    pub alerts: Option<Arc<dyn AlertSource>>,
    /// Opens tickets.
    pub desk: Option<Arc<dyn TicketDesk>>,
    /// Tells what changed on tickets.
    pub feed: Option<Arc<dyn TicketFeed>>,
    /// Blocks sources.
    pub blocklist: Option<Arc<dyn Blocklist>>,
    /// Tells people.
    pub notifier: Option<Arc<dyn Notifier>>,
}

macro_rules! ports {
    ($($with:ident, $field:ident: $port:ident, $of:ident;)*) => {
        impl Ports {
            /// A connector that offers no port yet; add them with the `with_…` methods.
            pub fn of(connector: Arc<dyn Connector>) -> Self {
                Self {
                    connector,
                    $($field: None,)*
                }
            }

            $(
                #[doc = concat!("A connector that is one [`", stringify!($port), "`].")]
                pub fn $of(port: Arc<dyn $port>) -> Self {
                    Self::of(port.clone()).$with(port)
                }

                #[doc = concat!("Adds an [`", stringify!($port), "`].")]
                pub fn $with(mut self, port: Arc<dyn $port>) -> Self {
                    self.$field = Some(port);
                    self
                }
            )*
        }

        impl fmt::Debug for Ports {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut ports = Vec::new();
                $(if self.$field.is_some() {
                    ports.push(stringify!($field));
                })*
                f.debug_struct("Ports").field("connector", self.connector.name()).field("ports", &ports).finish()
            }
        }
    };
}

ports! {
    with_sink, sink: EventSink, of_sink;
    with_search, search: EventSearch, of_search;
    with_alerts, alerts: AlertSource, of_alerts;
    with_desk, desk: TicketDesk, of_desk;
    with_feed, feed: TicketFeed, of_feed;
    with_blocklist, blocklist: Blocklist, of_blocklist;
    with_notifier, notifier: Notifier, of_notifier;
}
