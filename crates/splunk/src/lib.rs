#![doc = include_str!("../README.md")]

mod client;
mod config;
mod error;
mod map;
mod sink;
mod wire;

pub use config::Splunk;
pub use sink::{Hec, OnUnknown};
