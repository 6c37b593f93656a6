//! A process that writes is killed at some point: what it acknowledged is there, and nothing in
//! half.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use watchfloor_core::{Kind, Store, Write};
use watchfloor_store::RedbStore;

use crate::bench::{Folder, open};

const FILE: &str = "WATCHFLOOR_TEST_STORE";
const FROM: &str = "WATCHFLOOR_TEST_FROM";
/// How many tasks write at once.
const TASKS: u64 = 8;
/// Numbers of one round.
const ROUND: u64 = 1_000_000;

/// What a commit writes under its number, of sizes that fill pages in different ways.
fn value(n: u64) -> Bytes {
    n.to_be_bytes().repeat(1 + (n % 97) as usize).into()
}

fn numbered(n: u64) -> Vec<Write> {
    let key = n.to_be_bytes().to_vec();
    vec![
        Write::Put { space: "one", key: key.clone(), value: value(n) },
        Write::Put { space: "two", key, value: value(n) },
    ]
}

/// The number under which a task's last commit stands.
fn last(store: &RedbStore, task: u64) -> impl Future<Output = Option<Bytes>> {
    let key = task.to_be_bytes();
    async move { store.get("last", &key).await.unwrap() }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by others, who kill it"]
async fn writes_until_it_is_killed() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let from: u64 = std::env::var(FROM).unwrap().parse().unwrap();
    let store = Arc::new(open(Path::new(&file)).unwrap());
    let next = Arc::new(AtomicU64::new(from));
    say("open");
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    let key = task.to_be_bytes().to_vec();
                    let mut writes = numbered(n);
                    let seen = last(&store, task).await;
                    writes.push(Write::Expect { space: "last", key: key.clone(), value: seen });
                    let value = n.to_be_bytes().to_vec().into();
                    writes.push(Write::Put { space: "last", key, value });
                    store.commit(writes).await.unwrap();
                    say(&format!("{task} {n}"));
                }
            })
        })
        .collect();
    futures_util::future::join_all(tasks).await;
}

/// Past the test's harness, which would keep it; in one write, so that no line is two.
fn say(what: &str) {
    std::io::stdout().lock().write_all(format!("\nsaid: {what}\n").as_bytes()).unwrap();
}

/// A child that writes, killed with the test.
struct Writer(Child);

impl Writer {
    fn start(file: &Path, from: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "kill::writes_until_it_is_killed", "--ignored", "--nocapture"]);
        command.env(FILE, file).env(FROM, from.to_string());
        Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Kills it when it has acknowledged so many commits; answers all that it acknowledged, the last
    /// of each task.
    fn killed_after(mut self, acknowledged: u64) -> Acknowledged {
        let mut out = BufReader::new(self.0.stdout.take().unwrap());
        let mut all = Acknowledged::default();
        let mut line = String::new();
        while out.read_line(&mut line).unwrap() > 0 {
            // A line without its end was cut off by the kill.
            let said = line.strip_suffix('\n').and_then(|line| line.strip_prefix("said: "));
            if let Some((task, n)) = said.and_then(|said| said.split_once(' ')) {
                let (task, n) = (task.parse().unwrap(), n.parse().unwrap());
                all.last.insert(task, n);
                all.numbers.push(n);
            }
            if all.numbers.len() as u64 == acknowledged {
                self.0.kill().unwrap();
            }
            line.clear();
        }
        all
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Default)]
struct Acknowledged {
    numbers: Vec<u64>,
    last: BTreeMap<u64, u64>,
}

/// The numbers that are there, each whole.
async fn there(store: &RedbStore, from: u64) -> Vec<u64> {
    let range = from.to_be_bytes().to_vec()..(from + ROUND).to_be_bytes().to_vec();
    let one = store.range("one", range.clone(), usize::MAX).await.unwrap();
    let two = store.range("two", range, usize::MAX).await.unwrap();
    assert!(one == two, "a commit is there in half");
    let number = |(key, bytes): (Vec<u8>, Bytes)| {
        let n = u64::from_be_bytes(key.try_into().unwrap());
        assert_eq!(bytes, value(n), "{n} is not what was written");
        n
    };
    one.into_iter().map(number).collect()
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "how long an opening takes is real time")]
#[allow(clippy::print_stdout, reason = "a test's output: what came of it")]
async fn what_was_acknowledged_survives_a_kill() {
    let rounds = std::env::var("WATCHFLOOR_KILLS").map_or(20, |n| n.parse().unwrap());
    let folder = Folder::new();
    // Seeded, so that a failure comes again; the point within a commit is the scheduler's.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut acknowledged, mut more, mut slowest) = (0, 0, Duration::ZERO);
    for round in 0..rounds {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let from = (round + 1) * ROUND;
        let said = Writer::start(&folder.path(), from).killed_after(1 + seed % 200);
        let begun = Instant::now();
        let store = folder.open().expect("who was killed holds nothing");
        slowest = slowest.max(begun.elapsed());

        let there = there(&store, from).await;
        for n in &said.numbers {
            assert!(there.binary_search(n).is_ok(), "round {round}: {n} was acknowledged");
        }
        let unsaid = there.len() - said.numbers.len();
        assert!(unsaid as u64 <= TASKS, "round {round}: {unsaid} more than was acknowledged");
        for (task, n) in &said.last {
            let seen = last(&store, *task).await.unwrap();
            let seen = u64::from_be_bytes(seen.as_ref().try_into().unwrap());
            assert!(seen >= *n && there.binary_search(&seen).is_ok(), "round {round}: {task}");
        }
        // And it goes on.
        store.commit(numbered(from + ROUND - 1)).await.unwrap();
        acknowledged += said.numbers.len();
        more += unsaid;
    }
    println!(
        "{rounds} kills: {acknowledged} commits acknowledged and there, {more} more that were not \
         acknowledged, none in half; the slowest opening after a kill took {slowest:?}"
    );
}

#[test]
fn who_is_killed_holds_nothing_and_is_named_until_then() {
    let folder = Folder::new();
    let mut writer = Writer::start(&folder.path(), 0);
    let id = writer.0.id();
    let out = BufReader::new(writer.0.stdout.take().unwrap());
    let mut lines = out.lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "said: open"));
    let e = folder.open().unwrap_err();
    assert_eq!(e.kind(), Kind::Conflict);
    assert!(e.message().contains(&format!("is held by process {id} on host ")), "{e}");
    writer.0.kill().unwrap();
    writer.0.wait().unwrap();
    assert!(folder.note().exists(), "a note stays behind, and stops nobody");
    let _held = folder.open().unwrap();
    let e = folder.open().unwrap_err();
    assert!(e.message().contains(&format!("process {} on", std::process::id())), "{e}");
}
