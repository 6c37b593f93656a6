//! A connector of somebody else, tested as ours are: a sink of an imaginary product ("Shelf") over
//! the shared layer, a twin of that product, and the suite and the fault schedules over both.
//!
//! `cargo test -p watchfloor-examples --test conformance`

mod run;
mod sink;
mod twin;

/// Whoever has a sink and a twin needs no more than this for the whole suite.
#[test]
fn the_run_has_at_most_ten_lines() {
    let lines = include_str!("run.rs").lines().map(str::trim);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    assert!(code <= 10, "{code}");
}
