#![doc = include_str!("../README.md")]

mod owners;
mod record;
mod report;
mod responder;

pub use owners::{Owner, Owners};
pub use record::ActionRecord;
pub use report::{Entry, Report, Verdict};
pub use responder::{DeskAt, Responder, block_marker};
