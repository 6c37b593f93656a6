#![doc = include_str!("../README.md")]

mod clock;
mod config;
pub mod conformance;
mod fault;
pub mod leak;
mod log;
mod message;
pub mod schedule;
mod script;
mod server;
pub mod twins;

#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "tls")]
mod tls;

pub use clock::TestClock;
pub use config::{build, section};
pub use fault::{Fault, Twist};
pub use leak::{Canaries, leaks};
pub use log::{Log, Logged};
pub use message::{Answer, Request};
#[cfg(feature = "schema")]
pub use schema::validate_ocsf;
pub use script::{Met, Script};
pub use server::{Server, Twin};
#[cfg(feature = "tls")]
pub use tls::{Authority, Tls};
