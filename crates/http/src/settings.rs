use std::time::Duration;

use watchfloor_core::config::Section;

/// How a connector uses the network: its `[connectors.NAME.http]`, the same keys for every
/// connector.
///
/// | key | default | what |
/// |---|---|---|
/// | `timeout` | `"120s"` | one HTTP operation with its retries |
/// | `attempt_timeout` | `"60s"` | one attempt: from connecting to the end of the body |
/// | `connect_timeout` | `"10s"` | name, TCP and TLS |
/// | `max_attempts` | `5` | attempts of one operation |
/// | `retry_after_cap` | `"60s"` | the longest wait that a server may ask for |
/// | `requests_per_second` | none | per tenant and host; may be below one |
/// | `max_in_flight` | `8` | requests under way per tenant and host |
/// | `max_answer` | `"16MiB"` | the largest body that is read, packed and unpacked |
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// One HTTP operation with its retries.
    pub timeout: Duration,
    /// One attempt, from connecting to the end of the body.
    pub attempt_timeout: Duration,
    /// Name resolution, TCP and TLS.
    pub connect_timeout: Duration,
    /// Attempts of one operation, at least one.
    pub max_attempts: u32,
    /// The longest wait that a server may ask for.
    pub retry_after_cap: Duration,
    /// Requests a second per tenant and host; no limit where `None`.
    pub requests_per_second: Option<f64>,
    /// Requests under way at once per tenant and host, at least one.
    pub max_in_flight: usize,
    /// The largest body that is read, in bytes, before and after unpacking.
    pub max_answer: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(120),
            attempt_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            max_attempts: 5,
            retry_after_cap: Duration::from_secs(60),
            requests_per_second: None,
            max_in_flight: 8,
            max_answer: 16 << 20,
        }
    }
}

impl Settings {
    /// Reads the `http` table of a connector's section; what is absent has its default. `None` if
    /// and only if something was reported.
    pub fn read(connector: &mut Section) -> Option<Self> {
        Self::default().or_as_in(connector)
    }

    /// The same, over an adapter's own defaults (`self`).
    pub fn or_as_in(self, connector: &mut Section) -> Option<Self> {
        if !connector.has("http") {
            return Some(self);
        }
        let mut http = connector.section("http")?;
        let problems = http.problems().clone();
        let before = problems.count();
        let read = Self {
            timeout: http.duration("timeout").unwrap_or(self.timeout),
            attempt_timeout: http.duration("attempt_timeout").unwrap_or(self.attempt_timeout),
            connect_timeout: http.duration("connect_timeout").unwrap_or(self.connect_timeout),
            max_attempts: http
                .integer("max_attempts", 1..=100)
                .map_or(self.max_attempts, |n| n as u32),
            retry_after_cap: http.duration("retry_after_cap").unwrap_or(self.retry_after_cap),
            requests_per_second: http.positive("requests_per_second").or(self.requests_per_second),
            max_in_flight: http
                .integer("max_in_flight", 1..=10_000)
                .map_or(self.max_in_flight, |n| n as usize),
            max_answer: http
                .size("max_answer")
                .map_or(self.max_answer, |n| usize::try_from(n).unwrap_or(usize::MAX)),
        };
        http.finish();
        (problems.count() == before).then_some(read)
    }
}
