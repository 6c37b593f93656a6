//! Whole processes side by side: what Watchfloor costs against a bare loop.

fn main() {}
