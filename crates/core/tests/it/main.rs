//! Integration tests of the core.

mod desk;
