use std::process::{Child, Command};
use std::sync::Arc;

use watchfloor::http::SystemClock;
use watchfloor_testkit::twins::{Elasticsearch, Hec};
use watchfloor_testkit::{Fault, Server};

use crate::program::{KEY, Place, Run, TOKEN};

const EVENTS: &str =
    "{\"n\":1.10,\"metadata\":{\"uid\":\"u-1\"}}\n{\"n\":2,\"metadata\":{\"uid\":\"u-2\"}}\n";

async fn splunk(more: &str) -> (Server<Hec>, Place) {
    let twin = Server::start(Hec::new(TOKEN), Arc::new(SystemClock::new())).await.unwrap();
    let place = Place::new(&format!(
        "[connectors.siem]\ntype = \"splunk\"\nhec_url = \"{}\"\nhec_token = {{ env = \"TOKEN\" }}\n{more}\n\
         [connectors.siem.http]\nmax_attempts = 1\n",
        twin.url()
    ));
    (twin, place)
}

#[tokio::test(flavor = "multi_thread")]
async fn delivered_events_are_counted() {
    let (twin, place) = splunk("").await;
    place.write("events.ndjson", EVENTS);
    let run = place.run(&["send", "--to", "siem", "events.ndjson"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(run.out, "{\"sent\":2,\"delivered\":2,\"rejected\":0,\"unknown\":0}\n");
    assert_eq!(run.err, "");
    let held: Vec<_> = twin.held().into_iter().map(|e| e.event).collect();
    assert_eq!(held, EVENTS.lines().collect::<Vec<_>>());

    for args in [vec!["send", "--to", "siem"], vec!["send", "--to", "siem", "-"]] {
        let run = place.run_with(&args, EVENTS.as_bytes());
        assert_eq!(run.status, 0, "{run:?}");
    }
    assert_eq!(twin.held().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_takes_them_too() {
    let es = Elasticsearch::with_api_key(KEY);
    let twin = Server::start(es, Arc::new(SystemClock::new())).await.unwrap();
    let place = Place::new(&format!(
        "[connectors.search]\ntype = \"elastic\"\nurls = \"{}\"\ntarget = \"events\"\n\
         auth = {{ type = \"api_key\", key = {{ env = \"KEY\" }} }}\n",
        twin.url()
    ));
    let run = place.run_with(&["send", "--to", "search"], EVENTS.as_bytes());
    assert_eq!(run.status, 0, "{run:?}");
    let held = twin.held("events");
    assert_eq!(held["u-1"], EVENTS.lines().next().unwrap());
    assert_eq!(held.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_go_to_the_dead_letter_with_their_reason() {
    let (twin, place) = splunk("").await;
    let input = format!("{EVENTS}{{}}\nnot json\n");
    let args = ["send", "--to", "siem", "--dead-letter", "dead.ndjson"];
    let run = place.run_with(&args, input.as_bytes());
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(run.out, "{\"sent\":4,\"delivered\":2,\"rejected\":2,\"unknown\":0}\n");
    assert_eq!(twin.held().len(), 2);
    let dead = place.read("dead.ndjson");
    let dead: Vec<serde_json::Value> =
        dead.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let events: Vec<_> = dead.iter().map(|d| d["event"].to_string()).collect();
    assert!(
        events.contains(&"{}".to_owned()) && events.contains(&"\"not json\"".to_owned()),
        "{dead:?}"
    );
    let line = dead.iter().find(|d| d["event"] == "not json").unwrap();
    assert!(line["reason"].as_str().unwrap().starts_with("line 4: "), "{line}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(place.path("dead.ndjson")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others can read it");
    }

    let run = place.run_with(&["send", "--to", "siem"], b"not json\n");
    assert_eq!(run.status, 1);
    assert!(run.err.contains("--dead-letter FILE keeps it"), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_sends_nothing_and_says_so() {
    let (twin, place) = splunk("").await;
    twin.disable();
    let args = ["send", "--to", "siem", "--dead-letter", "dead.ndjson"];
    let run = place.run_with(&args, EVENTS.as_bytes());
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(run.out, "{\"sent\":2,\"delivered\":0,\"rejected\":2,\"unknown\":0}\n");
    assert_eq!(place.read("dead.ndjson").lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_neither_delivered_nor_rejected() {
    let (twin, place) = splunk("on_unknown = \"report\"").await;
    twin.script().on("send", 1, Fault::ResetAfter);
    let args = ["send", "--to", "siem", "--dead-letter", "dead.ndjson"];
    let run = place.run_with(&args, EVENTS.as_bytes());
    assert_eq!(run.status, 3, "{run:?}");
    assert_eq!(run.out, "{\"sent\":2,\"delivered\":0,\"rejected\":0,\"unknown\":2}\n");
    assert_eq!(place.read("dead.ndjson"), "");
    assert!(run.err.starts_with("2 unknown: "), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_letter_is_not_the_input() {
    let (twin, place) = splunk("").await;
    place.write("dead.ndjson", EVENTS);
    let run = place.run(&["send", "--to", "siem", "dead.ndjson", "--dead-letter", "dead.ndjson"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert_eq!(place.read("dead.ndjson"), EVENTS);
    assert!(twin.held().is_empty());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_with_what_is_known() {
    use std::io::Write;
    let (twin, place) = splunk("").await;
    twin.script().on("send", 2, Fault::Hang);
    let mut child = place.start(&["send", "--to", "siem"]);
    let mut input = child.stdin.take().unwrap();
    for (nth, line) in EVENTS.lines().enumerate() {
        writeln!(input, "{line}").unwrap();
        while twin.script().count("send") <= nth as u64 {
            tokio::task::yield_now().await;
        }
    }
    interrupt(&child);
    let run = Run::of(&tokio::task::block_in_place(|| child.wait_with_output().unwrap()));
    assert_eq!(run.status, 3, "{run:?}");
    assert_eq!(run.out, "{\"sent\":2,\"delivered\":1,\"rejected\":0,\"unknown\":1}\n");
    assert!(run.err.contains("stopped before the end of the input"), "{}", run.err);
    drop(input);
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
}
