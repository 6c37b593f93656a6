//! Tests across the crates of Watchfloor.
