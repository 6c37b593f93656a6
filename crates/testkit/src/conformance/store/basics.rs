//! One after another, without conditions.

use super::{OTHER, SPACE, StoreWorlds, Verdict, commit, delete, get, holds, put, same};

pub(super) async fn absent(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    holds(&*store, SPACE, b"nobody", None).await?;
    commit(&*store, vec![delete(SPACE, b"nobody")]).await?;
    holds(&*store, SPACE, b"nobody", None).await
}

pub(super) async fn put_and_get(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, vec![put(SPACE, b"a", "first"), put(SPACE, b"b", "other")]).await?;
    holds(&*store, SPACE, b"a", Some(b"first")).await?;
    commit(&*store, vec![put(SPACE, b"a", "second")]).await?;
    holds(&*store, SPACE, b"a", Some(b"second")).await?;
    holds(&*store, SPACE, b"b", Some(b"other")).await
}

pub(super) async fn deleted(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, vec![put(SPACE, b"a", "1"), put(SPACE, b"b", "2")]).await?;
    commit(&*store, vec![delete(SPACE, b"a")]).await?;
    holds(&*store, SPACE, b"a", None).await?;
    holds(&*store, SPACE, b"b", Some(b"2")).await?;
    commit(&*store, vec![put(SPACE, b"a", "3")]).await?;
    holds(&*store, SPACE, b"a", Some(b"3")).await
}

pub(super) async fn empty_value(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, vec![put(SPACE, b"a", "")]).await?;
    holds(&*store, SPACE, b"a", Some(b"")).await
}

pub(super) async fn empty_commit(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, Vec::new()).await
}

pub(super) async fn same_key_twice(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    let twice = vec![put(SPACE, b"a", "1"), put(SPACE, b"a", "2")];
    commit(&*store, twice).await?;
    holds(&*store, SPACE, b"a", Some(b"2")).await?;
    commit(&*store, vec![put(SPACE, b"a", "3"), delete(SPACE, b"a")]).await?;
    holds(&*store, SPACE, b"a", None).await?;
    commit(&*store, vec![delete(SPACE, b"a"), put(SPACE, b"a", "4")]).await?;
    holds(&*store, SPACE, b"a", Some(b"4")).await
}

/// Keys that differ only in bytes which are no text, or end a text elsewhere.
pub(super) async fn binary_keys(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    let keys: [&[u8]; 9] =
        [b"", b"\0", b"\0\0", b"\0\xff", b"a\0b", b"\xfe", b"\xff", b"\xff\xff", b"\xc3\x28"];
    let value = |key: &[u8]| [b"\xff\0", key].concat();
    commit(&*store, keys.iter().map(|key| put(SPACE, key, value(key))).collect()).await?;
    for key in keys {
        holds(&*store, SPACE, key, Some(&value(key))).await?;
    }
    Ok(())
}

pub(super) async fn large_value(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    let large: Vec<u8> = (0..1_u32 << 20).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect();
    commit(&*store, vec![put(SPACE, b"large", large.clone())]).await?;
    let seen = get(&*store, SPACE, b"large").await?.unwrap_or_default();
    same("the bytes of a large value that came back", &seen.len(), &large.len())?;
    same("a large value came back as it was", &(seen == large), &true)
}

pub(super) async fn spaces_apart(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, vec![put(SPACE, b"a", "here")]).await?;
    holds(&*store, OTHER, b"a", None).await?;
    // A name and a key that read alike when they are only put together.
    commit(&*store, vec![put(SPACE, b"2a", "not there")]).await?;
    holds(&*store, OTHER, b"a", None).await?;
    commit(&*store, vec![put(OTHER, b"a", "there"), delete(OTHER, b"2a")]).await?;
    holds(&*store, SPACE, b"a", Some(b"here")).await?;
    holds(&*store, SPACE, b"2a", Some(b"not there")).await?;
    commit(&*store, vec![delete(OTHER, b"a")]).await?;
    holds(&*store, SPACE, b"a", Some(b"here")).await
}
