//! PAN-OS: addresses registered with a tag, each with its own time-out.

mod config;
mod error;
mod map;
mod wire;
pub use config::PanOsConfig;
