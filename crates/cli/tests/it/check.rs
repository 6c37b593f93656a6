use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use watchfloor::http::SystemClock;
use watchfloor::store::RedbStore;
use watchfloor_testkit::twins::{Elasticsearch, Hec};
use watchfloor_testkit::{Authority, Server, Tls, Twin};

use crate::program::{KEY, Place, Run, TOKEN};

async fn serve<T: Twin>(twin: T) -> Server<T> {
    Server::start(twin, Arc::new(SystemClock::new())).await.unwrap()
}

fn hec(url: &str) -> String {
    format!(
        "[connectors.siem]\ntype = \"splunk\"\nhec_url = \"{url}\"\nhec_token = {{ env = \"TOKEN\" }}\n\
         [connectors.siem.http]\nmax_attempts = 1\n"
    )
}

fn elastic(url: &str) -> String {
    format!(
        "[connectors.search]\ntype = \"elastic\"\nurls = [\"{url}\"]\ntarget = \"logs-watchfloor-default\"\n\
         auth = {{ type = \"api_key\", key = {{ env = \"KEY\" }} }}\n\
         [connectors.search.http]\nmax_attempts = 1\n"
    )
}

/// The first stage of a connector that is bad.
fn failure(run: &Run, connector: &str) -> Option<String> {
    let lines = run.json();
    let bad = lines.iter().find(|l| l["connector"] == connector && l["state"] == "bad")?;
    assert!(bad["why"].as_str().is_some_and(|why| !why.is_empty()), "{bad}");
    assert!(bad["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{bad}");
    bad["stage"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well() {
    let (splunk, es) =
        (serve(Hec::new(TOKEN)).await, serve(Elasticsearch::with_api_key(KEY)).await);
    let place = Place::new(&(hec(&splunk.url()) + &elastic(&es.url())));
    let run = place.run(&["check"]);
    assert_eq!(run.status, 0, "{run:?}");
    let of = |name: &str| -> Vec<Value> {
        run.json().into_iter().filter(|l| l["connector"] == name).collect()
    };
    for (name, kind) in [("siem", "splunk"), ("search", "elastic")] {
        let lines = of(name);
        assert!(lines.iter().all(|l| l["type"] == kind && l["state"] != "bad"), "{run:?}");
        for stage in ["reachable", "authenticated"] {
            assert!(lines.iter().any(|l| l["stage"] == stage && l["state"] == "good"), "{run:?}");
        }
    }
    assert!(splunk.held().is_empty(), "a check changes nothing");

    let one = place.run(&["check", "siem"]);
    assert_eq!(one.status, 0);
    assert!(one.json().iter().all(|l| l["connector"] == "siem"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unauthenticated_forbidden_and_unreachable_are_told_apart() {
    let splunk = serve(Hec::new("another token")).await;
    let es = serve(Elasticsearch::with_api_key("another key")).await;
    let place = Place::new(&(hec(&splunk.url()) + &elastic(&es.url())));
    let run = place.run(&["check"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(failure(&run, "siem").as_deref(), Some("authenticated"));
    assert_eq!(failure(&run, "search").as_deref(), Some("authenticated"));

    let es = serve(Elasticsearch::with_api_key(KEY).read_only()).await;
    let run = Place::new(&elastic(&es.url())).run(&["check"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(failure(&run, "search").as_deref(), Some("authorised"));

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nobody}/");
    let run = Place::new(&(hec(&url) + &elastic(&url))).run(&["check"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(failure(&run, "siem").as_deref(), Some("reachable"));
    assert_eq!(failure(&run, "search").as_deref(), Some("reachable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t24_tls_is_a_stage_of_its_own() {
    let (known, stranger) = (Authority::new(), Authority::new());
    let clock = Arc::new(SystemClock::new());
    let at =
        async |tls: &Tls| Server::start_tls(Hec::new(TOKEN), clock.clone(), tls).await.unwrap();
    let check = |splunk: &Server<Hec>, more: &str| {
        let place = Place::new(&(hec(&splunk.url()) + more + "\n"));
        place.write("ca.pem", known.pem());
        place.run(&["check"])
    };
    let tls = |run: &Run| run.json().into_iter().find(|l| l["stage"] == "tls").unwrap();
    let trusted = "ca_file = \"ca.pem\"";

    let splunk = at(&Tls::of(&known)).await;
    let run = check(&splunk, trusted);
    assert_eq!((run.status, run.err.as_str()), (0, ""), "{run:?}");
    assert_eq!(tls(&run)["state"], "good", "{run:?}");
    let run = check(&splunk, "");
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(failure(&run, "siem").as_deref(), Some("tls"));
    assert!(tls(&run)["fix"].as_str().unwrap().contains("ca_file"), "{run:?}");

    for bad in [Tls::of(&stranger), Tls::named(&known, &["splunk.example"]), Tls::expired(&known)] {
        let splunk = at(&bad).await;
        let run = check(&splunk, trusted);
        assert_eq!(failure(&run, "siem").as_deref(), Some("tls"), "{run:?}");
        assert_eq!(splunk.script().count("*"), 0, "nothing was asked");
    }

    let run = check(&at(&Tls::self_signed()).await, "danger_accept_invalid_certs = true");
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(failure(&run, "siem").as_deref(), Some("degraded"));
    assert!(run.err.contains("WARN") && run.err.contains("siem"), "it is loud: {run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_for_people() {
    let splunk = serve(Hec::new(TOKEN)).await;
    let run = Place::new(&hec(&splunk.url())).run(&["check", "--output", "table"]);
    assert_eq!(run.status, 0, "{run:?}");
    let mut lines = run.out.lines();
    assert!(lines.next().unwrap().starts_with("CONNECTOR  TYPE    STAGE"), "{}", run.out);
    assert!(lines.next().unwrap().starts_with("siem       splunk  "), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_changes_nothing() {
    let splunk = serve(Hec::new(TOKEN)).await;
    let place = Place::new(&hec(&splunk.url()));
    let mut child =
        place.program(&["check"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::of(&tokio::task::block_in_place(|| child.wait_with_output().unwrap()));
    assert_eq!((run.status, run.err.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_holds_is_said_at_once_and_with_whom() {
    let splunk = serve(Hec::new(TOKEN)).await;
    let place = Place::new(&format!("[state]\npath = \"wf.redb\"\n{}", hec(&splunk.url())));
    assert_eq!(place.run(&["check"]).status, 0);
    assert!(place.path("wf.redb").exists() && !place.path("wf.redb.holder").exists());
    let held = RedbStore::open(&place.path("wf.redb"), &SystemClock::new()).unwrap();
    for args in [vec!["check"], vec!["send", "--to", "siem"]] {
        let run = place.run(&args);
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{run:?}");
        let who = format!("wf.redb is held by process {} on host ", std::process::id());
        assert!(run.err.starts_with("watchfloor.toml:2: state.path: "), "{}", run.err);
        assert!(run.err.contains(&who), "{}", run.err);
    }
    drop(held);
    assert_eq!(place.run(&["check"]).status, 0);
}
