//! Who holds the file, who may read it, and what is wrong with it.

use std::sync::Arc;

use watchfloor_core::{Kind, Store, Write};

use crate::bench::Folder;

fn put(key: &[u8]) -> Write {
    Write::Put { space: "x", key: key.to_vec(), value: "y".into() }
}

#[test]
fn a_second_opener_is_told_who_holds_it() {
    let folder = Folder::new();
    let first = folder.open().unwrap();
    let e = folder.open().unwrap_err();
    assert_eq!(e.kind(), Kind::Conflict);
    let (path, pid) = (folder.path(), std::process::id());
    let begin = format!("{} is held by process {pid} on host ", path.display());
    assert!(e.message().starts_with(&begin), "{e}");
    assert!(e.message().ends_with(" since 2026-11-24T08:00:00.000Z"), "{e}");
    drop(first);
    assert!(!folder.note().exists(), "nobody holds it any more");
    folder.open().unwrap();
}

#[test]
fn a_note_of_somebody_who_is_gone_stops_nobody_and_names_nobody() {
    let folder = Folder::new();
    let gone = |host: &str| format!(r#"{{"pid":4194305,"host":"{host}","since":0}}"#);
    for note in [gone("elsewhere"), String::new(), "}".into(), "x".repeat(9000)] {
        std::fs::write(folder.note(), note).unwrap();
        let held = folder.open().unwrap();
        let e = folder.open().unwrap_err();
        assert!(e.message().contains(&format!("process {} on", std::process::id())), "{e}");
        // As if it had not come to write its own yet.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
        if let Ok(host) = host {
            std::fs::write(folder.note(), gone(host.trim())).unwrap();
            let e = folder.open().unwrap_err();
            assert!(e.message().ends_with("is held by another process"), "{e}");
        }
        std::fs::write(folder.note(), "not one").unwrap();
        let e = folder.open().unwrap_err();
        assert!(e.message().ends_with("is held by another process"), "{e}");
        drop(held);
    }
}

#[test]
fn who_holds_it_may_be_on_another_host() {
    let folder = Folder::new();
    let _held = folder.open().unwrap();
    let note = r#"{"pid":4711,"host":"soc-1","since":1795507200000}"#;
    std::fs::write(folder.note(), note).unwrap();
    let e = folder.open().unwrap_err();
    let named = "is held by process 4711 on host soc-1 since 2026-11-24T08:00:00.000Z";
    assert!(e.message().ends_with(named), "{e}");
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let held = folder.open().unwrap();
    assert_eq!((mode(folder.path()), mode(folder.note())), (0o600, 0o600));
    drop(held);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let _held = folder.open().unwrap();
    assert_eq!(mode(folder.path()), 0o600);
}

#[test]
fn what_is_no_store_is_left_as_it_is_with_what_to_do() {
    let folder = Folder::new();
    let zeros = vec![0; 100_000];
    let texts: [&[u8]; 3] = [b"x", b"[state]\npath = \"watchfloor.redb\"\n", &zeros];
    for text in texts {
        std::fs::write(folder.path(), text).unwrap();
        let e = folder.open().unwrap_err();
        assert_eq!(e.kind(), Kind::Config, "{e}");
        assert!(e.message().contains("is damaged, or no store; put it back"), "{e}");
        assert_eq!(std::fs::read(folder.path()).unwrap(), text);
        assert!(!folder.note().exists());
    }
}

/// Every page of a store is damaged in turn: each time it opens or says so, and nothing panics out
/// of it.
#[tokio::test]
async fn damage_is_an_error_and_no_panic() {
    let folder = Folder::new();
    let store = folder.open().unwrap();
    for key in 0..200_u8 {
        store.commit(vec![put(&[key])]).await.unwrap();
    }
    drop(store);
    let good = std::fs::read(folder.path()).unwrap();
    let mut refused = 0;
    for at in (0..good.len()).step_by(4096) {
        let mut bad = good.clone();
        bad[at..].iter_mut().take(4096).for_each(|byte| *byte ^= 0x5a);
        std::fs::write(folder.path(), &bad).unwrap();
        match folder.open() {
            Err(e) => {
                assert_eq!(e.kind(), Kind::Config, "{e}");
                refused += 1;
            }
            Ok(store) => {
                let _ = store.range("x", vec![]..vec![255; 2], 999).await;
                let _ = store.commit(vec![put(b"new")]).await;
            }
        }
    }
    assert!(refused > 0);
    std::fs::write(folder.path(), &good[..good.len() / 2]).unwrap();
    assert!(folder.open().is_err(), "half of it is not it");
}

#[test]
fn a_folder_that_is_not_there_is_a_fault_of_the_configuration() {
    let folder = Folder::new();
    let path = folder.path().join("watchfloor.redb");
    let e = crate::bench::open(&path).unwrap_err();
    assert_eq!(e.kind(), Kind::Config);
    assert!(e.message().ends_with("cannot be read or written: entity not found"), "{e}");
}

/// The work is handed over before the future waits, and any executor may wait for it.
#[test]
fn no_runtime_is_needed() {
    let folder = Folder::new();
    let store = Arc::new(folder.open().unwrap());
    futures_executor(async move {
        store.commit(vec![put(b"a")]).await.unwrap();
        assert_eq!(store.get("x", b"a").await.unwrap(), Some("y".into()));
    });
}

/// The smallest executor: it looks again when it is woken.
fn futures_executor(work: impl Future<Output = ()>) {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut work = std::pin::pin!(work);
    while work.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending() {
        std::thread::park();
    }
}

#[tokio::test]
async fn what_was_handed_over_is_done_before_the_file_is_free() {
    let folder = Folder::new();
    let store = folder.open().unwrap();
    let mut waiting = Vec::new();
    for key in 0..50_u8 {
        let mut commit = Box::pin(store.commit(vec![put(&[key])]));
        // Once is enough to hand it over.
        assert!(futures_util::poll!(&mut commit).is_pending());
        waiting.push(commit);
    }
    drop(waiting);
    drop(store);
    let there = folder.open().unwrap().range("x", vec![]..vec![255], 99).await.unwrap();
    assert_eq!(there.len(), 50);
}
