//! Openers in several processes on one desk.

use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::task::JoinSet;
use watchfloor::core::{Opened, Root, StatusCategory, TenantId, TicketKey};
use watchfloor::http::SystemClock;
use watchfloor::{Config, Registry, Secrets};
use watchfloor_testkit::twins::{Jira, ServiceNow};
use watchfloor_testkit::{Fault, Server, TestClock};

/// What a child is told: the connector's type and the twin's URL.
const TOLD: &str = "WATCHFLOOR_OPENER";

const PASSWORD: &str = "openers";

/// `bot:openers`.
const BASIC: &str = "Basic Ym90Om9wZW5lcnM=";

/// Each opens the same key 25 times at once, without a store, so that nothing tells the two apart
/// but the desk itself.
#[tokio::test(flavor = "multi_thread")]
async fn t17_fifty_openers_in_two_processes_leave_one_live_ticket() {
    let clock = Arc::new(SystemClock::new());
    for lost in [&[][..], &[1], &[1, 2]] {
        let site = Jira::new(clock.clone(), BASIC).project("SEC", &[]).search_lag(8);
        let site = Server::start(site, clock.clone()).await.unwrap();
        lost.iter().for_each(|nth| site.script().on("create", *nth, Fault::ResetAfter));
        two_processes("jira", &site.url()).await;
        let held = site.held();
        let live = held.iter().filter(|i| i.status != StatusCategory::Done).count();
        assert_eq!(live, 1, "answers lost: {lost:?}: {held:?}");
        assert!(held.len() <= 2, "no process creates twice: {held:?}");

        let instance = ServiceNow::new(clock.clone(), "c", "s").accept(BASIC);
        let instance = Server::start(instance, clock.clone()).await.unwrap();
        lost.iter().for_each(|nth| instance.script().on("create", *nth, Fault::ResetAfter));
        two_processes("servicenow", &instance.url()).await;
        let held = instance.held("incident");
        let live = held.iter().filter(|r| !["6", "7", "8"].contains(&&*r.fields["state"])).count();
        assert_eq!(live, 1, "answers lost: {lost:?}: {held:?}");
    }
}

async fn two_processes(kind: &str, url: &str) {
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "one_process", "--ignored", "--nocapture"])
            .env(TOLD, format!("{kind} {url}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children = [start(), start()];
    for child in children {
        let done = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{kind}: {out}{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, twice at once"]
async fn one_process() {
    let told = std::env::var(TOLD).unwrap();
    let (kind, url) = told.split_once(' ').unwrap();
    let text = format!(
        r#"
        [connectors.desk]
        type = "{kind}"
        url = "{}"
        auth = {{ type = "basic", username = "bot", password = {{ env = "PASSWORD" }} }}
        {}
        "#,
        url.trim_end_matches('/'),
        if kind == "jira" { "project = \"SEC\"\nflavor = \"cloud\"" } else { "" },
    );
    // Its waits are over at once; the twin in the other process knows none.
    let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse().unwrap()));
    let secrets = Secrets::with_env(".", |_| Some(PASSWORD.into()));
    let config = Config::parse(&text, "watchfloor.toml".as_ref(), Arc::new(secrets));
    let desk = config.connect(&Registry::standard(), clock.clone()).unwrap();
    let desk = desk.named("desk").unwrap().desk().unwrap();
    let scope = Root::new(clock).scope(TenantId::new("acme"));
    let mut openers = JoinSet::new();
    for _ in 0..25 {
        let (desk, scope) = (desk.clone(), scope.clone());
        openers.spawn(async move {
            let draft = scope.draft(TicketKey::given("wf-1"), "Brute force on /login");
            desk.open(&scope.call(), &draft).await.unwrap()
        });
    }
    let opened = openers.join_all().await;
    let created = opened.iter().filter(|o| matches!(o, Opened::Created(_))).count();
    assert!(created <= 1, "{created} of one process's openers say that they created it");
    desk.settle(&scope.call()).await.unwrap();
}
