//! What outlives the store that wrote it.

use super::together::{drop_one, whole};
use super::{
    Miss, OTHER, SPACE, StoreWorld, StoreWorlds, Verdict, commit, conflicts, delete, expect, holds,
    put,
};

async fn reopen(world: &dyn StoreWorld) -> Verdict {
    let reopened = world.reopen().await;
    reopened.then_some(()).ok_or_else(|| Miss::Skipped("this store ends with its process".into()))
}

pub(super) async fn reopened(worlds: StoreWorlds) -> Verdict {
    let world = worlds.fresh().await;
    for n in 0..10_u8 {
        let writes = vec![put(SPACE, &[n], vec![n]), put(OTHER, b"last", vec![n])];
        commit(&*world.store(), writes).await?;
    }
    commit(&*world.store(), vec![delete(SPACE, &[3])]).await?;
    reopen(&*world).await?;
    for n in 0..10_u8 {
        let want = [n];
        holds(&*world.store(), SPACE, &[n], (n != 3).then_some(&want[..])).await?;
    }
    holds(&*world.store(), OTHER, b"last", Some(&[9])).await?;
    // Expectations hold against what lies there, and the next opening finds what came after.
    conflicts(&*world.store(), vec![expect(OTHER, b"last", None)]).await?;
    let writes = vec![expect(OTHER, b"last", Some(&[9])), put(OTHER, b"last", "new")];
    commit(&*world.store(), writes).await?;
    reopen(&*world).await?;
    holds(&*world.store(), OTHER, b"last", Some(b"new")).await
}

pub(super) async fn reopened_after_dropping(worlds: StoreWorlds) -> Verdict {
    let world = worlds.fresh().await;
    for n in 0..12 {
        drop_one(&*world.store(), n).await;
        reopen(&*world).await?;
        whole(&*world.store(), n).await?;
    }
    Ok(())
}
