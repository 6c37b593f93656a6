//! Integration tests of respond.

mod actions;
mod fakes;
mod owners;
mod respond;
