#![doc = include_str!("../README.md")]

mod client;
mod config;
mod desk;
mod error;
mod map;
mod wire;

pub use config::ServiceNow;
pub use desk::Incidents;
