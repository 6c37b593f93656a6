//! `Retry-After`, and the headers that vendors have for the same.

use std::time::{Duration, UNIX_EPOCH};

use watchfloor_core::Timestamp;

/// The wait where a server writes more digits than fit: very long, not none.
const VERY_LONG: u64 = u32::MAX as u64;

/// How a header says when to come back; see [`Answer::hint`](crate::Answer::hint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// Seconds from now: `ratelimit-reset: 30`.
    Seconds,
    /// Milliseconds from now: `retry-after-ms: 1500`.
    Millis,
    /// Seconds since 1970: `x-ratelimit-reset: 1795312800` (ServiceNow).
    EpochSeconds,
    /// RFC 3339: `x-ratelimit-reset: 2026-11-24T09:00:00Z` (Jira Cloud).
    Rfc3339,
}

/// The wait that a `Retry-After` asks for (RFC 9110 §10.2.3): seconds, or an HTTP date in one of
/// its three forms.
pub(crate) fn delay_of(value: &str, date: Option<&str>, received: Timestamp) -> Option<Duration> {
    let seconds = || decimal(value.trim(), 1000);
    seconds().or_else(|| Some(until(http_date(value.trim())?, date, received)))
}

/// The wait that a vendor's header asks for.
pub(crate) fn delay_by(
    form: Hint,
    value: &str,
    date: Option<&str>,
    received: Timestamp,
) -> Option<Duration> {
    let value = value.trim();
    match form {
        Hint::Seconds => decimal(value, 1000),
        Hint::Millis => decimal(value, 1),
        Hint::EpochSeconds => {
            let at = Timestamp::EPOCH.saturating_add(decimal(value, 1000)?);
            Some(until(at, date, received))
        }
        Hint::Rfc3339 => Some(until(value.parse().ok()?, date, received)),
    }
}

/// How long until `at`, by the clock that said so: the answer's own `date`, else `received`. What
/// is past is no wait.
fn until(at: Timestamp, date: Option<&str>, received: Timestamp) -> Duration {
    let from = date.and_then(|d| http_date(d.trim())).unwrap_or(received);
    at.since(from)
}

/// Digits, and a fraction after a point, which is rounded up to the millisecond: RFC 9110 knows
/// whole seconds alone, yet a wait that is said clearly is better obeyed than not. Signs, exponents
/// and a bare point are refused.
fn decimal(text: &str, millis: u64) -> Option<Duration> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if digits(fraction) => (whole, fraction),
        Some(_) => return None,
        None => (text, "0"),
    };
    if !digits(whole) {
        return None;
    }
    let whole = whole.parse().map_or(VERY_LONG, |n: u64| n.min(VERY_LONG * 1000));
    // The digits beyond the ninth change nothing but the rounding up.
    let shown: f64 = format!("0.{fraction:.9}").parse().ok()?;
    let more = (shown * millis as f64).ceil() as u64;
    let rest = fraction.get(9..).is_some_and(|r| r.bytes().any(|b| b != b'0'));
    let more = if more == 0 && rest { 1 } else { more };
    Some(Duration::from_millis(whole.saturating_mul(millis).saturating_add(more)))
}

fn http_date(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Timestamp::from_secs(i64::try_from(since.as_secs()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "Tue, 24 Nov 2026 08:36:00 GMT";

    #[test]
    fn t07_the_forms_of_retry_after() {
        let received = http_date(NOW).unwrap();
        let skewed = "Tue, 24 Nov 2026 11:36:00 GMT";
        let behind = "Tue, 24 Nov 2026 05:36:00 GMT";
        for (value, date, want) in [
            ("120", None, Some(120_000)),
            (" 0 ", None, Some(0)),
            ("Tue, 24 Nov 2026 08:37:00 GMT", None, Some(60_000)),
            ("Tuesday, 24-Nov-26 08:37:00 GMT", None, Some(60_000)),
            ("Tue Nov 24 08:37:00 2026", None, Some(60_000)),
            ("Tue, 24 Nov 2026 11:36:30 GMT", Some(skewed), Some(30_000)),
            ("Tue, 24 Nov 2026 05:36:30 GMT", Some(behind), Some(30_000)),
            ("Tue, 24 Nov 2026 11:36:30 GMT", Some("garbled"), Some((3 * 3600 + 30) * 1000)),
            ("Tue, 24 Nov 2026 08:00:00 GMT", None, Some(0)),
            ("99999999999999999999", None, Some(VERY_LONG * 1000)),
            ("1.5", None, Some(1500)),
            ("0.0001", None, Some(1)),
            ("0.00000000000001", None, Some(1)),
            ("2.0", None, Some(2000)),
            ("1.", None, None),
            (".5", None, None),
            ("1e3", None, None),
            ("1.5.2", None, None),
            ("-1", None, None),
            ("+1", None, None),
            ("", None, None),
            ("soon", None, None),
        ] {
            let got = delay_of(value, date, received).map(|d| d.as_millis() as u64);
            assert_eq!(got, want, "{value:?} at {date:?}");
        }
    }

    #[test]
    fn t07_the_forms_of_vendors() {
        let received = http_date(NOW).unwrap();
        let ahead = Some("Tue, 24 Nov 2026 09:36:00 GMT");
        for (form, value, date, want) in [
            (Hint::Seconds, "30", None, Some(30_000)),
            (Hint::Seconds, "0.25", None, Some(250)),
            (Hint::Millis, "1500", None, Some(1500)),
            (Hint::Millis, "1500.2", None, Some(1501)),
            (Hint::EpochSeconds, "1795509420", None, Some(60_000)),
            (Hint::EpochSeconds, "1795513020", ahead, Some(60_000)),
            (Hint::EpochSeconds, "5", None, Some(0)),
            (Hint::Rfc3339, "2026-11-24T08:37:00Z", None, Some(60_000)),
            (Hint::Rfc3339, "2026-11-24T09:37:00Z", ahead, Some(60_000)),
            (Hint::Rfc3339, "1795509420", None, None),
            (Hint::EpochSeconds, "2026-11-24T08:37:00Z", None, None),
        ] {
            let got = delay_by(form, value, date, received).map(|d| d.as_millis() as u64);
            assert_eq!(got, want, "{form:?} {value:?} at {date:?}");
        }
    }
}
