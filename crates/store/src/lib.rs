#![doc = include_str!("../README.md")]

mod file;
mod limits;
mod memory;

pub use file::RedbStore;
pub use limits::{MAX_COMMIT, MAX_KEY, MAX_VALUE};
pub use memory::MemoryStore;
