//! Compare and set.

use super::{OTHER, SPACE, StoreWorlds, Verdict, commit, conflicts, delete, expect, holds, put};

pub(super) async fn expect_value(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, vec![put(SPACE, b"a", "1")]).await?;
    commit(&*store, vec![expect(SPACE, b"a", Some(b"1")), put(SPACE, b"a", "2")]).await?;
    holds(&*store, SPACE, b"a", Some(b"2")).await?;
    // One that writes nothing only asks.
    commit(&*store, vec![expect(SPACE, b"a", Some(b"2"))]).await?;
    commit(&*store, vec![expect(SPACE, b"a", Some(b"2")), delete(SPACE, b"a")]).await?;
    holds(&*store, SPACE, b"a", None).await
}

pub(super) async fn expect_none(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, vec![expect(SPACE, b"a", None), put(SPACE, b"a", "1")]).await?;
    holds(&*store, SPACE, b"a", Some(b"1")).await?;
    conflicts(&*store, vec![expect(SPACE, b"a", None), put(SPACE, b"a", "2")]).await?;
    commit(&*store, vec![delete(SPACE, b"a")]).await?;
    commit(&*store, vec![expect(SPACE, b"a", None), put(SPACE, b"a", "3")]).await?;
    // In another space nothing is.
    commit(&*store, vec![expect(OTHER, b"a", None)]).await
}

pub(super) async fn expect_mismatch(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, vec![put(SPACE, b"a", "1"), put(SPACE, b"empty", "")]).await?;
    for wrong in [Some(&b"2"[..]), Some(b""), Some(b"11"), Some(b"1\0"), None] {
        conflicts(&*store, vec![expect(SPACE, b"a", wrong), put(SPACE, b"a", "3")]).await?;
        holds(&*store, SPACE, b"a", Some(b"1")).await?;
    }
    conflicts(&*store, vec![expect(SPACE, b"empty", None)]).await?;
    conflicts(&*store, vec![expect(SPACE, b"gone", Some(b""))]).await?;
    conflicts(&*store, vec![expect(SPACE, b"gone", Some(b"1"))]).await
}

pub(super) async fn expect_several(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, vec![put(SPACE, b"a", "1"), put(OTHER, b"b", "2")]).await?;
    let good = [expect(SPACE, b"a", Some(b"1")), expect(OTHER, b"b", Some(b"2"))];
    let bad = expect(OTHER, b"c", Some(b"3"));
    for at in 0..=2 {
        let mut writes = good.to_vec();
        writes.insert(at, bad.clone());
        writes.push(put(SPACE, b"a", "4"));
        conflicts(&*store, writes).await?;
        holds(&*store, SPACE, b"a", Some(b"1")).await?;
    }
    let mut writes = good.to_vec();
    writes.push(put(SPACE, b"a", "4"));
    commit(&*store, writes).await?;
    holds(&*store, SPACE, b"a", Some(b"4")).await
}

pub(super) async fn expect_before_writes(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, vec![put(SPACE, b"a", "1")]).await?;
    commit(&*store, vec![put(SPACE, b"a", "2"), expect(SPACE, b"a", Some(b"1"))]).await?;
    holds(&*store, SPACE, b"a", Some(b"2")).await?;
    conflicts(&*store, vec![put(SPACE, b"a", "3"), expect(SPACE, b"a", Some(b"3"))]).await?;
    holds(&*store, SPACE, b"a", Some(b"2")).await
}

pub(super) async fn all_or_nothing(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    commit(&*store, vec![put(SPACE, b"old", "1"), put(OTHER, b"old", "1")]).await?;
    let writes = vec![
        put(SPACE, b"new", "2"),
        delete(SPACE, b"old"),
        put(OTHER, b"old", "2"),
        expect(SPACE, b"gone", Some(b"1")),
        put(OTHER, b"new", "2"),
    ];
    conflicts(&*store, writes).await?;
    for space in [SPACE, OTHER] {
        holds(&*store, space, b"old", Some(b"1")).await?;
        holds(&*store, space, b"new", None).await?;
    }
    Ok(())
}
