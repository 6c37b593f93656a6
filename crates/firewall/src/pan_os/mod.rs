//! PAN-OS: addresses registered with a tag, each with its own time-out.

mod error;
mod map;
mod wire;
