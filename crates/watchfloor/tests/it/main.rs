//! The façade as its users see it.

mod connect;
