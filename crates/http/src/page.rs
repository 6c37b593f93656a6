//! Pages: finite and complete, or an error.
//!
//! [`pages`] asks for one page after the other; where the next one begins is read from the page by
//! the adapter. A server that gives the same position again, at once or in a circle, is an error
//! and no loop (T1); an error ends the stream as an error and never looks like its end (T2).

mod edge;
mod link;

use std::fmt;

use futures_util::stream;
use watchfloor_core::{BoxStream, Call, Error, Kind, Result};

use crate::{Answer, Request};
pub use edge::Edge;
pub use link::Link;

/// Pages without an item, one after the other, after which a server is not believed any more.
const EMPTY_IN_A_ROW: u32 = 1000;

/// What a page holds, and where the next one begins; `None` where it is the last.
pub type Read<T, P> = (Vec<T>, Option<P>);

/// The pages from `first` on, each asked for with `request` and read with `read`.
///
/// A position is whatever the product has: an offset ([`next_offset`]), a token, the sort values of
/// the last item, a [`Link`]. Each page has its retries of its own; the call's deadline bounds all.
/// Empty pages are passed over.
///
/// ```
/// # use std::sync::Arc;
/// # use futures_util::TryStreamExt as _;
/// # use watchfloor_core::{Root, TenantId};
/// # use watchfloor_http::{Auth, ByStatus, Layer, Settings};
/// # use watchfloor_testkit::{Answer, Fault, Request, Server, TestClock, Twin};
/// use watchfloor_http::page;
/// # #[derive(Debug)]
/// # struct Notes;
/// # impl Twin for Notes {
/// #     fn operation(&self, _: &Request) -> &'static str { "notes" }
/// #     fn handle(&self, request: &Request, _: Option<&Fault>) -> Answer {
/// #         let at: usize = request.param("startAt").unwrap().parse().unwrap();
/// #         let notes: Vec<_> = (at..10.min(at + 3)).collect();
/// #         Answer::json(200, &serde_json::json!({ "total": 10, "notes": notes }))
/// #     }
/// # }
/// #[derive(serde::Deserialize)]
/// struct Notes_ {
///     total: u64,
///     notes: Vec<u64>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = Arc::new(TestClock::at("2026-11-24T08:00:00Z".parse()?));
/// # let server = Server::start(Notes, clock.clone()).await?;
/// # let url = server.url().parse()?;
/// # let layer = Layer::new(clock.clone());
/// # let client = layer.client(&"x".into(), vec![url], Auth::none(), Settings::default(), ByStatus)?;
/// # let call = Root::new(clock).scope(TenantId::new("acme")).call();
/// let notes = page::pages(
///     &call,
///     0,
///     move |at| client.get("notes", "notes.list").query("startAt", &at.to_string()),
///     |at, answer| {
///         let page: Notes_ = answer.json()?;
///         let next = page::next_offset(*at, page.notes.len(), Some(page.total))?;
///         Ok((page.notes, next))
///     },
/// );
/// let all: Vec<u64> = notes.try_concat().await?;
/// assert_eq!(all, (0..10).collect::<Vec<_>>());
/// # Ok(())
/// # }
/// ```
pub fn pages<T, P>(
    call: &Call,
    first: P,
    request: impl Fn(&P) -> Request + Send + 'static,
    read: impl Fn(&P, Answer) -> Result<Read<T, P>> + Send + 'static,
) -> BoxStream<'static, Result<Vec<T>>>
where
    T: Send + 'static,
    P: Clone + PartialEq + Send + 'static,
{
    let walk = Walk { call: call.clone(), at: Some(first), seen: Seen::new(), request, read };
    Box::pin(stream::try_unfold(walk, Walk::next))
}

struct Walk<P, F, R> {
    call: Call,
    /// Where the next page begins; `None` after the last.
    at: Option<P>,
    seen: Seen<P>,
    request: F,
    read: R,
}

