use std::fmt::Write;
use std::process::Stdio;

use crate::program::{Place, Run};

/// Failed logins of one account by one client, behind a proxy, with a password in the query.
fn brute_force(peer: &str, forwarded: &str) -> String {
    let mut log = String::new();
    for second in 0..40 {
        writeln!(
            log,
            r#"{{"time":"2026-11-24T09:24:{second:02}Z","remote_addr":"{peer}","http_x_forwarded_for":"{forwarded}","request_method":"POST","request_uri":"/api/login?password=cnry-customer","status":401,"remote_user":"alice","request_id":"r{second}"}}"#
        )
        .unwrap();
    }
    log
}

fn client(run: &Run) -> String {
    let alerts = run.json();
    let [alert] = &alerts[..] else { panic!("not one alert: {run:?}") };
    assert_eq!(
        (alert["class_uid"].as_u64(), alert["is_alert"].as_bool()),
        (Some(2004), Some(true))
    );
    assert_eq!(alert["finding_info"]["types"][0], "credential_brute_force");
    alert["evidences"][0]["src_endpoint"]["ip"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_is_an_alert_and_needs_no_configuration() {
    let place = Place::new("nonsense");
    place.write("access.ndjson", brute_force("203.0.113.9", "198.51.100.1"));
    let run = place.run(&["detect", "access.ndjson"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""), "{run:?}");
    assert_eq!(client(&run), "203.0.113.9", "nobody vouches for the header");

    let piped = place
        .run_with(&["detect", "--format", "json", "-"], brute_force("203.0.113.9", "").as_bytes());
    assert_eq!(client(&piped), "203.0.113.9");

    let table = place.run(&["detect", "--output", "table", "access.ndjson"]);
    assert!(table.out.starts_with("FIRST SEEN"), "{}", table.out);
    assert!(table.out.contains("credential_brute_force  203.0.113.9 (peer)"), "{}", table.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_configuration_says_who_is_believed() {
    let place = Place::new(
        "[client]\ntrusted_proxies = [\"192.0.2.10\"]\n[connectors.x]\ntype = \"unknown\"\n",
    );
    place.write("access.ndjson", brute_force("192.0.2.10", "198.51.100.7"));
    let run = place.run(&["--config", "watchfloor.toml", "detect", "access.ndjson"]);
    assert_eq!(run.status, 0, "its connectors are not looked at: {run:?}");
    assert_eq!(client(&run), "198.51.100.7");

    place.write("watchfloor.toml", "[client]\nheadr = \"x\"\n");
    let run = place.run(&["--config", "watchfloor.toml", "detect", "access.ndjson"]);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("watchfloor.toml:2: client.headr: is no known key"), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_counted_with_their_numbers_and_end_with_0() {
    let place = Place::new("");
    let log = brute_force("203.0.113.9", "");
    place
        .write("access.ndjson", format!("not a line password=cnry-customer\n{log}\n{{\"half\":\n"));
    let run = place.run(&["detect", "access.ndjson"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(client(&run), "203.0.113.9");
    let told: Vec<_> = run.err.lines().collect();
    assert_eq!(told.len(), 3, "{}", run.err);
    assert!(
        told[0].starts_with("access.ndjson: line 1: ") && told[1].contains(": line 43: "),
        "{}",
        run.err
    );
    assert_eq!(told[2], "access.ndjson: 2 of 42 lines bad: 1, 43");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_cannot_be_read_ends_with_1_and_the_others_are_read() {
    let place = Place::new("");
    place.write("access.ndjson", brute_force("203.0.113.9", ""));
    place.write("prose.txt", "Dear diary,\nnothing happened.\n");
    for (bad, why) in [
        ("gone.log", "cannot be read"),
        (".", "cannot be read"),
        ("prose.txt", "name it: --format"),
    ] {
        let run = place.run(&["detect", bad, "access.ndjson"]);
        assert_eq!(run.status, 1, "{run:?}");
        assert_eq!(client(&run), "203.0.113.9");
        assert!(run.err.starts_with(&format!("{bad}: ")) && run.err.contains(why), "{}", run.err);
    }
    place.write("empty.log", "");
    assert_eq!(place.run(&["detect", "empty.log"]).status, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_specification_names_what_is_attacked() {
    let place = Place::new("");
    place.write("access.ndjson", brute_force("203.0.113.9", ""));
    let doc = r#"{"openapi":"3.1.0","servers":[{"url":"/api"}],"paths":{"/{door}":{"post":{"operationId":"login"}}}}"#;
    place.write("openapi.json", doc);
    let run = place.run(&["detect", "--spec", "openapi.json", "access.ndjson"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(run.json()[0]["unmapped"]["watchfloor"]["url_group"], "/api/{door}");

    place.write("openapi.json", r#"{"swagger":"2.0"}"#);
    for (spec, why) in [("openapi.json", "\"openapi\""), ("gone.json", "cannot be read")] {
        let run = place.run(&["detect", "--spec", spec, "access.ndjson"]);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.err.starts_with(&format!("{spec}: ")) && run.err.contains(why), "{}", run.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_errors_end_with_2() {
    let place = Place::new("");
    assert_eq!(place.run(&["detect"]).status, 2);
    let run = place.run(&["detect", "--format", "xml", "x"]);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("nginx, apache, modsecurity, ocsf, json"), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new("");
    place.write("access.ndjson", brute_force("203.0.113.9", ""));
    let mut program = place.program(&["detect", "access.ndjson"]);
    let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::of(&tokio::task::block_in_place(|| child.wait_with_output().unwrap()));
    assert_eq!((run.status, run.err.as_str()), (0, ""));
}
