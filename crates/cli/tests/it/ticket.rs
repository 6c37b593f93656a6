//! `ticket`, against both desks.

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor::http::SystemClock;
use watchfloor_testkit::Server;
use watchfloor_testkit::twins::{Jira, ServiceNow};

use crate::program::{KEY, Place, Run, TOKEN};

/// The program beside a ServiceNow instance and a Jira site.
struct Desks {
    place: Place,
    itsm: Server<ServiceNow>,
    dev: Server<Jira>,
}

const BOTH: [&str; 2] = ["itsm", "dev"];

impl Desks {
    async fn open() -> Self {
        let clock = Arc::new(SystemClock::new());
        // The base64 form of `bot:` and the token.
        let basic = "Basic Ym90OmNucnktZXMta2V5";
        assert_eq!(KEY, "cnry-es-key");
        let itsm = ServiceNow::new(clock.clone(), "watchfloor", TOKEN);
        itsm.add_group("Orders Backend");
        let dev = Jira::new(clock.clone(), basic).project("SEC", &["orders"]);
        let itsm = Server::start(itsm, clock.clone()).await.unwrap();
        let dev = Server::start(dev, clock).await.unwrap();
        let config = format!(
            r#"
            [connectors.itsm]
            type = "servicenow"
            url = "{itsm}"
            auth = {{ type = "oauth2", grant = "client_credentials", token_url = "{itsm}/oauth_token.do", client_id = "watchfloor", client_secret = {{ env = "TOKEN" }} }}

            [connectors.dev]
            type = "jira"
            flavor = "cloud"
            url = "{dev}"
            auth = {{ type = "basic", username = "bot", password = {{ env = "KEY" }} }}
            project = "SEC"
            "#,
            itsm = itsm.url().trim_end_matches('/'),
            dev = dev.url().trim_end_matches('/'),
        );
        Self { place: Place::new(&config), itsm, dev }
    }

    fn run(&self, args: &[&str]) -> Run {
        self.place.run(&[&["ticket"], args].concat())
    }

    fn open_one(&self, desk: &str, key: &str) -> Value {
        let run = self.run(&["open", "--in", desk, "--key", key, "--summary", "BOLA on /orders"]);
        assert_eq!((run.status, run.err.as_str()), (0, ""), "{run:?}");
        run.json().remove(0)
    }

