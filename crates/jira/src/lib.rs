#![doc = include_str!("../README.md")]

mod check;
mod client;
mod config;
mod desk;
mod dialect;
mod error;
mod map;
mod people;
mod screen;
mod steps;
mod text;
mod wire;

pub use config::Jira;
pub use desk::Issues;
