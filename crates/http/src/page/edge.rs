use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use watchfloor_core::{Error, Kind, Result};

/// Items of one and the same time, all of which must be remembered.
const MOST: usize = 10_000;

/// A cursor over items in the order of their time, for products that can sort by it and by nothing
/// else: items of equal time at the edge of a page are neither lost nor given twice (T20), in
/// whatever order the product gives them.
///
/// Ask for items at or after [`Edge::from`], oldest first, [`Edge::limit`] of them; give them to
/// [`Edge::take`]. It is small, and can be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    at: i64,
    /// The ids of that time which were given.
    seen: BTreeSet<String>,
}

impl Edge {
    /// Begins with items of this time, in the unit of the product.
    pub fn new(at: i64) -> Self {
        Self { at, seen: BTreeSet::new() }
    }

    /// The earliest time to ask for, inclusive.
    pub fn from(&self) -> i64 {
        self.at
    }

    /// How many to ask for so that at least `size` are new where there are as many. Where fewer come
    /// than that there are no more for now.
    pub fn limit(&self, size: usize) -> usize {
        size.saturating_add(self.seen.len())
    }

    /// Those of a page that are new. `key` is an item's time and id.
    ///
    /// [`Kind::Protocol`] where they are not in order, or too many are of the same time; then the
    /// cursor stays where it is.
    pub fn take<T>(&mut self, page: Vec<T>, key: impl Fn(&T) -> (i64, &str)) -> Result<Vec<T>> {
        let mut next = self.clone();
        let mut new = Vec::new();
        for item in page {
            let (at, id) = key(&item);
            if at < next.at {
                let what = "the items are not in the order of their time";
                return Err(Error::new(Kind::Protocol, what));
            }
            if at > next.at {
                next = Self::new(at);
            }
            if next.seen.insert(id.to_owned()) {
                new.push(item);
            }
            if next.seen.len() > MOST {
                let what = "too many items are of the same time";
                return Err(Error::new(Kind::Protocol, what).with("most", MOST));
            }
        }
        *self = next;
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A product that sorts by time, and gives equal times in another order each time.
    fn ask(items: &[(i64, String)], edge: &Edge, limit: usize, turn: u64) -> Vec<(i64, String)> {
        let shuffled = |id: &str| {
            id.bytes().fold(turn.wrapping_mul(0x9E37_79B9_7F4A_7C15), |h, b| {
                (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)
            })
        };
        let mut found: Vec<_> =
            items.iter().filter(|(at, _)| *at >= edge.from()).cloned().collect();
        found.sort_by_key(|(at, id)| (*at, shuffled(id)));
        found.truncate(limit);
        found
    }

    proptest! {
        #[test]
        fn t20_items_of_equal_time_at_the_edge_of_a_page_come_once_each(
            times in prop::collection::vec(0_i64..6, 0..60),
            size in 1_usize..5,
        ) {
            let named = |(n, at)| (at, format!("id-{n}"));
            let items: Vec<_> = times.into_iter().enumerate().map(named).collect();
            let mut edge = Edge::new(0);
            let mut got = Vec::new();
            for turn in 0.. {
                prop_assert!(turn < 100, "it goes on");
                let limit = edge.limit(size);
                let page = ask(&items, &edge, limit, turn);
                let last = page.len() < limit;
                got.extend(edge.take(page, |(at, id)| (*at, id)).unwrap());
                // A stored cursor is as good.
                let stored = serde_json::to_string(&edge).unwrap();
                edge = serde_json::from_str(&stored).unwrap();
                if last {
                    break;
                }
            }
            prop_assert!(got.is_sorted_by_key(|(at, _)| *at));
            got.sort();
            let mut want = items;
            want.sort();
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn what_comes_late_with_the_same_time_is_new() {
        let mut edge = Edge::new(0);
        type Item = (i64, &'static str);
        fn key((at, id): &Item) -> (i64, &str) {
            (*at, id)
        }
        assert_eq!(edge.take(vec![(5, "a"), (7, "b")], key).unwrap().len(), 2);
        assert_eq!((edge.from(), edge.limit(10)), (7, 11));
        assert_eq!(edge.take(vec![(7, "b"), (7, "c")], key).unwrap(), [(7, "c")]);
        let before = edge.clone();
        assert!(edge.take(vec![(9, "x"), (8, "y")], key).is_err());
        assert_eq!(edge, before);
    }
}
