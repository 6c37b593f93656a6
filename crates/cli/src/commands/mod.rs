//! One file a command.

pub(crate) mod check;
pub(crate) mod detect;
pub(crate) mod lab;
pub(crate) mod send;
pub(crate) mod ticket;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use watchfloor::core::{Clock, Root, Scope, TenantId};
use watchfloor::{Config, Connected, Registry};

use crate::exit::Failure;

/// Whose events and tickets these are, as long as a configuration serves one tenant.
const TENANT: &str = "default";

/// What every command starts from.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    /// The configuration that was named on the command line.
    pub(crate) config: Option<&'a Path>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Setup<'_> {
    /// The same for a command that ends soon: where another holds the store, it waits a little.
    pub(crate) async fn connect_in_turn(&self) -> Result<Connected, Failure> {
        const PATIENCE: Duration = Duration::from_secs(5);
        const LOOK: Duration = Duration::from_millis(50);
        let begun = self.clock.monotonic();
        loop {
            let config = Config::load(&Config::file(self.config)).map_err(Failure::usage)?;
            match config.connect(&Registry::standard(), self.clock.clone()) {
                Err(e)
                    if e.is_held() && self.clock.monotonic().saturating_sub(begun) < PATIENCE =>
                {
                    self.clock.pause(LOOK).await;
                }
                connected => return connected.map_err(Failure::usage),
            }
        }
    }

    /// The connectors of the configuration.
    pub(crate) fn connect(&self) -> Result<Connected, Failure> {
        let config = Config::load(&Config::file(self.config)).map_err(Failure::usage)?;
        config.connect(&Registry::standard(), self.clock.clone()).map_err(Failure::usage)
    }

    pub(crate) fn scope(&self) -> Scope {
        Root::new(self.clock.clone()).scope(TenantId::new(TENANT))
    }
}
