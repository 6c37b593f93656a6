//! The lab in a process of its own, and the other commands against it.

use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command};

use serde_json::Value;

use crate::program::{Place, Run};

const CONNECTORS: [&str; 5] = ["siem", "search", "itsm", "dev", "edge"];

/// A lab that is open.
struct Lab {
    child: Child,
    out: BufReader<ChildStdout>,
    config: PathBuf,
    dir: PathBuf,
    events: PathBuf,
}

impl Lab {
    fn open(place: &Place, args: &[&str]) -> Self {
        let mut child = place.start(&[&["lab"], args].concat());
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let opened: Value = serde_json::from_str(&line).unwrap();
        let path = |key: &str| PathBuf::from(opened[key].as_str().unwrap());
        let (config, dir, events) = (path("config"), path("dir"), path("events"));
        Self { child, out, config, dir, events }
    }

    fn run(&self, place: &Place, args: &[&str]) -> Run {
        place.run(&[&["--config", self.config.to_str().unwrap()], args].concat())
    }

    /// Ends it with a signal; answers its last lines and what it said of the folder.
    fn close(mut self, signal: &str) -> (Vec<Value>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{err}");
        (out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), err)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Only where a test fails: a lab that was closed has ended.
        let _ = self.child.kill();
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn of<'a>(lines: &'a [Value], connector: &str) -> &'a Value {
    lines.iter().find(|line| line["connector"] == connector).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn its_configuration_works_as_it_is_written() {
    let place = Place::new("");
    let lab = Lab::open(&place, &["--dir", "lab"]);
    assert_eq!(lab.dir, place.path("lab").canonicalize().unwrap());
    let check = lab.run(&place, &["check"]);
    assert_eq!((check.status, check.err.as_str()), (0, ""), "{check:?}");
    let lines = check.json();
    for connector in CONNECTORS {
        let stages: Vec<_> = lines.iter().filter(|l| l["connector"] == connector).collect();
        for stage in ["reachable", "authenticated"] {
            let good = |l: &&&Value| l["stage"] == stage && l["state"] == "good";
            assert!(stages.iter().any(|l| good(&l)), "{connector} {stage}: {check:?}");
        }
    }
    let (held, err) = lab.close("-INT");
    assert_eq!(err, "");
    for (connector, what) in
        CONNECTORS.iter().zip(["events", "events", "tickets", "tickets", "blocks"])
    {
        let twin = of(&held, connector);
        assert_eq!(twin[what], 0, "a check changes nothing: {twin}");
        assert!(twin["requests"].as_u64().unwrap() > 0, "{twin}");
    }
    assert_eq!(names(&place.path("")), ["watchfloor.toml"], "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_to_it_is_what_it_says_it_holds() {
    let place = Place::new("");
    let lab = Lab::open(&place, &[]);
    let sample = std::fs::read_to_string(&lab.events).unwrap();
    let n = sample.lines().count();
    let delivered =
        |n: usize| format!("{{\"sent\":{n},\"delivered\":{n},\"rejected\":0,\"unknown\":0}}\n");
    for sink in ["siem", "search"] {
        let run = lab.run(&place, &["send", "--to", sink, lab.events.to_str().unwrap()]);
        assert_eq!((run.status, run.out.as_str()), (0, delivered(n).as_str()), "{run:?}");
    }
    place.write("more.ndjson", "{\"a\":1}\n{\"a\":2}\n");
    let run = lab.run(&place, &["send", "--to", "search", "more.ndjson"]);
    assert_eq!(run.out, delivered(2), "{run:?}");

    let dir = lab.dir.clone();
    let (held, err) = lab.close("-TERM");
    assert_eq!(err, "");
    assert_eq!(of(&held, "siem")["events"], n);
    assert_eq!(of(&held, "search")["events"], n + 2);
    assert_eq!(of(&held, "itsm")["tickets"], 0);
    assert!(!dir.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_labs_know_nothing_of_each_other() {
    let place = Place::new("");
    let (one, two) = (Lab::open(&place, &[]), Lab::open(&place, &[]));
    assert_ne!(one.dir, two.dir);
    let secret = |lab: &Lab| std::fs::read_to_string(lab.dir.join("splunk-hec-token")).unwrap();
    assert_ne!(secret(&one), secret(&two));
    let run = one.run(&place, &["send", "--to", "siem", one.events.to_str().unwrap()]);
    assert_eq!(run.status, 0, "{run:?}");
    let (held, _) = two.close("-INT");
    assert_eq!(of(&held, "siem")["events"], 0);
    assert_eq!(one.run(&place, &["check"]).status, 0, "the other goes on");
    one.close("-INT");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn its_secrets_are_its_owner_s_and_in_no_output() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new("");
    let lab = Lab::open(&place, &[]);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&lab.dir), 0o700);
    let mut secrets = Vec::new();
    for name in names(&lab.dir) {
        let path = lab.dir.join(&name);
        assert_eq!(mode(&path), 0o600, "{name}");
        if !name.contains('.') {
            secrets.push(std::fs::read_to_string(path).unwrap());
        }
    }
    assert_eq!(secrets.len(), CONNECTORS.len());
    let config = std::fs::read_to_string(&lab.config).unwrap();
    let mut program = place.program(&["--config", lab.config.to_str().unwrap(), "check"]);
    let check = tokio::task::block_in_place(|| program.env("RUST_LOG", "trace").output().unwrap());
    let said = Run::of(&check);
    let (held, err) = lab.close("-INT");
    for secret in secrets {
        assert!(!config.contains(&secret) && !format!("{held:?}{err}").contains(&secret));
        assert!(!said.out.contains(&secret) && !said.err.contains(&secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_in_use_is_refused_and_a_foreign_file_stays() {
    let place = Place::new("");
    std::fs::create_dir(place.path("used")).unwrap();
    place.write("used/theirs", "x");
    let run = place.run(&["lab", "--dir", "used"]);
    assert_eq!((run.status, run.out.as_str()), (2, ""), "{run:?}");
    assert!(run.err.ends_with("used is not empty\n"), "{}", run.err);
    let run = place.run(&["lab", "--dir", "watchfloor.toml"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.err.ends_with("watchfloor.toml is no folder\n"), "{}", run.err);
    let run = place.run(&["lab", "--dir", "gone/lab"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert_eq!(names(&place.path("")), ["used", "watchfloor.toml"]);

    std::fs::create_dir(place.path("empty")).unwrap();
    let lab = Lab::open(&place, &["--dir", "empty"]);
    place.write("empty/mine", "x");
    let (_, err) = lab.close("-INT");
    assert_eq!(err, "", "an empty folder that was there stays anyway");
    assert_eq!(names(&place.path("empty")), ["mine"]);

    let lab = Lab::open(&place, &["--dir", "new"]);
    place.write("new/watchfloor.toml", "changed = true");
    let (_, err) = lab.close("-INT");
    assert!(err.contains("watchfloor.toml stays: it was changed\n"), "{err}");
    assert_eq!(names(&place.path("new")), ["watchfloor.toml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_told_what_to_try() {
    let place = Place::new("");
    let mut child = place.start(&["lab", "--dir", "lab", "--output", "table"]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("Ctrl-C") {
        assert!(out.read_line(&mut text).unwrap() > 0, "{text}");
    }
    let commands: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(commands.len(), 3, "{text}");
    for command in commands {
        let args: Vec<_> = command.split_whitespace().skip(1).collect();
        let run = place.run(&args);
        assert_eq!(run.status, 0, "{command}: {run:?}");
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut table = String::new();
    out.read_to_string(&mut table).unwrap();
    child.wait().unwrap();
    assert!(table.starts_with("CONNECTOR  TYPE"), "{table}");
    assert!(table.lines().any(|l| l.starts_with("siem ") && l.ends_with("12 events")), "{table}");
}
