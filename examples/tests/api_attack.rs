//! The main job as people run it: the program, its exit status and what it prints, against its own
//! twins and against a configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use watchfloor::http::SystemClock;
use watchfloor_testkit::{Canaries, Fault, Server, twins};

/// What the recording's logs become.
const EVENTS: usize = 2415;
/// Those who attack in it, each with one alert.
const ATTACKERS: usize = 10;
/// Where the configured search keeps events.
const STREAM: &str = "logs-edge-test";

/// The secrets of the configured systems, by the file that holds each.
const SECRETS: [(&str, &str); 5] = [
    ("hec-token", "cnry-7e57000000000001"),
    ("es-key", "cnry-7e57000000000002"),
    ("sn-secret", "cnry-7e57000000000003"),
    ("jira-token", "cnry-7e57000000000004"),
    ("pan-key", "cnry-7e57000000000005"),
];

/// Groups of the service desk by the owner's name; none of them is one of the example's.
const OWNERS: &str = r#"
[[owners]]
name = "fulfilment"
paths = ["/api/orders"]
desk = { group = "Fulfilment" }
jira = { project = "OPS", component = "orders" }

[[owners]]
name = "everything else"
default = true
servicenow = { group = "Front Office" }
tracker = { project = "WEB", component = "site" }
"#;

/// How the program ended.
struct Ended {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ended {
    /// The rows of the table by what was checked, each with its verdict.
    fn rows(&self) -> BTreeMap<&str, &str> {
        let rows = self.stdout.lines().filter_map(|line| {
            let row = line.strip_prefix("  ")?;
            let verdict = ["ok", "FAIL", "skip"].into_iter().find(|v| row.starts_with(v))?;
            let (what, _) = row[verdict.len()..].trim_start().split_once("  ")?;
            Some((what, verdict))
        });
        rows.collect()
    }

    fn with(&self, verdict: &str) -> Vec<&str> {
        self.rows().into_iter().filter(|(_, v)| *v == verdict).map(|(what, _)| what).collect()
    }

    /// Says everything when it did not end so.
    fn expect(self, status: i32) -> Self {
        let (out, err) = (&self.stdout, &self.stderr);
        assert_eq!(self.status, Some(status), "stdout:\n{out}\nstderr:\n{err}");
        self
    }
}

/// Runs the built example, which lies beside the folder that this test was built into.
async fn run(args: &[&Path]) -> Ended {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap().join("examples/api_attack");
    let built = built.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(built.exists(), "the example is not built: cargo build --example api_attack");
    let mut command = Command::new(built);
    command.args(args).env_remove("RUST_LOG");
    // The twins answer on the runtime while the program runs.
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A folder of a test's own with the secrets in it; gone when the test passes.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("api_attack-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, secret) in SECRETS {
            let file = folder.join(name);
            fs::write(&file, secret).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        Self(folder)
    }

