//! Wall-clock instants.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest instant an event may carry: `9999-12-31T23:59:59.999Z`, in milliseconds.
const MAX_MILLIS: i64 = 253_402_300_799_999;

/// An instant of wall-clock time, to the millisecond, UTC.
///
/// Serialised as integer milliseconds since the Unix epoch (OCSF's `timestamp_t`); displayed as
/// RFC 3339 with milliseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since the epoch; `None` outside 1970…9999.
    pub const fn from_millis(millis: i64) -> Option<Self> {
        if 0 <= millis && millis <= MAX_MILLIS { Some(Self(millis)) } else { None }
    }

    /// From whole seconds since the epoch; `None` outside 1970…9999.
    pub const fn from_secs(secs: i64) -> Option<Self> {
        match secs.checked_mul(1000) {
            Some(millis) => Self::from_millis(millis),
            None => None,
        }
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0 / 1000
    }

    /// `self` + `d`, stopping at the last representable instant.
    #[must_use]
    pub fn saturating_add(self, d: Duration) -> Self {
        let d = i64::try_from(d.as_millis()).unwrap_or(MAX_MILLIS);
        Self(self.0.saturating_add(d).min(MAX_MILLIS))
    }

    /// `self` − `d`, stopping at the epoch.
    #[must_use]
    pub fn saturating_sub(self, d: Duration) -> Self {
        let d = i64::try_from(d.as_millis()).unwrap_or(MAX_MILLIS);
        Self(self.0.saturating_sub(d).max(0))
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// The calendar day in UTC, as `2026-11-24`.
    pub fn utc_day(self) -> String {
        self.civil().date().to_string()
    }

    /// In UTC. A `jiff::Timestamp` ends a day before the year 9999 does, to leave room for offsets.
    fn civil(self) -> DateTime {
        const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        EPOCH.checked_add(SignedDuration::from_millis(self.0)).unwrap_or(DateTime::MAX)
    }
}

/// A text that is no RFC 3339 instant between 1970 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTimestamp;

impl fmt::Display for BadTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 3339 time between 1970 and 9999")
    }
}

impl std::error::Error for BadTimestamp {}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    /// RFC 3339, with any offset; fractions below a millisecond are cut.
    fn from_str(s: &str) -> Result<Self, BadTimestamp> {
        let t: jiff::Timestamp = s.parse().map_err(|_| BadTimestamp)?;
        Self::from_millis(t.as_millisecond()).ok_or(BadTimestamp)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}Z", self.civil())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::from_millis(i64::deserialize(d)?)
            .ok_or_else(|| serde::de::Error::custom("milliseconds outside 1970…9999"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trip() {
        let t: Timestamp = "2026-11-24T08:36:01.5+01:00".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-24T07:36:01.500Z");
        assert_eq!(t.to_string().parse::<Timestamp>().unwrap(), t);
        assert_eq!(t.utc_day(), "2026-11-24");
        let last = Timestamp::from_millis(MAX_MILLIS).unwrap();
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(last.utc_day(), "9999-12-31");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for bad in ["", "now", "2026-11-24", "1969-12-31T23:59:59Z", "2026-11-24T08:36:01"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
        assert!(Timestamp::from_millis(MAX_MILLIS + 1).is_none());
        assert!(Timestamp::from_millis(-1).is_none());
    }

    #[test]
    fn arithmetic_stops_at_the_edges() {
        let t = Timestamp::from_secs(10).unwrap();
        assert_eq!(t.saturating_sub(Duration::from_secs(20)), Timestamp::EPOCH);
        assert_eq!(t.saturating_add(Duration::MAX).as_millis(), MAX_MILLIS);
        assert_eq!(t.since(t.saturating_add(Duration::from_secs(1))), Duration::ZERO);
    }
}
