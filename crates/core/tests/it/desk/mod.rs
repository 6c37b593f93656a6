//! The desk driver over a shelf of tickets.

mod changes;
mod claims;
mod once;
mod repair;
mod shelf;
mod shut_out;
