//! Events: an OCSF document and its head.

mod client;

pub use client::{Attribution, Client};
