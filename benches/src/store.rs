//! Commits into a store in one file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use watchfloor::core::{CallId, Store, Write};
use watchfloor::http::SystemClock;
use watchfloor::store::RedbStore;

use crate::Result;
use crate::process::cpu_at;

const SECONDS: u64 = 5;

#[allow(clippy::disallowed_methods, reason = "a benchmark reads the real time")]
pub(crate) async fn run(args: &[&str]) -> Result<()> {
    let dir = args.first().map_or_else(std::env::temp_dir, PathBuf::from);
    for committers in [1, 50] {
        let file = dir.join(format!("watchfloor-bench-{}.redb", CallId::random()));
        let store: Arc<dyn Store> = Arc::new(RedbStore::open(&file, &SystemClock::new())?);
        let (begun, cpu) = (Instant::now(), cpu_at("/proc/self/stat", 14)?);
        let done = Arc::new(AtomicU64::new(0));
        let until = begun + Duration::from_secs(SECONDS);
        let tasks = (0..committers).map(|who: u64| {
            let (store, done) = (store.clone(), done.clone());
            tokio::spawn(async move {
                let mut n = 0_u64;
                while Instant::now() < until {
                    let key = [who.to_be_bytes(), n.to_be_bytes()].concat();
                    store.commit(claim(&key)).await?;
                    n += 1;
                }
                done.fetch_add(n, Ordering::SeqCst);
                Ok::<_, watchfloor::core::Error>(())
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
        let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_at("/proc/self/stat", 14)? - cpu);
        let commits = done.load(Ordering::SeqCst) as f64;
        println!(
            "{committers} at once: {:.0} commits/s, {:.0} us of CPU each",
            commits / wall,
            cpu / commits * 1e6,
        );
        drop(store);
        std::fs::remove_file(file)?;
    }
    Ok(())
}

/// As a desk claims a key: nothing is there, and then a record.
fn claim(key: &[u8]) -> Vec<Write> {
    let (space, key) = ("desk.claims", key.to_vec());
    vec![
        Write::Expect { space, key: key.clone(), value: None },
        Write::Put { space, key, value: vec![b'x'; 200].into() },
    ]
}
