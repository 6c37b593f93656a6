use std::sync::{Arc, Mutex};

use watchfloor_core::{Kind, Outcome, Store, Write, async_trait};
use watchfloor_store::{MAX_COMMIT, MAX_KEY, MAX_VALUE, MemoryStore, RedbStore};
use watchfloor_testkit::conformance::store::{self, StoreWorld};

use crate::bench::Folder;

struct InFile {
    store: Mutex<Option<Arc<RedbStore>>>,
    folder: Folder,
}

impl InFile {
    fn new() -> Self {
        let folder = Folder::new();
        let store = Mutex::new(Some(Arc::new(folder.open().unwrap())));
        Self { store, folder }
    }
}

#[async_trait]
impl StoreWorld for InFile {
    fn store(&self) -> Arc<dyn Store> {
        self.store.lock().unwrap().clone().unwrap()
    }

    async fn reopen(&self) -> bool {
        let mut place = self.store.lock().unwrap();
        let last = Arc::into_inner(place.take().unwrap());
        drop(last.expect("nobody holds it meanwhile"));
        *place = Some(Arc::new(self.folder.open().unwrap()));
        true
    }
}

struct InMemory(MemoryStore);

#[async_trait]
impl StoreWorld for InMemory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_every_promise() {
    let report = store::report(&store::worlds(|_| async { InFile::new() })).await;
    report.assert();
    assert!(report.skipped().is_empty());
}

#[tokio::test]
async fn a_file_keeps_them_on_one_thread_too() {
    store::run(|_| async { InFile::new() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_every_promise_but_to_survive() {
    let report = store::report(&store::worlds(|_| async { InMemory(MemoryStore::new()) })).await;
    report.assert();
    assert_eq!(report.skipped(), ["reopened", "reopened_after_dropping"]);
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_changes_nothing() {
    let file = Folder::new();
    let stores: [Arc<dyn Store>; 2] =
        [Arc::new(MemoryStore::new()), Arc::new(file.open().unwrap())];
    let put = |key: usize, value: usize| Write::Put {
        space: "large",
        key: vec![7; key],
        value: vec![7; value].into(),
    };
    for store in stores {
        let many = (0..5).map(|n| put(n, MAX_COMMIT / 4)).collect();
        for writes in [vec![put(MAX_KEY + 1, 0)], vec![put(1, MAX_VALUE + 1)], many] {
            let e = store.commit(writes).await.unwrap_err();
            assert_eq!((e.kind(), e.outcome()), (Kind::TooLarge, Outcome::Rejected), "{e}");
        }
        let all = vec![]..vec![0xff; 2];
        assert_eq!(store.range("large", all.clone(), 9).await.unwrap(), []);
        store.commit(vec![put(MAX_KEY, MAX_VALUE)]).await.unwrap();
        let there = store.range("large", all, 9).await.unwrap();
        assert_eq!((there.len(), there[0].0.len(), there[0].1.len()), (1, MAX_KEY, MAX_VALUE));
    }
}

#[tokio::test]
async fn a_space_is_named_in_a_conflict_and_no_key_or_value() {
    let file = Folder::new();
    let stores: [Arc<dyn Store>; 2] =
        [Arc::new(MemoryStore::new()), Arc::new(file.open().unwrap())];
    for store in stores {
        let (space, key) = ("tokens", b"cnry-key".to_vec());
        let put = Write::Put { space, key: key.clone(), value: "cnry-value".into() };
        store.commit(vec![put]).await.unwrap();
        let expect = Write::Expect { space, key, value: Some("cnry-other".into()) };
        let e = store.commit(vec![expect]).await.unwrap_err();
        assert_eq!(e.context("space"), Some("tokens"));
        assert!(!format!("{e} {e:?} {store:?}").contains("cnry"), "{e:?} {store:?}");
    }
}