    fn held(&self) -> [usize; 2] {
        [self.itsm.held("incident").len(), self.dev.held().len()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_one_ticket_however_often_it_is_opened() {
    let desks = Desks::open().await;
    for desk in BOTH {
        let made = desks.open_one(desk, "wf-1");
        assert_eq!((&made["outcome"], &made["key"]), (&json!("created"), &json!("wf-1")));
        assert!(made["url"].as_str().unwrap().starts_with("http"), "{made}");
        let there = desks.open_one(desk, "wf-1");
        assert_eq!((&there["outcome"], &there["id"]), (&json!("existing"), &made["id"]));
        let (id, run) = (made["id"].as_str().unwrap(), |args: &[&str]| desks.run(args));
        let shown = run(&["show", "--in", desk, id]);
        assert_eq!(shown.status, 0, "{shown:?}");
        let shown = shown.json().remove(0);
        assert_eq!(
            (&shown["summary"], &shown["status"]),
            (&json!("BOLA on /orders"), &json!("new"))
        );
        let created = shown["created"].as_str().unwrap();
        assert!(created.starts_with("20") && created.ends_with('Z'), "{created}");
        let found = run(&["find", "--in", desk, "--key", "wf-1"]);
        assert_eq!(found.json()[0]["id"], made["id"], "{found:?}");
        let none = run(&["find", "--in", desk, "--key", "wf-2"]);
        assert_eq!((none.status, none.out.as_str()), (1, ""));
        assert_eq!(none.err, "no ticket has the key wf-2\n");
    }
    assert_eq!(desks.held(), [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_said_of_a_ticket_reaches_the_desk() {
    let desks = Desks::open().await;
    desks.place.write("text.txt", "One.\n\nTwo 日本語.\n");
    let open = |desk: &str, place: &str| {
        let args =
            ["open", "--in", desk, "--key", "wf-1", "--summary", "s", "--priority", "critical"];
        let more = ["--description", "text.txt", "--label", "bola", "--place", place];
        let run = desks.run(&[&args[..], &more].concat());
        assert_eq!(run.status, 0, "{run:?}");
    };
    open("itsm", "group=Orders Backend");
    open("dev", "component=orders");
    let incident = &desks.itsm.held("incident")[0];
    assert_eq!(
        (incident.group.as_str(), incident.fields["impact"].as_str()),
        ("Orders Backend", "1")
    );
    assert_eq!(incident.fields["description"], "One.\n\nTwo 日本語.");
    let issue = &desks.dev.held()[0];
    assert_eq!(
        (issue.components[0].as_str(), issue.priority.as_deref()),
        ("orders", Some("Highest"))
    );
    assert!(issue.labels.contains(&"bola".to_owned()) && issue.description.contains("日本語"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_stands_once() {
    let desks = Desks::open().await;
    for desk in BOTH {
        let made = desks.open_one(desk, "wf-1");
        let id = made["id"].as_str().unwrap().to_owned();
        for outcome in ["created", "existing"] {
            let run = desks.run(&["comment", "--in", desk, &id, "blocked for an hour"]);
            assert_eq!((run.status, &run.json()[0]["outcome"]), (0, &json!(outcome)), "{run:?}");
        }
        for _ in 0..2 {
            let args = ["ticket", "comment", "--in", desk, &id, "-", "--once", "round 2"];
            let run = desks.place.run_with(&args, b"blocked for an hour");
            assert_eq!(run.status, 0, "{run:?}");
        }
        let called = made["display"].as_str().unwrap();
        let again = desks.run(&["comment", "--in", desk, called, "blocked for an hour"]);
        assert_eq!(again.json()[0]["outcome"], "existing", "{again:?}");
        let empty = desks.run(&["comment", "--in", desk, &id, " "]);
        assert_eq!((empty.status, empty.err.as_str()), (2, "the comment is empty\n"));
    }
    assert_eq!(desks.itsm.held("incident")[0].work_notes.len(), 2);
    assert_eq!(desks.dev.held()[0].comments.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_moved_by_category() {
    let desks = Desks::open().await;
    for desk in BOTH {
        let id = desks.open_one(desk, "wf-1")["id"].as_str().unwrap().to_owned();
        for to in ["in_progress", "done", "done"] {
            let run = desks.run(&["move", "--in", desk, &id, to]);
            assert_eq!(run.status, 0, "{desk} {to}: {run:?}");
            assert_eq!(run.json()[0]["status"], to);
        }
        let run = desks.run(&["move", "--in", desk, &id, "fertig"]);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.err.contains("new, in_progress, done"), "{run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_attached_once() {
    let desks = Desks::open().await;
    desks.place.write("größe.log", "GET /api/orders/7\n");
    for desk in BOTH {
        let id = desks.open_one(desk, "wf-1")["id"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            let run = desks.run(&["attach", "--in", desk, &id, "größe.log"]);
            assert_eq!(run.status, 0, "{desk}: {run:?}");
            assert_eq!(run.json(), [json!({ "outcome": "attached", "id": id })]);
        }
        let run = desks.run(&["attach", "--in", desk, &id, "gone.log"]);
        assert_eq!(
            (run.status, run.err.as_str()),
            (2, "gone.log cannot be read: entity not found\n")
        );
    }
    let uploads = |log: Vec<_>| log.len();
    assert_eq!(uploads(desks.itsm.log().of("attach")), 1);
    assert_eq!(uploads(desks.dev.log().of("attach")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_nothing_is_sent() {
    let desks = Desks::open().await;
    let open = ["open", "--key", "k", "--summary", "s", "--in"];
    let run = desks.run(&[&open[..], &["itms"]].concat());
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.err.contains("did you mean \"itsm\"?"), "{run:?}");
    let run = desks.run(&[&open[..], &["dev", "--kind", "oops"]].concat());
    assert_eq!(run.status, 2);
    let run = desks.run(&[&open[..], &["dev", "--description", "gone"]].concat());
    assert_eq!((run.status, run.err.as_str()), (2, "gone cannot be read: entity not found\n"));
    desks.place.write("latin", b"caf\xe9");
    let run = desks.run(&[&open[..], &["dev", "--description", "latin"]].concat());
    assert_eq!((run.status, run.err.as_str()), (2, "latin is not UTF-8 text\n"));
    assert_eq!(desks.held(), [0, 0]);
    assert_eq!((desks.itsm.log().count(), desks.dev.log().count()), (0, 0));
    // A failure of the desk is one.
    desks.itsm.forbid();
    let run = desks.run(&[&open[..], &["itsm"]].concat());
    assert_eq!((run.status, run.out.as_str()), (1, ""), "{run:?}");
}

/// A store has one holder; programs that end soon wait for their turn.
#[tokio::test(flavor = "multi_thread")]
async fn t17_programs_at_once_on_one_store_open_one_ticket() {
    let desks = Desks::open().await;
    let config = format!("[state]\npath = \"w.redb\"\n{}", desks.place.read("watchfloor.toml"));
    desks.place.write("watchfloor.toml", config);
    let open = ["ticket", "open", "--in", "dev", "--key", "wf-1", "--summary", "s"];
    let children: Vec<_> = (0..4).map(|_| desks.place.start(&open)).collect();
    let mut outcomes = Vec::new();
    for child in children {
        let run = Run::of(&tokio::task::block_in_place(|| child.wait_with_output().unwrap()));
        assert_eq!((run.status, run.err.as_str()), (0, ""), "{run:?}");
        outcomes.push(run.json()[0]["outcome"].as_str().unwrap().to_owned());
    }
    outcomes.sort();
    assert_eq!(outcomes, ["created", "existing", "existing", "existing"]);
    assert_eq!(desks.held(), [0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_a_table() {
    let desks = Desks::open().await;
    let args = ["open", "--in", "dev", "--key", "k", "--summary", "s", "--output", "table"];
    let run = desks.run(&args);
    assert!(run.out.starts_with("OUTCOME  TICKET  ID "), "{run:?}");
    let run = desks.run(&["show", "--in", "dev", "SEC-1", "--output", "table"]);
    assert!(run.out.starts_with("TICKET  STATUS  PRIORITY  SUMMARY"), "{run:?}");
    assert!(run.out.contains("SEC-1   new"), "{run:?}");
}
