use std::time::Duration;

use super::Target;
use crate::config::Section;

/// No configuration allows an IPv4 prefix wider than this.
const HARD_FLOOR_V4: u8 = 16;
/// No configuration allows an IPv6 prefix wider than this.
const HARD_FLOOR_V6: u8 = 32;

/// What an operator says about blocking: the sections `[guard]` and `[never_block]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GuardConfig {
    /// Networks that are never blocked, besides the built-in ones.
    pub networks: Vec<Target>,
    /// Proxies whose forwarding header is believed; never blocked either.
    pub trusted_proxies: Vec<Target>,
    /// The widest IPv4 prefix; never below 16, whatever is set.
    pub min_prefix_v4: u8,
    /// The widest IPv6 prefix; never below 32, whatever is set.
    pub min_prefix_v6: u8,
    /// The longest lease.
    pub max_ttl: Duration,
    /// Whether a lease without an end may be asked for.
    pub allow_permanent: bool,
    /// New blocks in any hour, of this connector, in this process.
    pub blocks_per_hour: usize,
    /// The share of the device's capacity that may be filled, above 0, at most 1.
    pub capacity_share: f64,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            trusted_proxies: Vec::new(),
            min_prefix_v4: 24,
            min_prefix_v6: 48,
            max_ttl: Duration::from_hours(24),
            allow_permanent: false,
            blocks_per_hour: 100,
            capacity_share: 0.8,
        }
    }
}

impl GuardConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `[guard]`; what is wrong is a problem of the section, and the default stands.
    pub fn with_guard(mut self, mut section: Section) -> Self {
        let floor = |n: i64| u8::try_from(n).unwrap_or(u8::MAX);
        if let Some(n) = section.integer("min_prefix_v4", i64::from(HARD_FLOOR_V4)..=32) {
            self.min_prefix_v4 = floor(n);
        }
        if let Some(n) = section.integer("min_prefix_v6", i64::from(HARD_FLOOR_V6)..=128) {
            self.min_prefix_v6 = floor(n);
        }
        if let Some(ttl) = section.duration("max_ttl") {
            self.max_ttl = ttl;
        }
        if let Some(allow) = section.flag("allow_permanent") {
            self.allow_permanent = allow;
        }
        if let Some(n) = section.integer("blocks_per_hour", 0..=1_000_000) {
            self.blocks_per_hour = usize::try_from(n).unwrap_or(0);
        }
        match section.positive("capacity_share") {
            Some(share) if share <= 1.0 => self.capacity_share = share,
            Some(_) => section.problem("capacity_share", "is above 1", "a share, such as 0.8"),
            None => {}
        }
        section.finish();
        self
    }

    /// Reads `[never_block]`.
    pub fn with_never_block(mut self, mut section: Section) -> Self {
        for text in section.texts("networks").unwrap_or_default() {
            match text.parse() {
                Ok(network) => self.networks.push(network),
                Err(bad) => section.problem("networks", bad.to_string(), ""),
            }
        }
        section.finish();
        self
    }

    /// Adds the trusted proxies.
    pub fn with_trusted_proxies(mut self, proxies: impl IntoIterator<Item = Target>) -> Self {
        self.trusted_proxies.extend(proxies);
        self
    }

    /// The widest prefix for the target's family, hard floor included.
    pub(super) fn floor(&self, target: &Target) -> u8 {
        if target.is_ipv4() {
            self.min_prefix_v4.max(HARD_FLOOR_V4)
        } else {
            self.min_prefix_v6.max(HARD_FLOOR_V6)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::Secret;
    use crate::config::{Node, Problems, SecretRef, SecretSource, Value};

    #[derive(Debug)]
    struct NoSecrets;
    impl SecretSource for NoSecrets {
        fn find(&self, _: &SecretRef) -> Result<Secret, String> {
            Err("none".into())
        }
    }

    fn section(problems: &Problems, entries: Vec<(&str, Value)>) -> Section {
        let entries: BTreeMap<_, _> =
            entries.into_iter().map(|(k, value)| (k.into(), Node { value, line: 3 })).collect();
        Section::new("guard", 1, entries, problems.clone(), Arc::new(NoSecrets))
    }

    #[test]
    fn every_key_changes_its_setting() {
        let problems = Problems::default();
        let text = |t: &str| Value::Text(t.into());
        let config = GuardConfig::new()
            .with_guard(section(
                &problems,
                vec![
                    ("min_prefix_v4", Value::Integer(20)),
                    ("min_prefix_v6", Value::Integer(64)),
                    ("max_ttl", text("2h")),
                    ("allow_permanent", Value::Bool(true)),
                    ("blocks_per_hour", Value::Integer(7)),
                    ("capacity_share", Value::Float(0.5)),
                ],
            ))
            .with_never_block(section(&problems, vec![("networks", text("198.51.100.0/24"))]));
        assert_eq!(
            config,
            GuardConfig {
                networks: vec!["198.51.100.0/24".parse().unwrap()],
                trusted_proxies: vec![],
                min_prefix_v4: 20,
                min_prefix_v6: 64,
                max_ttl: Duration::from_hours(2),
                allow_permanent: true,
                blocks_per_hour: 7,
                capacity_share: 0.5,
            }
        );
        assert_eq!(problems.count(), 0);
    }

    #[test]
    fn what_is_wrong_is_reported_and_the_default_stands() {
        let problems = Problems::default();
        let config = GuardConfig::new()
            .with_guard(section(
                &problems,
                vec![
                    ("min_prefix_v4", Value::Integer(8)),
                    ("capacity_share", Value::Integer(80)),
                    ("max_tll", Value::Text("2h".into())),
                ],
            ))
            .with_never_block(section(
                &problems,
                vec![("networks", Value::Text("198.51.100.1/24".into()))],
            ));
        assert_eq!(config, GuardConfig::default());
        let found: Vec<_> = problems.take().iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.iter().any(|p| p.contains("the network is 198.51.100.0/24")), "{found:?}");
        assert!(found.iter().any(|p| p.contains("did you mean \"max_ttl\"")), "{found:?}");
    }
}
