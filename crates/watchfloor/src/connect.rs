//! Configuration → connectors: all of them, or everything that is wrong.

use std::sync::Arc;

use watchfloor_core::block::GuardConfig;
use watchfloor_core::config::{Section, nearest};
use watchfloor_core::{Clock, ConnectorName, Facts, Guard, Store};
use watchfloor_http::{Env, Factory, Layer};

use crate::{Config, ConfigErrors, Connected, Connection, Registry, facts};

impl Config {
    /// Opens the store of `[state]`, where there is one, and builds every connector. Nothing is
    /// sent; an error is everything that is wrong with the configuration, at once. A store that
    /// cannot be opened is wrong too: who holds it is named.
    ///
    /// The store is held until the last connector is dropped. It is opened only where nothing else
    /// is wrong with what is not a connector's.
    pub fn connect(
        mut self,
        registry: &Registry,
        clock: Arc<dyn Clock>,
    ) -> Result<Connected, ConfigErrors> {
        self.route_to_desks(registry);
        let store = self.open_store(&*clock);
        let layer = Layer::new(clock);
        let layer = match &store {
            Some(store) => layer.with_store(store.clone()),
            None => layer,
        };
        let builder = Builder {
            registry,
            layer,
            store: store.clone(),
            host: facts::of_host(),
            guard: self.settings.guard.clone(),
        };
        let connections: Vec<_> = std::mem::take(&mut self.connectors)
            .into_iter()
            .filter_map(|(name, section)| builder.connection(name, section))
            .collect();
        self.right()?;
        tracing::debug!(file = %self.file.display(), connectors = connections.len(), "configured");
        Ok(Connected::new(self.settings, connections, store))
    }

    /// An owner's table must be of a connector or a type: else its tickets would go nowhere, and
    /// nobody would know.
    fn route_to_desks(&self, registry: &Registry) {
        let mut names: Vec<&str> = self.names().collect();
        names.extend(registry.types());
        for place in &self.places {
            if !names.contains(&place.desk.as_str()) {
                let hint = match nearest(&place.desk, &names) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => "a key, or a table named after a connector or a type".to_owned(),
                };
                self.problems.add(place.line, &place.key, "names no connector", hint);
            }
        }
    }
}

/// What every connector is built with.
struct Builder<'a> {
    registry: &'a Registry,
    layer: Layer,
    store: Option<Arc<dyn Store>>,
    host: Facts,
    guard: GuardConfig,
}

impl Builder<'_> {
    fn connection(&self, name: String, mut section: Section) -> Option<Connection> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            section.problem("", "is no name for a connector", "letters, digits, - and _");
        }
        let factory = self.factory(&mut section)?;
        let name = ConnectorName::new(name);
        let mut facts = self.host.clone();
        for key in factory.management() {
            facts.management.extend(facts::of_urls(section.peek(key)));
        }
        let guard = Guard::new(name.clone(), self.guard.clone());
        let mut env = Env::new(self.layer.clone(), Arc::new(facts), Arc::new(guard));
        env.store = self.store.clone();
        let ports = factory.build(&name, &mut section, &env);
        section.finish();
        Some(Connection::new(name, factory.type_name(), ports?))
    }

    fn factory(&self, section: &mut Section) -> Option<&dyn Factory> {
        let type_name = section.required_text("type")?;
        let factory = self.registry.get(&type_name);
        if factory.is_none() {
            let types: Vec<_> = self.registry.types().collect();
            let hint = match nearest(&type_name, &types) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("there are: {}", types.join(", ")),
            };
            section.problem("type", format!("{type_name:?} is no type of connector"), hint);
        }
        factory
    }
}
