use std::time::Duration;

use url::Url;
use watchfloor_core::Result;
use watchfloor_core::config::Section;

use crate::{Proxy, Tls};

/// How a connector uses the network: its `[connectors.NAME.http]`, the same keys for every
/// connector.
///
/// | key | default | what |
/// |---|---|---|
/// | `timeout` | `"120s"` | one HTTP operation with its retries |
/// | `attempt_timeout` | `"60s"` | one attempt: from connecting to the end of the body |
/// | `connect_timeout` | `"10s"` | name, TCP, proxy and TLS |
/// | `max_attempts` | `5` | attempts of one operation |
/// | `retry_after_cap` | `"60s"` | the longest wait that a server may ask for |
/// | `requests_per_second` | none | per tenant and host; may be below one |
/// | `max_in_flight` | `8` | requests under way per tenant and host |
/// | `max_answer` | `"16MiB"` | the largest body that is read, packed and unpacked |
/// | `gzip` | `false` | packs request bodies of 1 KiB and more; the product must take them |
/// | `ca_file` | none | PEM with authorities that are trusted besides the system's |
/// | `client_cert` | none | PEM with our certificate and those above it, for a server that asks |
/// | `client_key` | none | its key, PEM without a pass phrase; a secret: `{ file = "key.pem" }` |
/// | `danger_accept_invalid_certs` | `false` | takes every certificate: whoever sits on the way reads and answers everything |
/// | `proxy` | the environment's | `http` or `https` URL, without a password |
/// | `proxy_username` | none | the name that the proxy wants |
/// | `proxy_password` | none | and its password: a secret |
/// | `no_proxy` | `[]` | hosts reached without a proxy: names with all below them, addresses, networks, `*` |
///
/// Paths are relative to the configuration file. The system's roots are those of the platform; on
/// Linux `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
///
/// Without `proxy`, `HTTPS_PROXY` (plain http: `http_proxy`), else `ALL_PROXY`, of the environment
/// counts, but for the hosts of `NO_PROXY` and `no_proxy`, and never for loopback. A configured
/// proxy counts for every host but those of `no_proxy`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// One HTTP operation with its retries.
    pub timeout: Duration,
    /// One attempt, from connecting to the end of the body.
    pub attempt_timeout: Duration,
    /// Name resolution, TCP, proxy and TLS.
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
    /// Whether request bodies of 1 KiB and more are packed.
    pub gzip: bool,
    /// Whom it trusts, and who it says it is.
    pub tls: Tls,
    /// The proxy; the environment's where `None`.
    pub proxy: Option<Proxy>,
    /// Hosts that are reached without a proxy.
    pub no_proxy: Vec<String>,
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
            gzip: false,
            tls: Tls::default(),
            proxy: None,
            no_proxy: Vec::new(),
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
            gzip: http.flag("gzip").unwrap_or(self.gzip),
            tls: tls(&mut http, self.tls),
            proxy: proxy(&mut http).or(self.proxy),
            no_proxy: no_proxy(&mut http).unwrap_or(self.no_proxy),
        };
        http.finish();
        (problems.count() == before).then_some(read)
    }
}

/// Adds what the section says to `tls`.
fn tls(http: &mut Section, mut tls: Tls) -> Tls {
    let mut add = |http: &Section, key, more: &dyn Fn(Tls) -> Result<Tls>| match more(tls.clone()) {
        Ok(more) => tls = more,
        Err(e) => http.problem(key, e.message(), ""),
    };
    if let Some(pem) = http.content("ca_file") {
        add(http, "ca_file", &|tls| tls.with_authorities(&pem));
    }
    if let (Some(chain), Some(key)) =
        both(http, ("client_cert", "client_key"), Section::content, Section::secret)
    {
        let with = |tls: Tls| tls.with_client_certificate(&chain, key.clone());
        add(http, "client_cert", &with);
    }
    if http.flag("danger_accept_invalid_certs") == Some(true) {
        tls = tls.danger_accept_invalid_certs();
    }
    tls
}

