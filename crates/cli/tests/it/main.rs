//! The program as its users run it, against twins on loopback.

mod check;
mod detect;
#[cfg(unix)]
mod lab;
mod program;
mod send;
mod ticket;
mod usage;
