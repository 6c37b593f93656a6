#![doc = include_str!("../README.md")]

mod controller;
mod ledger;
pub mod pan_os;

pub use controller::Controller;
