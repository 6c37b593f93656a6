#![doc = include_str!("../README.md")]

mod check;
mod client;
mod config;
mod desk;
mod error;
mod known;
mod map;
mod moves;
mod people;
mod states;
mod wire;

pub use config::{Options, ServiceNow};
pub use desk::Incidents;