fn proxy(http: &mut Section) -> Option<Proxy> {
    let named = http.has("proxy");
    let url = http.parsed("proxy", r#"such as "http://proxy.example:3128""#, |text| {
        let url = Url::parse(text).map_err(|e| format!("is no URL: {e}"))?;
        Proxy::new(url).map_err(|e| match e.message() {
            what if what.contains("user name") => {
                "holds a user name or password; use proxy_username, proxy_password".to_owned()
            }
            what => what.to_owned(),
        })
    });
    let (username, password) =
        both(http, ("proxy_username", "proxy_password"), Section::required_text, Section::secret);
    if !named && username.is_some() {
        http.problem("proxy_username", "stands without proxy", "");
    }
    match (username, password) {
        (Some(username), Some(password)) => Some(url?.with_credential(username, password)),
        _ => url,
    }
}

/// Two keys of which none stands without the other.
fn both<A, B>(
    http: &mut Section,
    keys: (&'static str, &'static str),
    first: impl FnOnce(&mut Section, &'static str) -> Option<A>,
    second: impl FnOnce(&mut Section, &'static str) -> Option<B>,
) -> (Option<A>, Option<B>) {
    let there = (http.has(keys.0), http.has(keys.1));
    if there.0 != there.1 {
        let (alone, other) = if there.0 { keys } else { (keys.1, keys.0) };
        http.problem(alone, format!("stands without {other}"), "");
    }
    let a = if there.0 { first(http, keys.0) } else { None };
    (a, second(http, keys.1))
}

fn no_proxy(http: &mut Section) -> Option<Vec<String>> {
    let hosts = http.texts("no_proxy")?;
    // A comma would be read as the end of a host, a URL as a host of that name.
    let bad = |host: &&String| host.is_empty() || host.contains([',', ':', ' ']) && !is_ip(host);
    if let Some(host) = hosts.iter().find(bad) {
        let hint = "a name, an address, a network or *";
        http.problem("no_proxy", format!("{host:?} is no host"), hint);
    }
    Some(hosts)
}

/// An address, or a network of them.
fn is_ip(host: &str) -> bool {
    host.split('/').next().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the tests are that show what a key changes.
    const TESTS: [&str; 4] = [
        include_str!("../tests/it/bodies.rs"),
        include_str!("../tests/it/proxy.rs"),
        include_str!("../tests/it/settings.rs"),
        include_str!("../tests/it/tls.rs"),
    ];

    /// The keys of all fields; a field that is not listed does not compile.
    macro_rules! keys {
        ($($field:ident: $($key:literal)+;)*) => {{
            let Settings { $($field: _),* } = Settings::default();
            vec![$($($key),+),*]
        }};
    }

    #[test]
    fn t25_every_field_has_keys_that_are_documented_and_tested() {
        let mut keys = keys! {
            timeout: "timeout";
            attempt_timeout: "attempt_timeout";
            connect_timeout: "connect_timeout";
            max_attempts: "max_attempts";
            retry_after_cap: "retry_after_cap";
            requests_per_second: "requests_per_second";
            max_in_flight: "max_in_flight";
            max_answer: "max_answer";
            gzip: "gzip";
            tls: "ca_file" "client_cert" "client_key" "danger_accept_invalid_certs";
            proxy: "proxy" "proxy_username" "proxy_password";
            no_proxy: "no_proxy";
        };
        let table = include_str!("settings.rs").lines().filter_map(|l| l.strip_prefix("/// | `"));
        let mut documented: Vec<_> = table.filter_map(|row| row.split('`').next()).collect();
        keys.sort_unstable();
        documented.sort_unstable();
        assert_eq!(keys, documented);
        for key in keys {
            let test = format!("async fn t25_{key}_");
            let plain = format!("\nfn t25_{key}_");
            let tested = TESTS.iter().any(|t| t.contains(&test) || t.contains(&plain));
            assert!(tested, "no test t25_{key}_… shows what it changes");
        }
    }
}
