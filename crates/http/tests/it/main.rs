//! The layer against servers on loopback, on a clock that jumps.

mod auth;
mod bench;
mod bodies;
mod child;
mod egress;
mod endpoints;
mod factory;
mod pipeline;
mod proxy;
mod retry;
mod settings;
mod tls;
