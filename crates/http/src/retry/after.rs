//! `Retry-After`.

use std::time::{Duration, UNIX_EPOCH};

use watchfloor_core::Timestamp;

/// The wait that a `Retry-After` asks for (RFC 9110 §10.2.3): seconds, or an HTTP date measured
/// against the answer's own `date`, else against `received`. A date in the past is no wait.
pub(crate) fn delay_of(value: &str, date: Option<&str>, received: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are a very long wait, not none.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let until = http_date(value)?;
    let from = date.and_then(|d| http_date(d.trim())).unwrap_or(received);
    Some(until.since(from))
}

fn http_date(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Timestamp::from_secs(i64::try_from(since.as_secs()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_retry_after() {
        const NOW: &str = "Tue, 24 Nov 2026 08:36:00 GMT";
        let received = http_date(NOW).unwrap();
        let skewed = "Tue, 24 Nov 2026 11:36:00 GMT";
        for (value, date, want) in [
            ("120", None, Some(120)),
            (" 0 ", None, Some(0)),
            ("Tue, 24 Nov 2026 08:37:00 GMT", None, Some(60)),
            ("Tuesday, 24-Nov-26 08:37:00 GMT", None, Some(60)),
            ("Tue, 24 Nov 2026 11:36:30 GMT", Some(skewed), Some(30)),
            ("Tue, 24 Nov 2026 11:36:30 GMT", Some("garbled"), Some(3 * 3600 + 30)),
            ("Tue, 24 Nov 2026 08:00:00 GMT", None, Some(0)),
            ("99999999999999999999", None, Some(u64::from(u32::MAX))),
            ("-1", None, None),
            ("1.5", None, None),
            ("", None, None),
            ("soon", None, None),
        ] {
            let got = delay_of(value, date, received).map(|d| d.as_secs());
            assert_eq!(got, want, "{value:?} at {date:?}");
        }
    }
}
