//! Openers in several processes on one desk.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tokio::task::JoinSet;
use watchfloor::core::{
    CallId, Clock, Opened, Root, StatusCategory, TenantId, TicketDesk, TicketKey,
};
use watchfloor::http::SystemClock;
use watchfloor::{Config, Registry, Secrets};
use watchfloor_testkit::twins::{Jira, ServiceNow};
use watchfloor_testkit::{Fault, Server, TestClock, Twin};

/// What a child is told: the connector's type and the twin's URL.
const TOLD: &str = "WATCHFLOOR_OPENER";

const PASSWORD: &str = "openers";

/// `bot:openers`.
const BASIC: &str = "Basic Ym90Om9wZW5lcnM=";

const KEYS: [&str; 4] = ["wf-1", "wf-2", "wf-3", "wf-4"];

/// Each opens each key 25 times at once, without a store, so that nothing tells the two apart but
/// the desk itself.
#[tokio::test(flavor = "multi_thread")]
async fn t17_fifty_openers_in_two_processes_leave_one_live_ticket() {
    let clock = Arc::new(SystemClock::new());
    let mut doubled = 0;
    for lost in [&[][..], &[1], &[1, 2], &[1, 2, 3, 4, 5]] {
        let site = Jira::new(clock.clone(), BASIC).project("SEC", &[]).search_lag(12);
        let site = Server::start(site, clock.clone()).await.unwrap();
        lose(&site, lost);
        two_processes("jira", &site.url()).await;
        let held = site.held().into_iter().map(|issue| {
            let key = issue.labels.iter().find(|l| KEYS.contains(&l.as_str())).unwrap().clone();
            (key, issue.status == StatusCategory::Done)
        });
        doubled += one_is_live(held, &format!("jira, answers lost: {lost:?}"));

        let instance = ServiceNow::new(clock.clone(), "c", "s").accept(BASIC);
        let instance = Server::start(instance, clock.clone()).await.unwrap();
        lose(&instance, lost);
        two_processes("servicenow", &instance.url()).await;
        let held = instance.held("incident").into_iter().map(|incident| {
            let done = ["6", "7", "8"].contains(&&*incident.fields["state"]);
            (incident.fields["correlation_id"].clone(), done)
        });
        doubled += one_is_live(held, &format!("servicenow, answers lost: {lost:?}"));
    }
    assert!(doubled > 0, "the two never met, so nothing is proved");
}

/// The answers to these creates are lost on their way.
fn lose<T: Twin>(server: &Server<T>, creates: &[u64]) {
    for nth in creates {
        server.script().on("create", *nth, Fault::ResetAfter);
    }
}

/// Whether of each key one ticket is live and at most two were made, one by each process; how many
/// were made twice.
fn one_is_live(held: impl Iterator<Item = (String, bool)>, when: &str) -> usize {
    let mut keys: HashMap<String, Vec<bool>> = HashMap::new();
    held.for_each(|(key, done)| keys.entry(key).or_default().push(done));
    assert_eq!(keys.len(), KEYS.len(), "{when}: {keys:?}");
    for done in keys.values() {
        assert_eq!(done.iter().filter(|done| !**done).count(), 1, "{when}: {keys:?}");
        assert!(done.len() <= 2, "{when}: {keys:?}");
    }
    keys.values().filter(|made| made.len() == 2).count()
}

async fn two_processes(kind: &str, url: &str) {
    let told = format!("{kind} {url}");
    let both = tokio::task::spawn_blocking(move || {
        let mut children = [start(&told), start(&told)];
        // Both are ready before either begins.
        let outs = children.each_mut().map(|child| {
            let mut out = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            while !line.contains("ready") {
                line.clear();
                assert!(out.read_line(&mut line).unwrap() > 0, "it ended early");
            }
            out
        });
        for child in &mut children {
            child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        }
        for (child, mut out) in children.into_iter().zip(outs) {
            let mut said = String::new();
            out.read_to_string(&mut said).unwrap();
            let done = child.wait_with_output().unwrap();
            let err = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "{told}: {said}{err}");
        }
    });
    both.await.unwrap();
}

fn start(told: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "one_process", "--ignored", "--nocapture"])
        .env(TOLD, told)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, twice at once"]
