#![doc = include_str!("../README.md")]

mod client;
mod config;
mod desk;
mod dialect;
mod error;
mod map;
mod text;
mod wire;

pub use config::Jira;
pub use desk::Issues;
