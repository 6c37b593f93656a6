#![doc = include_str!("../README.md")]

mod bad;
mod client;
mod detect;
mod detectors;
mod format;
mod readers;
mod seen;
mod spec;
mod thresholds;

pub use bad::BadLine;
pub use client::ClientConfig;
pub use detect::{Builder, Detect};
pub use format::Format;
pub use spec::{BadSpec, Spec};
pub use thresholds::Thresholds;
