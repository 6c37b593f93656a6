//! Several entries at once.

use super::{OTHER, SPACE, StoreWorlds, Verdict, commit, keys, put, range, same};

const ALL: usize = 1000;

fn owned(keys: &[&[u8]]) -> Vec<Vec<u8>> {
    keys.iter().map(|key| key.to_vec()).collect()
}

pub(super) async fn range_order(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    let ordered: [&[u8]; 8] = [b"\0", b"\0\xff", b"10", b"9", b"a", b"a\0", b"b", b"\xff"];
    for i in [3, 0, 7, 5, 1, 6, 2, 4] {
        commit(&*store, vec![put(SPACE, ordered[i], [i as u8].to_vec())]).await?;
    }
    let seen = range(&*store, SPACE, b"", b"\xff\xff", ALL).await?;
    let of = |i: usize| (ordered[i].to_vec(), vec![i as u8].into());
    same("a range of all", &seen, &(0..ordered.len()).map(of).collect())
}

pub(super) async fn range_bounds(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    let there: [&[u8]; 5] = [b"a", b"b", b"b\0", b"c", b"d"];
    commit(&*store, there.iter().map(|key| put(SPACE, key, "x")).collect()).await?;
    let seen = keys(&*store, SPACE, b"b", b"c", ALL).await?;
    same("the range from b to c", &seen, &owned(&[b"b", b"b\0"]))?;
    let seen = keys(&*store, SPACE, b"aa", b"bb", ALL).await?;
    same("the range between keys that are not there", &seen, &owned(&[b"b", b"b\0"]))?;
    let seen = keys(&*store, SPACE, b"b", b"b\0", ALL).await?;
    same("the range of one key", &seen, &owned(&[b"b"]))
}

pub(super) async fn range_limit(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    let there: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];
    commit(&*store, there.iter().map(|key| put(SPACE, key, "x")).collect()).await?;
    for limit in 0..=5 {
        let seen = keys(&*store, SPACE, b"a", b"e", limit).await?;
        same(&format!("at most {limit} of four"), &seen, &owned(&there[..limit.min(4)]))?;
    }
    let seen = keys(&*store, SPACE, b"a", b"e", usize::MAX).await?;
    same("as many as there are", &seen, &owned(&there))
}

pub(super) async fn range_empty(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    let none = Vec::<Vec<u8>>::new();
    same("a range of an empty store", &keys(&*store, SPACE, b"", b"z", ALL).await?, &none)?;
    commit(&*store, vec![put(SPACE, b"a", "x"), put(SPACE, b"c", "x")]).await?;
    same("a range from a key to itself", &keys(&*store, SPACE, b"a", b"a", ALL).await?, &none)?;
    same("a range from behind", &keys(&*store, SPACE, b"c", b"a", ALL).await?, &none)?;
    same("a range between two keys", &keys(&*store, SPACE, b"b", b"bb", ALL).await?, &none)
}

pub(super) async fn range_within_its_space(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    let entries = vec![put(SPACE, b"b", "here"), put(OTHER, b"a", "x"), put(OTHER, b"c", "x")];
    commit(&*store, entries).await?;
    let seen = range(&*store, SPACE, b"", b"\xff\xff\xff", ALL).await?;
    same("a range of the one space", &seen, &vec![(b"b".to_vec(), "here".into())])?;
    let seen = keys(&*store, OTHER, b"", b"\xff\xff\xff", ALL).await?;
    same("a range of the other", &seen, &owned(&[b"a", b"c"]))
}
