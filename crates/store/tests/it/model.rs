//! Random operations against a map.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use watchfloor_core::{Kind, Store, Write};
use watchfloor_store::MemoryStore;

use crate::bench::Folder;

const SPACES: [&str; 3] = ["a", "ab", "b"];

type Model = BTreeMap<(&'static str, Vec<u8>), Bytes>;

#[derive(Clone, Debug)]
enum Op {
    Commit(Vec<Write>),
    /// Expects what is there, whatever it is, before these writes.
    Swap(&'static str, Vec<u8>, Vec<Write>),
    Get(&'static str, Vec<u8>),
    Range(&'static str, Vec<u8>, Vec<u8>, usize),
    Reopen,
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&SPACES[..])
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&[0, b'a', b'b', 0xff][..]), 0..3)
}

fn value() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        9 => prop::collection::vec(any::<u8>(), 0..3).prop_map(Bytes::from),
        1 => (0..20_000_usize).prop_map(|n| Bytes::from(vec![1; n])),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    let put =
        (space(), key(), value()).prop_map(|(space, key, value)| Write::Put { space, key, value });
    let delete = (space(), key()).prop_map(|(space, key)| Write::Delete { space, key });
    let expect = (space(), key(), prop::option::of(value()))
        .prop_map(|(space, key, value)| Write::Expect { space, key, value });
    prop_oneof![6 => put, 2 => delete, 1 => expect]
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    prop::collection::vec(write(), 0..5)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => writes().prop_map(Op::Commit),
        4 => (space(), key(), writes()).prop_map(|(s, k, w)| Op::Swap(s, k, w)),
        4 => (space(), key()).prop_map(|(s, k)| Op::Get(s, k)),
        4 => (space(), key(), key(), 0..9_usize).prop_map(|(s, a, b, n)| Op::Range(s, a, b, n)),
        1 => Just(Op::Reopen),
    ]
}

/// What a commit does to the model; whether it is done.
fn done(model: &mut Model, writes: &[Write]) -> bool {
    let holds = |write: &Write| match write {
        Write::Expect { space, key, value } => model.get(&(*space, key.clone())) == value.as_ref(),
        _ => true,
    };
    if !writes.iter().all(holds) {
        return false;
    }
    for write in writes {
        match write {
            Write::Put { space, key, value } => {
                model.insert((space, key.clone()), value.clone());
            }
            Write::Delete { space, key } => {
                model.remove(&(*space, key.clone()));
            }
            _ => {}
        }
    }
    true
}

async fn step(store: &dyn Store, model: &mut Model, op: Op) {
    match op {
        Op::Commit(writes) => commit(store, model, writes).await,
        Op::Swap(space, key, mut writes) => {
            let value = model.get(&(space, key.clone())).cloned();
            writes.push(Write::Expect { space, key, value });
            commit(store, model, writes).await;
        }
        Op::Get(space, key) => {
            let want = model.get(&(space, key.clone())).cloned();
            assert_eq!(store.get(space, &key).await.unwrap(), want);
        }
        Op::Range(space, from, to, limit) => {
            let within = |(s, k): &(&str, Vec<u8>)| *s == space && from <= *k && *k < to;
            let there = model.iter().filter(|(place, _)| within(place)).take(limit);
            let want: Vec<_> = there.map(|((_, k), v)| (k.clone(), v.clone())).collect();
            assert_eq!(store.range(space, from..to, limit).await.unwrap(), want);
        }
        Op::Reopen => {}
    }
}

async fn commit(store: &dyn Store, model: &mut Model, writes: Vec<Write>) {
    let told = store.commit(writes.clone()).await.map_err(|e| e.kind());
    let want = if done(model, &writes) { Ok(()) } else { Err(Kind::Conflict) };
    assert_eq!(told, want, "{writes:?}");
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work);
}

proptest! {
    #[test]
    fn memory_is_a_map(ops in prop::collection::vec(op(), 1..60)) {
        run(async {
            let (store, mut model) = (MemoryStore::new(), Model::new());
            for op in ops {
                step(&store, &mut model, op).await;
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_file_is_a_map_also_opened_again(ops in prop::collection::vec(op(), 1..60)) {
        run(async {
            let folder = Folder::new();
            let (mut store, mut model) = (folder.open().unwrap(), Model::new());
            for op in ops {
                if let Op::Reopen = op {
                    drop(store);
                    store = folder.open().unwrap();
                }
                step(&store, &mut model, op).await;
            }
        });
    }
}
