//! Several at once, and what nobody waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use watchfloor_core::{Kind, Store, Write};

use super::{
    Miss, SPACE, StoreWorlds, Verdict, commit, expect, failed, get, keys, put, same, unexpected,
};

/// How many do the same at once.
const MANY: u64 = 50;

/// What tasks of their own answer, the first miss of all.
async fn all<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = Result<T, Miss>> + Send + 'static>,
) -> Result<Vec<T>, Miss> {
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let ended = join_all(tasks).await.into_iter();
    ended.map(|task| task.unwrap_or_else(|e| Err(failed(format!("a task ended: {e}"))))).collect()
}

pub(super) async fn one_winner(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    for round in 0..10_u64 {
        let key = round.to_be_bytes();
        let claims = (0..MANY).map(|who| {
            let store = store.clone();
            async move {
                let claim = vec![expect(SPACE, &key, None), put(SPACE, &key, who.to_string())];
                match store.commit(claim).await {
                    Ok(()) => Ok(Some(who)),
                    Err(e) if e.kind() == Kind::Conflict => Ok(None),
                    Err(e) => Err(unexpected("a commit")(e)),
                }
            }
        });
        let winners: Vec<u64> = all(claims).await?.into_iter().flatten().collect();
        let [winner] = winners[..] else {
            return Err(failed(format!("{} of {MANY} won the same claim", winners.len())));
        };
        let seen = get(&*store, SPACE, &key).await?;
        same("the claim is the winner's", &seen, &Some(winner.to_string().into()))?;
    }
    Ok(())
}

pub(super) async fn counter(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    let raise = (0..MANY).map(|_| raise(store.clone()));
    all(raise).await?;
    let seen = get(&*store, SPACE, b"counter").await?;
    same("the counter after everybody raised it", &seen, &Some(MANY.to_string().into()))
}

/// Adds one: reads, and writes if it is still so, as often as it takes.
async fn raise(store: Arc<dyn Store>) -> Verdict {
    // Each time that one fails another one was done.
    for _ in 0..=MANY {
        let seen = get(&*store, SPACE, b"counter").await?;
        let text = seen.as_deref().map(String::from_utf8_lossy);
        let count: u64 = text.and_then(|text| text.parse().ok()).unwrap_or_default();
        let writes = vec![
            expect(SPACE, b"counter", seen.as_deref()),
            put(SPACE, b"counter", (count + 1).to_string()),
        ];
        match store.commit(writes).await {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == Kind::Conflict => {}
            Err(e) => return Err(unexpected("a commit")(e)),
        }
    }
    Err(failed("a compare-and-set is refused though nobody else wrote"))
}

/// Readers beside a writer: none sees less than was acknowledged when it began.
pub(super) async fn acknowledged_is_seen(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (writer, written) = (store.clone(), acknowledged.clone());
    let writing = tokio::spawn(async move {
        for n in 1..=MANY {
            commit(&*writer, vec![put(SPACE, b"n", n.to_be_bytes().to_vec())]).await?;
            written.store(n, Ordering::SeqCst);
            let seen = get(&*writer, SPACE, b"n").await?;
            same("what was just written", &seen, &Some(n.to_be_bytes().to_vec().into()))?;
        }
        Ok::<_, Miss>(())
    });
    let readers = (0..4).map(|_| {
        let (store, acknowledged) = (store.clone(), acknowledged.clone());
        async move {
            loop {
                let least = acknowledged.load(Ordering::SeqCst);
                let seen = get(&*store, SPACE, b"n").await?.unwrap_or_default();
                let seen = seen.as_ref().try_into().map_or(0, u64::from_be_bytes);
                if seen < least {
                    return Err(failed(format!("{least} was acknowledged, and {seen} was read")));
                }
                if least == MANY {
                    return Ok(());
                }
                tokio::task::yield_now().await;
            }
        }
    });
    all(readers).await?;
    writing.await.unwrap_or_else(|e| Err(failed(format!("the writer ended: {e}"))))
}

pub(super) async fn dropped_commit(worlds: StoreWorlds) -> Verdict {
    let store = worlds.fresh().await.store();
    for n in 0..20_u8 {
        drop_one(&*store, n).await;
        for _ in 0..10 {
            whole(&*store, n).await?;
            tokio::task::yield_now().await;
        }
    }
    // The store goes on, and what was dropped is no more in its way.
    commit(&*store, vec![put(SPACE, b"after", "x")]).await?;
    for n in 0..20 {
        whole(&*store, n).await?;
    }
    Ok(())
}

/// Begins a commit of two entries and drops it: the more even `n`, the later.
pub(super) async fn drop_one(store: &dyn Store, n: u8) {
    let writes: Vec<Write> = (0..2).map(|i| put(SPACE, &[n, i], [n].to_vec())).collect();
    let mut under_way = store.commit(writes);
    for _ in 0..n % 4 {
        if (&mut under_way).now_or_never().is_some() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Both entries of a dropped commit are there, or none.
pub(super) async fn whole(store: &dyn Store, n: u8) -> Verdict {
    // One read: between two of them the commit may be done.
    match keys(store, SPACE, &[n, 0], &[n, 2], 9).await?.len() {
        0 | 2 => Ok(()),
        there => Err(failed(format!("{there} of the two entries of a dropped commit are there"))),
    }
}
