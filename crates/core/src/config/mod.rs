//! Configuration as adapters read it: a section that collects every error instead of stopping at
//! the first. It knows no file format; the façade makes sections from TOML.

mod near;
mod node;
mod problem;
mod read;
mod secret;
mod section;
mod units;

#[cfg(test)]
mod tests;

pub use near::nearest;
pub use node::{Node, Value};
pub use problem::{Problem, Problems};
pub use secret::{SecretRef, SecretSource};
pub use section::Section;
pub use units::parse_duration;
