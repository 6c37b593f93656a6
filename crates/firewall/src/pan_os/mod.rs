//! PAN-OS: addresses registered with a tag, each with its own time-out.

mod backend;
mod client;
mod config;
mod error;
mod map;
mod wire;

use std::sync::Arc;

use watchfloor_core::config::Section;
use watchfloor_core::{ConnectorName, Result};
use watchfloor_http::{Auth, Env, Factory, Layer, Ports, Settings};

pub use backend::PanOs;
pub use config::PanOsConfig;

use crate::Controller;

impl PanOs {
    /// A firewall behind its XML API. Sends nothing yet.
    pub fn connect(
        layer: &Layer,
        name: &ConnectorName,
        config: PanOsConfig,
        settings: Settings,
    ) -> Result<Self> {
        let auth = Auth::header("X-PAN-KEY", config.api_key);
        let client = layer.client(name, vec![config.url], auth, settings, error::classify)?;
        let api = client::Api::new(client, config.vsys);
        Ok(Self::new(name.clone(), api, config.tag, config.max_entries))
    }

    /// The settings unless others are said: the vendor asks for at most five calls at a time.
    pub fn settings() -> Settings {
        let mut settings = Settings::default();
        settings.max_in_flight = 4;
        settings
    }
}

/// Makes connectors of type `pan_os`: a [`Controller`] over [`PanOs`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PanOsFactory;

impl Factory for PanOsFactory {
    fn type_name(&self) -> &'static str {
        "pan_os"
    }

    fn management(&self) -> &'static [&'static str] {
        &["url"]
    }

    fn build(&self, name: &ConnectorName, section: &mut Section, env: &Env) -> Option<Ports> {
        let settings = PanOs::settings().or_as_in(section);
        let config = PanOsConfig::read(section);
        let device = PanOs::connect(&env.layer, name, config?, settings?);
        let device = section.made("url", device)?;
        let (guard, facts) = (env.guard.clone(), env.facts.clone());
        let edge = Controller::new(device, guard, facts, env.clock.clone());
        Some(Ports::of_blocklist(Arc::new(edge)))
    }
}
