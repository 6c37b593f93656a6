#![doc = include_str!("../README.md")]

mod config;
mod connect;
mod connection;
pub mod facts;
mod registry;
mod secrets;
mod state;

pub use config::{
    ClientSettings, Config, ConfigErrors, DEFAULT_FILE, FILE_VARIABLE, Settings, StateSettings,
};
pub use connection::{Connected, Connection};
pub use registry::Registry;
pub use secrets::Secrets;
pub use watchfloor_core as core;
#[cfg(feature = "detect")]
pub use watchfloor_detect as detect;
#[cfg(feature = "elastic")]
pub use watchfloor_elastic as elastic;
#[cfg(feature = "firewall")]
pub use watchfloor_firewall as firewall;
pub use watchfloor_http as http;
#[cfg(feature = "jira")]
pub use watchfloor_jira as jira;
#[cfg(feature = "respond")]
pub use watchfloor_respond as respond;
#[cfg(feature = "servicenow")]
pub use watchfloor_servicenow as servicenow;
#[cfg(feature = "splunk")]
pub use watchfloor_splunk as splunk;
#[cfg(feature = "store")]
pub use watchfloor_store as store;