#[allow(clippy::print_stdout, reason = "what its parent waits for")]
async fn one_process() {
    let told = std::env::var(TOLD).unwrap();
    let (kind, url) = told.split_once(' ').unwrap();
    // Its waits are over at once; the twin in the other process knows none.
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let desk = connect(kind, url, None, clock.clone());
    let scope = Root::new(clock).scope(TenantId::new("acme"));
    let mut openers = JoinSet::new();
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    for key in KEYS.iter().flat_map(|key| std::iter::repeat_n(*key, 25)) {
        let (desk, scope) = (desk.clone(), scope.clone());
        openers.spawn(async move {
            let draft = scope.draft(TicketKey::given(key), "Brute force on /login");
            (key, desk.open(&scope.call(), &draft).await.unwrap())
        });
    }
    let opened = openers.join_all().await;
    for key in KEYS {
        let created = |(of, o): &&(&str, Opened)| *of == key && matches!(o, Opened::Created(_));
        let created = opened.iter().filter(created).count();
        assert!(created <= 1, "{created} of one process's openers say that they created it");
    }
    desk.settle(&scope.call()).await.unwrap();
}

/// What opening costs, as the product's own log shows it: a look-up and a create where the key is new
/// to the store, the create alone where it was claimed there before. What is asked once for a desk
/// (a token, choices, screens) is not counted.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_costs_a_look_up_and_a_create_and_the_create_alone_where_the_key_is_claimed() {
    let clock = Arc::new(SystemClock::new());
    let dir = std::env::temp_dir().join(format!("watchfloor-desks-{}", CallId::random()));
    std::fs::create_dir(&dir).unwrap();
    let site = Jira::new(clock.clone(), BASIC).project("SEC", &[]);
    let site = Server::start(site, clock.clone()).await.unwrap();
    let desk = connect("jira", &site.url(), Some(&dir), clock.clone());
    let cost = cost_of(&*desk, clock.clone(), || operations(&site)).await;
    assert_eq!(cost, [["search", "create"].as_slice(), &["create"]], "jira");

    let instance = ServiceNow::new(clock.clone(), "c", "s").accept(BASIC);
    let instance = Server::start(instance, clock.clone()).await.unwrap();
    let desk = connect("servicenow", &instance.url(), Some(&dir), clock.clone());
    let cost = cost_of(&*desk, clock, || operations(&instance)).await;
    assert_eq!(cost, [["list", "create"].as_slice(), &["create"]], "servicenow");
    std::fs::remove_dir_all(&dir).unwrap();
}

fn operations<T: Twin>(server: &Server<T>) -> Vec<&'static str> {
    server.log().all().into_iter().map(|logged| logged.operation).collect()
}

/// The requests of an open of a new key, and of one that was reserved before.
async fn cost_of(
    desk: &dyn TicketDesk,
    clock: Arc<dyn Clock>,
    log: impl Fn() -> Vec<&'static str>,
) -> Vec<Vec<&'static str>> {
    let scope = Root::new(clock).scope(TenantId::new("acme"));
    let open = async |key: &str| {
        let draft = scope.draft(TicketKey::given(key), "Brute force on /login");
        let before = log().len();
        let opened = desk.open(&scope.call(), &draft).await.unwrap();
        assert!(matches!(opened, Opened::Created(_)), "{key}");
        log().split_off(before)
    };
    open("first").await;
    let cold = open("cold").await;
    assert_eq!(desk.reserve(&scope.call(), &TicketKey::given("warm")).await.unwrap(), None);
    vec![cold, open("warm").await]
}

/// The desk as it is configured, with a store in this folder.
fn connect(
    kind: &str,
    url: &str,
    store: Option<&Path>,
    clock: Arc<dyn Clock>,
) -> Arc<dyn TicketDesk> {
    let more = if kind == "jira" { "project = \"SEC\"\nflavor = \"cloud\"" } else { "" };
    let state = store.map(|dir| format!("[state]\npath = \"{}/{kind}.redb\"", dir.display()));
    let text = format!(
        r#"
        {}
        [connectors.desk]
        type = "{kind}"
        url = "{}"
        auth = {{ type = "basic", username = "bot", password = {{ env = "PASSWORD" }} }}
        {more}
        "#,
        state.unwrap_or_default(),
        url.trim_end_matches('/'),
    );
    let secrets = Secrets::with_env(".", |_| Some(PASSWORD.into()));
    let config = Config::parse(&text, "watchfloor.toml".as_ref(), Arc::new(secrets));
    let connected = config.connect(&Registry::standard(), clock).unwrap();
    connected.named("desk").unwrap().desk().unwrap()
}
