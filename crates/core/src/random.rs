//! The one place that draws random bits.

use std::cell::RefCell;

/// What one look at the operating system brings: an id for each event of a file would else ask it
/// as often.
const DRAW: usize = 64;

thread_local! {
    static DRAWN: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
}

/// 16 random bytes, 122 of their bits drawn from the operating system (a version 4 UUID).
pub(crate) fn uuid() -> uuid::Uuid {
    let bytes = DRAWN.with_borrow_mut(|drawn| {
        drawn.pop().unwrap_or_else(|| {
            let mut fresh = [[0; 16]; DRAW];
            fill(fresh.as_flattened_mut());
            drawn.extend_from_slice(&fresh[1..]);
            fresh[0]
        })
    });
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[allow(clippy::disallowed_methods, reason = "this is the seam the ban points to")]
fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system has random bits");
}

/// A random number, uniform over 48 bits mapped to `[0, 1)`. For jitter, not for secrets.
pub fn unit() -> f64 {
    // The low 48 bits of a version 4 UUID are all random.
    let bits = uuid().as_u128() & ((1 << 48) - 1);
    bits as f64 / (1_u64 << 48) as f64
}

/// A random key for keyed hashes.
pub fn key() -> [u8; 32] {
    let mut key = [0; 32];
    fill(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn none_comes_twice_on_any_thread() {
        let drawn = || (0..3 * DRAW).map(|_| uuid()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(drawn)).collect();
        let all = threads.into_iter().flat_map(|t| t.join().unwrap());
        let all: HashSet<_> = all.chain(drawn()).collect();
        assert_eq!(all.len(), 5 * 3 * DRAW);
        assert!(all.iter().all(|id| id.get_version_num() == 4));
        assert_ne!(key(), key());
    }
}
