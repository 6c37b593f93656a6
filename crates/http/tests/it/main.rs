//! The layer against servers on loopback, on a clock that jumps.

mod auth;
mod bench;
mod egress;
mod endpoints;
mod factory;
mod pipeline;
mod retry;
mod settings;
