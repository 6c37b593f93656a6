//! Which types of connectors there are: said in one place, by whoever starts the program.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use watchfloor_http::Factory;

/// The adapters that a configuration can name, by type.
///
/// Nothing registers itself: a program that has an adapter of its own adds it with
/// [`with`](Self::with).
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<&'static str, Arc<dyn Factory>>);

impl Registry {
    /// No types.
    pub fn new() -> Self {
        Self::default()
    }

    /// The types of the adapters that this build's features bring.
    pub fn standard() -> Self {
        let registry = Self::new();
        #[cfg(feature = "splunk")]
        let registry = registry.with(watchfloor_splunk::Splunk);
        #[cfg(feature = "elastic")]
        let registry = registry.with(watchfloor_elastic::Elastic);
        #[cfg(feature = "servicenow")]
        let registry = registry.with(watchfloor_servicenow::ServiceNow);
        #[cfg(feature = "jira")]
        let registry = registry.with(watchfloor_jira::Jira);
        #[cfg(feature = "firewall")]
        let registry = registry.with(watchfloor_firewall::pan_os::PanOsFactory);
        registry
    }

    /// The registry with one more type; one of the same name is replaced.
    pub fn with(mut self, factory: impl Factory + 'static) -> Self {
        self.0.insert(factory.type_name(), Arc::new(factory));
        self
    }

    /// The types, in alphabetical order.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.0.keys().copied()
    }

    pub(crate) fn get(&self, type_name: &str) -> Option<&dyn Factory> {
        self.0.get(type_name).map(|factory| &**factory)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
