#![doc = include_str!("../README.md")]

mod config;
pub mod facts;
mod secrets;

pub use config::{ClientSettings, Config, ConfigErrors, DEFAULT_FILE, Evidence, FILE_VARIABLE, Settings};
pub use secrets::Secrets;
pub use watchfloor_core as core;
