//! Episodes, and the densest window in one.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use crate::seen::Seen;

/// Splits requests into episodes: stretches without a gap longer than the window.
pub(super) fn episodes<'r, 's>(
    requests: &'r [&'s Seen],
    window: Duration,
) -> impl Iterator<Item = &'r [&'s Seen]> {
    requests.chunk_by(move |a, b| b.time.since(a.time) <= window)
}

/// The largest number of distinct keys within any window.
pub(super) fn densest<K: Hash + Eq>(
    requests: &[&Seen],
    window: Duration,
    key: impl Fn(&Seen) -> K,
) -> usize {
    let mut counts: HashMap<K, usize> = HashMap::new();
    let (mut start, mut most) = (0, 0);
    for request in requests {
        *counts.entry(key(request)).or_default() += 1;
        while request.time.since(requests[start].time) > window {
            let old = key(requests[start]);
            if let Some(count) = counts.get_mut(&old) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&old);
                }
            }
            start += 1;
        }
        most = most.max(counts.len());
    }
    most
}

/// The largest number of requests within any window.
pub(super) fn busiest(requests: &[&Seen], window: Duration) -> usize {
    let (mut start, mut most) = (0, 0);
    for (end, request) in requests.iter().enumerate() {
        while request.time.since(requests[start].time) > window {
            start += 1;
        }
        most = most.max(end + 1 - start);
    }
    most
}
