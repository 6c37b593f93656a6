//! What makes two alerts the same attack.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Attack;
use crate::hash::FieldHash;

/// Who attacks, or whose account is attacked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Who {
    /// A client; IPv6 counts by its /64, which one customer holds as a rule.
    Client(IpAddr),
    /// An account, by its name; never a masked value, which changes with the masking key.
    Account(String),
    /// Nobody in particular: the finding is about the API itself.
    Nobody,
}

impl Who {
    fn text(&self) -> String {
        match self {
            Self::Client(IpAddr::V4(ip)) => ip.to_string(),
            Self::Client(IpAddr::V6(ip)) => {
                let s = ip.segments();
                ip.to_ipv4_mapped().map_or_else(
                    || format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3]),
                    |v4| v4.to_string(),
                )
            }
            Self::Account(name) => name.clone(),
            Self::Nobody => String::new(),
        }
    }

    const fn field(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::Account(_) => "account",
            Self::Nobody => "nobody",
        }
    }
}

/// Version 1: a hash over the length-prefixed, named fields kind, client or account, URL group.
/// As text `v1:` and 40 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of an attack on a URL group.
    pub fn new(attack: Attack, who: &Who, url_group: &str) -> Self {
        let hash = FieldHash::new("watchfloor fingerprint v1")
            .field("kind", attack.slug())
            .field(who.field(), &who.text())
            .field("url_group", url_group);
        Self(format!("v1:{}", hash.hex(20)))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(account: &str, group: &str) -> Fingerprint {
        Fingerprint::new(Attack::Bola, &Who::Account(account.into()), group)
    }

    #[test]
    fn t15_fields_are_kept_apart() {
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_ne!(
            of("203.0.113.7", "g"),
            Fingerprint::new(Attack::Bola, &Who::Client("203.0.113.7".parse().unwrap()), "g")
        );
        // Golden: a change of the algorithm must be a new version.
        assert_eq!(of("ab", "c").as_str(), "v1:d5bc4420694cd6aaf205d7e11eb9d004e2f374bb");
    }

    #[test]
    fn an_ipv6_client_counts_by_its_64() {
        let of = |ip: &str| Fingerprint::new(Attack::Xss, &Who::Client(ip.parse().unwrap()), "/");
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
    }
}
