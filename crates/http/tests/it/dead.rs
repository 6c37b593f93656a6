//! Hours of a server that never serves, on a clock that jumps.

use std::collections::BTreeMap;
use std::time::Duration;

use watchfloor_core::Clock as _;
use watchfloor_http::Settings;
use watchfloor_testkit::Fault;

use crate::bench::Bench;

const CALLERS: u64 = 64;
const HOURS: u64 = 6;

/// So many callers ask again as soon as they have their error, whatever it says. Without a layer
/// that holds them back they would ask without end: here no virtual time passes between a failure
/// and the next request but what the layer waits.
#[allow(clippy::print_stdout, reason = "the figures are what one wants to see")]
async fn storm(faults: &[Fault]) {
    let bench = Bench::new().await;
    for (nth, fault) in (1..=4000).zip(faults.iter().cycle()) {
        bench.server.script().on("item", nth, fault.clone());
    }
    let end = Duration::from_secs(HOURS * 3600);
    let client = bench.client(Settings::default());
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (client, clock) = (client.clone(), bench.clock.clone());
            let call = bench.call();
            tokio::spawn(async move {
                let mut errors = 0_u64;
                while clock.monotonic() < end {
                    let e = client.get("item", "x.get").send(&call).await.unwrap_err();
                    assert!(!e.to_string().is_empty());
                    errors += 1;
                }
                errors
            })
        })
        .collect();
    let mut errors = 0;
    for caller in callers {
        errors += caller.await.unwrap();
    }
    let start = "2026-11-24T08:00:00Z".parse().unwrap();
    let mut minutes = BTreeMap::<u64, u64>::new();
    for logged in bench.server.log().of("item") {
        *minutes.entry(logged.at.since(start).as_secs() / 60).or_default() += 1;
    }
    let all = bench.count("item");
    let shown: Vec<_> = (0..HOURS * 60)
        .step_by(30)
        .map(|m| minutes.range(m..m + 30).map(|(_, n)| n).sum::<u64>())
        .collect();
    let first: Vec<_> = (0..5).map(|m| minutes.get(&m).copied().unwrap_or_default()).collect();
    println!("{faults:?}: {all} requests, {errors} errors in {HOURS} h");
    println!("  a minute, the first five: {first:?}; by half hours: {shown:?}");
    // Three failures in a row count before the endpoint is held, and each may be a request of every
    // caller; then one request tries it after each rest: 4, 8, 16, 32 s, and 60 s from then on.
    let (early, probes) = (3 * CALLERS, 4 + HOURS * 60);
    assert!(all <= early + probes, "{all} > {early} + {probes}");
    let steady = minutes.range(5..).map(|(_, n)| *n).max();
    assert!(steady <= Some(2), "{steady:?} a minute");
    assert!(all >= probes - 10, "and it is never given up: {all}");
}

#[tokio::test]
async fn a_server_that_cannot_serve_meets_no_storm_in_six_hours() {
    storm(&[Fault::status(503)]).await;
}

#[tokio::test]
async fn a_server_that_resets_meets_no_storm_in_six_hours() {
    storm(&[Fault::ResetBefore]).await;
}

#[tokio::test]
async fn a_server_that_fails_in_turns_meets_no_storm_in_six_hours() {
    storm(&[Fault::status(503), Fault::ResetAfter, Fault::retry_after(503, 45)]).await;
}
