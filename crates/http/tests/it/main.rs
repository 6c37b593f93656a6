//! The layer against servers on loopback, on a clock that jumps.

mod auth;
mod bench;
mod bodies;
mod child;
mod dead;
mod egress;
mod endpoints;
mod factory;
mod observe;
mod page;
mod pipeline;
mod proxy;
mod retry;
mod settings;
mod tls;
