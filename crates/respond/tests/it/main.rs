//! Integration tests of respond.

mod actions;