impl<P, F, R> Walk<P, F, R>
where
    P: Clone + PartialEq,
    F: Fn(&P) -> Request,
{
    async fn next<T>(mut self) -> Result<Option<(Vec<T>, Self)>>
    where
        R: Fn(&P, Answer) -> Result<Read<T, P>>,
    {
        for _ in 0..EMPTY_IN_A_ROW {
            let Some(at) = self.at.take() else { return Ok(None) };
            let request = (self.request)(&at);
            let named = request.named();
            let answer = request.send(&self.call).await?;
            let (items, next) = (self.read)(&at, answer).map_err(|e| named.on(e))?;
            if let Some(next) = &next {
                self.seen.step(at, next).map_err(|e| named.on(e))?;
            }
            self.at = next;
            if !items.is_empty() {
                return Ok(Some((items, self)));
            }
        }
        Err(Error::new(Kind::Protocol, "the server gives empty pages without end"))
    }
}

/// Finds circles with one remembered position (Brent): it is replaced by the current one after 1,
/// 2, 4 … pages, so that a circle of any length is met within three times its length.
struct Seen<P> {
    remembered: Option<P>,
    since: u64,
    renew_after: u64,
}

impl<P: PartialEq> Seen<P> {
    fn new() -> Self {
        Self { remembered: None, since: 0, renew_after: 1 }
    }

    /// From a page to the next.
    fn step(&mut self, from: P, to: &P) -> Result<()> {
        let again = from == *to || self.remembered.as_ref() == Some(to);
        if again {
            let what = "the server gives a position that it gave before: its pages have no end";
            return Err(Error::new(Kind::Protocol, what));
        }
        self.since += 1;
        if self.since == self.renew_after {
            (self.remembered, self.since) = (Some(from), 0);
            self.renew_after = self.renew_after.saturating_mul(2);
        }
        Ok(())
    }
}

/// Where the page after the one at `at` begins, which held `got` items. `total` is how many there
/// are, where the product says so.
///
/// Without it only an empty page is the last: a short one may be all that a server gives at once.
/// With it an empty page before the end is an error: a list that lacks items is none.
pub fn next_offset(at: u64, got: usize, total: Option<u64>) -> Result<Option<u64>> {
    let next = at.saturating_add(got as u64);
    match (total, got) {
        (Some(total), _) if next >= total => Ok(None),
        (Some(total), 0) => Err(Error::new(Kind::Protocol, "a page is empty before the end")
            .with("at", at)
            .with("total", total)),
        (None, 0) => Ok(None),
        _ => Ok(Some(next)),
    }
}

impl<P, F, R> fmt::Debug for Walk<P, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Walk")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_any_length_is_found_and_a_long_way_is_none() {
        for (tail, length) in [(0, 1), (0, 2), (3, 1), (5, 7), (100, 33), (1, 64)] {
            let mut seen = Seen::new();
            let position = |n: u64| if n < tail { n } else { tail + (n - tail) % length };
            let found = (0..10_000).find(|n| seen.step(position(*n), &position(n + 1)).is_err());
            let found = found.unwrap_or_else(|| panic!("{tail} + {length}"));
            assert!(found <= 3 * (tail + length) + 2, "{tail} + {length}: after {found}");
        }
        let mut seen = Seen::new();
        assert!((0..10_000_u64).all(|n| seen.step(n, &(n + 1)).is_ok()));
    }

    #[test]
    fn t01_an_offset_goes_on_and_ends() {
        assert_eq!(next_offset(0, 50, Some(120)).unwrap(), Some(50));
        assert_eq!(next_offset(100, 20, Some(120)).unwrap(), None);
        assert_eq!(next_offset(0, 0, Some(0)).unwrap(), None);
        // A short page is not the last while there is no total.
        assert_eq!(next_offset(50, 3, None).unwrap(), Some(53));
        assert_eq!(next_offset(53, 0, None).unwrap(), None);
        let e = next_offset(100, 0, Some(120)).unwrap_err();
        assert_eq!((e.kind(), e.context("at")), (Kind::Protocol, Some("100")));
    }
}