    fn config(&self, text: &str) -> PathBuf {
        let file = self.0.join("watchfloor.toml");
        fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Five systems that follow no script, in real time.
struct Site {
    hec: Server<twins::Hec>,
    elastic: Server<twins::Elasticsearch>,
    servicenow: Server<twins::ServiceNow>,
    jira: Server<twins::Jira>,
    firewall: Server<twins::PanOs>,
}

impl Site {
    async fn start() -> Self {
        let secret = |name| SECRETS.iter().find(|(n, _)| *n == name).unwrap().1;
        let clock = Arc::new(SystemClock::new());
        let servicenow = twins::ServiceNow::new(clock.clone(), "floor", secret("sn-secret"));
        servicenow.add_group("Fulfilment");
        servicenow.add_group("Front Office");
        let basic = format!("Basic {}", STANDARD.encode(format!("bot:{}", secret("jira-token"))));
        let jira = twins::Jira::new(clock.clone(), &basic)
            .project("OPS", &["orders"])
            .project("WEB", &["site"]);
        let elastic = twins::Elasticsearch::with_api_key(secret("es-key"));
        let pan_os = twins::PanOs::new(clock.clone(), secret("pan-key"));
        let hec = twins::Hec::new(secret("hec-token"));
        Self {
            hec: Server::start(hec, clock.clone()).await.unwrap(),
            elastic: Server::start(elastic, clock.clone()).await.unwrap(),
            servicenow: Server::start(servicenow, clock.clone()).await.unwrap(),
            jira: Server::start(jira, clock.clone()).await.unwrap(),
            firewall: Server::start(pan_os, clock).await.unwrap(),
        }
    }

    fn config(&self) -> String {
        let url = self.servicenow.url();
        format!(
            r#"{OWNERS}
[connectors.lake]
type = "splunk"
hec_url = "{hec}"
hec_token = {{ file = "hec-token" }}

[connectors.archive]
type = "elastic"
urls = ["{elastic}"]
auth = {{ type = "api_key", key = {{ file = "es-key" }} }}
target = "{STREAM}"

[connectors.desk]
type = "servicenow"
url = "{url}"
auth = {{ type = "oauth2", grant = "client_credentials", token_url = "{url}oauth_token.do", client_id = "floor", client_secret = {{ file = "sn-secret" }} }}

[connectors.tracker]
type = "jira"
url = "{jira}"
auth = {{ type = "basic", username = "bot", password = {{ file = "jira-token" }} }}
project = "WEB"

[connectors.gate]
type = "pan_os"
url = "{firewall}"
api_key = {{ file = "pan-key" }}
"#,
            hec = self.hec.url(),
            elastic = self.elastic.url(),
            jira = self.jira.url(),
            firewall = self.firewall.url(),
        )
    }

    /// The tickets of both desks: key, place, comments.
    fn tickets(&self) -> BTreeSet<(&'static str, String, String, Vec<String>)> {
        let incidents = self.servicenow.held("incident").into_iter().map(|record| {
            let key = record.fields["correlation_id"].clone();
            ("servicenow", key, record.group, record.work_notes)
        });
        let issues = self.jira.held().into_iter().map(|issue| {
            let key = issue.labels.into_iter().find(|l| l.starts_with("wf-")).unwrap();
            let place = format!("{} {}", issue.project, issue.components.join(","));
            ("jira", key, place, issue.comments)
        });
        incidents.chain(issues).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn against_its_own_twins_every_row_adds_up() {
    let ended = run(&[]).await.expect(0);
    assert_eq!(ended.stderr, "");
    assert_eq!(
        ended.rows().into_iter().collect::<Vec<_>>(),
        [
            ("every attacker blocked for an hour", "ok"),
            ("every attacker found, with its kind", "ok"),
            ("every event there, byte for byte", "ok"),
            ("every fault of the script met", "ok"),
            ("no secret anywhere", "ok"),
            ("nobody benign, nobody framed", "ok"),
            ("one ticket per key, in the right place", "ok"),
            ("the block said once on each ticket", "ok"),
        ]
    );
    // The timeline says the place from the outside in, each fault and how it was settled.
    assert!(ended.stdout.contains(", in SEC / platform, about "), "{}", ended.stdout);
    assert_eq!(ended.stdout.matches("  FAULT ").count(), 6);
    assert_eq!(ended.stdout.matches("          settled ").count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_against_the_same_systems_changes_nothing() {
    let (site, folder) = (Site::start().await, Folder::new("again"));
    let file = folder.config(&site.config());
    let args = ["--config".as_ref(), file.as_path()];

    let first = run(&args).await.expect(0);
    assert_eq!(first.stderr, "");
    assert_eq!(first.with("FAIL"), Vec::<&str>::new());
    assert_eq!(first.with("skip"), ["every fault of the script met"]);
    assert!(first.stdout.contains("these systems follow no script"));
    let (tickets, held) = (site.tickets(), site.firewall.held());
    assert_eq!(site.hec.held().len(), EVENTS);
    assert_eq!(site.elastic.held(STREAM).len(), EVENTS);
    assert_eq!((tickets.len(), held.len()), (2 * ATTACKERS, ATTACKERS));
    assert!(held.iter().all(|h| h.expires.is_some()), "{held:?}");
    for (desk, key, place, comments) in &tickets {
        let places = ["Fulfilment", "Front Office", "OPS orders", "WEB site"];
        assert!(places.contains(&place.as_str()), "{desk}: {key} lies in {place}");
        assert_eq!(comments.len(), 1, "{desk}: {key}: {comments:?}");
    }
    let places: BTreeSet<_> = tickets.iter().map(|(_, _, place, _)| place.as_str()).collect();
    assert_eq!(places.len(), 4, "by the owners of this configuration");

    let second = run(&args).await.expect(0);
    assert_eq!(second.stderr, "");
    assert_eq!(second.rows(), first.rows());
    assert_eq!(site.tickets(), tickets, "no ticket and no comment more");
    assert_eq!(site.firewall.held(), held, "no block more, and none longer or shorter");
    assert_eq!(site.firewall.script().count("register"), 1);
    assert_eq!(site.firewall.script().count("unregister"), 0);
    assert_eq!(second.stdout.matches(" there already, in ").count(), 2 * ATTACKERS);
    assert_eq!(second.stdout.matches(" held already until ").count(), ATTACKERS);
    // A log that is read again is new events: two equal lines are two events.
    assert_eq!(site.hec.held().len(), 2 * EVENTS);

    let secrets = Canaries::new(SECRETS.map(|(_, secret)| secret));
    for ended in [first, second] {
        assert_eq!(secrets.in_text(ended.stdout.as_bytes()), Vec::<&str>::new());
    }
}

#[tokio::test]
async fn none_and_two_of_a_type_are_named_at_once() {
    let folder = Folder::new("types");
    let connector = |name: &str, of: &str, rest: &str| {
        format!("[connectors.{name}]\ntype = \"{of}\"\n{rest}\n")
    };
    let splunk = "hec_url = \"http://127.0.0.1:9\"\nhec_token = { file = \"hec-token\" }";
    let elastic = "urls = [\"http://127.0.0.1:9\"]\ntarget = \"logs-a-b\"\n\
                   auth = { type = \"api_key\", key = { file = \"es-key\" } }";
    let servicenow = "url = \"http://127.0.0.1:9\"\n\
                      auth = { type = \"basic\", username = \"bot\", password = { file = \"sn-secret\" } }";
    let pan_os = "url = \"http://127.0.0.1:9\"\napi_key = { file = \"pan-key\" }";
    let config = [
        "[[owners]]\nname = \"all\"\ndefault = true\n".to_owned(),
        connector("north", "splunk", splunk),
        connector("south", "splunk", splunk),
        connector("archive", "elastic", elastic),
        connector("desk", "servicenow", servicenow),
        connector("gate", "pan_os", pan_os),
    ];
    let file = folder.config(&config.concat());
    let ended = run(&["--config".as_ref(), &file]).await.expect(2);
    assert_eq!(ended.stdout, "");
    assert_eq!(
        ended.stderr,
        "several connectors have the type \"splunk\": north, south\n\
         no connector has the type \"jira\"\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firewall_that_takes_nothing_is_a_row_that_does_not_add_up() {
    let (site, folder) = (Site::start().await, Folder::new("refused"));
    for nth in 1..=9 {
        site.firewall.script().on("register", nth, Fault::status(403));
    }
    let file = folder.config(&site.config());
    let ended = run(&["--config".as_ref(), &file]).await.expect(1);
    assert_eq!(ended.with("FAIL"), ["every attacker blocked", "the block said on each ticket"]);
    assert!(ended.stdout.contains("A row does not add up."), "{}", ended.stdout);
    assert!(ended.stdout.contains("203.0.113.41 is not held"), "{}", ended.stdout);
    assert_eq!(site.firewall.held(), []);
    assert_eq!(site.tickets().len(), 2 * ATTACKERS);
    assert!(site.tickets().iter().all(|(.., comments)| comments.is_empty()));
}
