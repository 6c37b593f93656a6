//! Both stores against what they promise.

mod bench;
mod conformance;
mod file;
mod kill;
mod model;
