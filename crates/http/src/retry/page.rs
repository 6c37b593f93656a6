//! `docs/retry.md` and `src/by_status.md`, made from the data that the code runs on.
//!
//! Stale pages fail a test; `WATCHFLOOR_RENEW=1 cargo test -p watchfloor-http page` writes them.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use watchfloor_core::Kind;

use super::{Class, TABLE, backoff, budget, markdown};
use crate::endpoint::{FIRST_REST, HELD_FROM, LONGEST_REST};
use crate::{Settings, classify};

fn seconds(d: Duration) -> String {
    if d.subsec_millis() == 0 {
        format!("{} s", d.as_secs())
    } else {
        format!("{} s", d.as_secs_f64())
    }
}

fn by_status() -> String {
    format!(
        "What a status says, where the product means what its status says.\n\n{}\n\
         A 500 may come after the effect, a 502 or 504 from a proxy that lost the answer: nobody \
         can\nsay. A 3xx is refused: redirects are not followed, so that a credential goes nowhere \
         else. After a\n408 the connections are not used again.\n",
        classify::markdown()
    )
}

fn classes() -> String {
    const KINDS: [Kind; 14] = [
        Kind::Config,
        Kind::Unauthenticated,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::Conflict,
        Kind::Invalid,
        Kind::TooLarge,
        Kind::RateLimited,
        Kind::Unavailable,
        Kind::Timeout,
        Kind::Protocol,
        Kind::Refused,
        Kind::Unsupported,
        Kind::Internal,
    ];
    let mut text = String::from("| class | kinds |\n|---|---|\n");
    for class in [Class::Passing, Class::Credential, Class::Lasting] {
        let kinds: Vec<_> =
            KINDS.iter().filter(|k| Class::of(**k) == class).map(|k| k.as_str()).collect();
        let _ = writeln!(text, "| {class:?} | {} |", kinds.join(", "));
    }
    text
}

fn page() -> String {
    let Settings { timeout, attempt_timeout, max_attempts, retry_after_cap, .. } =
        Settings::default();
    let ceilings: Vec<_> = (1..max_attempts).map(|n| seconds(backoff::ceiling(n))).collect();
    let (base, cap) = (seconds(backoff::BASE), seconds(backoff::CAP));
    let (first, longest) = (seconds(FIRST_REST), seconds(LONGEST_REST));
    let (repeats, cost) = (budget::FULL / budget::COST, budget::COST);
    let (timeout, attempt, after_cap) =
        (seconds(timeout), seconds(attempt_timeout), seconds(retry_after_cap));
    let (classes, table, statuses) = (classes(), markdown(), classify::markdown());
    let rows = TABLE.len();
    format!(
        "<!-- Made from the code: WATCHFLOOR_RENEW=1 cargo test -p watchfloor-http page -->

# What is repeated

Every request to a product goes through one layer, and one table decides whether it is sent again.
Three things are looked up in it: what a second arrival would do, what became of the first, and
whether the failure may pass.

**What a second arrival would do** is said of each request by its connector:

| | if it arrives twice |
|---|---|
| Harmless | nothing: a read, a put of a whole |
| Keyed | nothing: the product knows the second by its id |
| Duplicates | a second copy with the same id, as with HEC |
| Forbidden | a second effect: a create |

**What became of the first** is its outcome: *not sent* (no connection was made), *rejected* (the
answer refuses it), *unknown* (sent, and no answer says what became of it), *applied*.

**Whether the failure may pass** is told by its kind:

{classes}
## The table

All {rows} rows, as the code reads them:

{table}
*Again*: the same bytes are sent after a wait. *Stop*: the error is returned. *Lookup*: the error is
returned and says `AfterLookup`: whoever sent it looks up whether it took effect before it is sent
again. A request that is too large is never sent again unchanged, and a credential that is refused is
never sent twice as it is.

## The waits

- After the first failure at most {base}, twice as long after each further one, at most {cap}:
  {ceilings} between the {max_attempts} attempts of the default. Each wait is drawn between none and
  that, so that clients which failed together do not come back together.
- A server that asks for a wait gets it, if it is the longer: `Retry-After` in seconds (a fraction is
  rounded up to the millisecond) or as a date in any of HTTP's three forms, measured against the
  answer's own `Date`; or the vendor's own header. At most `retry_after_cap` ({after_cap}).
- A 429 lets everybody wait who sends to that host for that tenant, also those who already wait for
  their turn; they keep their order and their distance.
- With several endpoints nobody waits for the one that cannot serve: the next one is asked.

## When it ends

- `max_attempts` ({max_attempts}) attempts are used up. A renewed token costs none: the request is
  sent once more with it.
- `timeout` ({timeout}) is over, or the wait would end after it, or after the call's own deadline. Then
  nobody waits in vain: the error is returned at once, as *rate limited* where the server asked for
  the wait, with the time from which to try again. One attempt has `attempt_timeout` ({attempt}).
- The retry budget of the host is used up: {repeats} repeats that lead nowhere. A success gives back
  what its repeats took, or one {cost}th of a repeat. Until then each operation has one attempt.

## An endpoint that fails

One that does not answer, or says that it cannot serve, rests: for {first}, twice as long after each
further failure in a row, at most {longest}. Requests that were under way together and fail together
count as one failure. When the rest is over, one request tries it; an answer ends the rest.

None is ever removed. Where all rest, the one whose rest ends first is asked all the same, up to the
failure number {held} in a row; from then on requests wait for the end of the rest, and for the one
request that tries it, as long as their time allows.

## What the error says

Its outcome is that of the operation, not of the last attempt: after one attempt whose outcome is
unknown it is *unknown*, whatever came later. Its `retry()` is

| | when |
|---|---|
| `NotBefore(time)` | it may be sent again from then on: the wait that was asked for, and the rest of the endpoint, are over |
| `AfterLookup` | whether it took effect must be looked up first |
| `Never` | sending the same again would fail again |

With the status of the last answer, and the number of attempts where there was more than one.

## What a status says

Connectors begin with this, and say where their product means something else (also inside a 200):

{statuses}",
        ceilings = ceilings.join(", "),
        held = HELD_FROM,
    )
}

fn check(path: &str, want: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("WATCHFLOOR_RENEW").is_some() {
        std::fs::write(&path, want).unwrap();
    }
    let is = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        is == want,
        "{} is stale; renew it: WATCHFLOOR_RENEW=1 cargo test -p watchfloor-http page",
        path.display()
    );
}

#[test]
fn the_page_is_what_the_code_does() {
    check("../../docs/retry.md", &page());
}

#[test]
fn the_page_of_by_status_is_what_the_code_does() {
    check("src/by_status.md", &by_status());
}
