//! Desks with one fault each must break the promise that it is about; the honest one keeps all.

use super::memory::{Keys, MemoryDesk, MemoryDeskWorld};
use super::{report, worlds};

#[tokio::test]
async fn an_honest_desk_keeps_every_promise() {
    for keys in [Keys::Free, Keys::Lagging, Keys::Claimed, Keys::Unique] {
        let worlds =
            worlds(move |setup| async move { MemoryDeskWorld::of(setup, keys, MemoryDesk::desk) });
        let report = report(&worlds).await;
        assert!(report.failed().is_empty(), "{keys:?}: {report}");
    }
}
