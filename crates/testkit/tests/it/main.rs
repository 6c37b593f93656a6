//! The twins behind their sockets, and as the recorded exchanges show their products.

mod oauth;
mod server;
mod transcripts;
