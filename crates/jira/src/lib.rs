#![doc = include_str!("../README.md")]

mod adf;
mod client;
mod config;
mod desk;
mod error;
mod map;
mod wire;

pub use config::Jira;
pub use desk::Issues;
