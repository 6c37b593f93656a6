use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An address or a network, in its one canonical form.
///
/// Parsed strictly: a number with a leading zero (`010.1.1.1` is octal to some devices, T22), a
/// short form, a host name, a zone, a port, white space and set host bits are errors, not guesses.
/// IPv4-mapped IPv6 becomes IPv4. A network of one address is the bare address; IPv6 is written as
/// RFC 5952 says.
///
/// ```
/// # use watchfloor_core::Target;
/// let target: Target = "::ffff:203.0.113.7".parse()?;
/// assert_eq!(target.to_string(), "203.0.113.7");
/// assert!("203.0.113.7/24".parse::<Target>().is_err());
/// # Ok::<(), watchfloor_core::block::BadTarget>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target(IpNet);

impl Target {
    /// A network by its first address and prefix length; under the same rules as text.
    pub fn new(addr: IpAddr, prefix_len: u8) -> Result<Self, BadTarget> {
        let net = IpNet::new(addr, prefix_len)
            .map_err(|_| BadTarget::new(format!("/{prefix_len}"), "the prefix is too long"))?;
        Self::canonical(net)
    }

    /// The first address; of a single address the address itself.
    pub fn addr(&self) -> IpAddr {
        self.0.addr()
    }

    /// The prefix length; 32 or 128 for a single address.
    pub fn prefix_len(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether it is one address.
    pub fn is_host(&self) -> bool {
        self.0.prefix_len() == self.0.max_prefix_len()
    }

    /// Whether it is IPv4.
    pub fn is_ipv4(&self) -> bool {
        matches!(self.0, IpNet::V4(_))
    }

    /// Whether every address of `other` is one of this.
    pub fn contains(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether the address is one of this; an IPv4-mapped one counts as IPv4.
    pub fn contains_ip(&self, ip: IpAddr) -> bool {
        self.contains(&Self::from(ip))
    }

    /// Whether there is an address that is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// The form with a prefix length always: `203.0.113.7/32`. Some products demand it.
    pub fn to_cidr(&self) -> String {
        self.0.to_string()
    }

    pub(super) const fn raw(net: IpNet) -> Self {
        Self(net)
    }

    pub(super) const fn net(&self) -> IpNet {
        self.0
    }

    fn canonical(net: IpNet) -> Result<Self, BadTarget> {
        let first = net.trunc();
        if first != net {
            return Err(BadTarget {
                text: shorten(&net.to_string()),
                why: format!("host bits are set; the network is {}", Self(first)).into(),
            });
        }
        let IpNet::V6(v6) = net else { return Ok(Self(net)) };
        let Some(v4) = v6.addr().to_ipv4_mapped() else { return Ok(Self(net)) };
        // Bits 80 to 95 of a mapped address are set: a prefix below /96 failed above.
        Ok(Self(IpNet::V4(v4_net(v4, v6.prefix_len().saturating_sub(96)))))
    }
}

/// A network whose host bits and length are known to be right, or made so.
pub(super) fn v4_net(addr: Ipv4Addr, len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(addr, len.min(32)).trunc()
}

impl From<IpAddr> for Target {
    /// The single address; an IPv4-mapped one is IPv4.
    fn from(ip: IpAddr) -> Self {
        Self(IpNet::from(ip.to_canonical()))
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let (addr, len) = match text.split_once('/') {
            Some((addr, len)) => (addr, Some(len)),
            None => (text, None),
        };
        // The standard parser takes no leading zero, short form, zone, port or white space.
        let ip: IpAddr = addr.parse().map_err(|_| BadTarget::new(text, hint(addr)))?;
        let Some(len) = len else { return Ok(Self::from(ip)) };
        let digits = (1..=3).contains(&len.len()) && len.bytes().all(|b| b.is_ascii_digit());
        let plain = digits && (len == "0" || !len.starts_with('0'));
        let len: u8 = len
            .parse()
            .ok()
            .filter(|_| plain)
            .ok_or_else(|| BadTarget::new(text, "the prefix length is no plain number"))?;
        let net = IpNet::new(ip, len)
            .map_err(|_| BadTarget::new(text, "the prefix is longer than the address"))?;
        Self::canonical(net)
    }
}

/// Why the text of an address is none.
fn hint(addr: &str) -> &'static str {
    if addr.is_empty() {
        return "no address";
    }
    if addr.contains('%') {
        return "a zone is no part of an address that can be blocked";
    }
    if addr.contains(char::is_whitespace) {
        return "white space in an address";
    }
    if addr.starts_with('[') {
        return "brackets and ports are no part of an address";
    }
    let v4 = addr.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b':');
    if v4 && addr.contains('.') {
        if addr.contains(':') {
            return "brackets and ports are no part of an address";
        }
        if addr.split('.').any(|part| part.len() > 1 && part.starts_with('0')) {
            return "a leading zero: octal to some readers, decimal to others";
        }
        return "IPv4 needs four numbers from 0 to 255";
    }
    if addr.bytes().any(|b| b.is_ascii_alphabetic()) && !addr.contains(':') {
        return "a host name is not resolved; give its address";
    }
    "no IPv4 or IPv6 address"
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_host() { fmt::Display::fmt(&self.0.addr(), f) } else { self.0.fmt(f) }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that is no canonical address or network, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTarget {
    text: String,
    why: Cow<'static, str>,
}

impl BadTarget {
    fn new(text: impl AsRef<str>, why: &'static str) -> Self {
        Self { text: shorten(text.as_ref()), why: why.into() }
    }

    /// What is wrong, with a hint where there is one.
    pub fn why(&self) -> &str {
        &self.why
    }
}

/// Foreign text of any length: enough of it to be recognised.
fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no address or network: {}", self.text, self.why)
    }
}

impl std::error::Error for BadTarget {}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use ipnet::Ipv6Net;
    use proptest::prelude::*;

    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn t22_what_is_not_canonical_is_refused_with_a_reason() {
        for (text, why) in [
            ("010.1.1.1", "leading zero"),
            ("1.2.3.04", "leading zero"),
            ("127.1", "four numbers"),
            ("2130706433", "no IPv4"),
            ("0x7f.0.0.1", "host name"),
            ("1.2.3.256", "four numbers"),
            ("1.2.3.4.5", "four numbers"),
            ("localhost", "host name"),
            ("example.com", "host name"),
            ("fe80::1%eth0", "zone"),
            ("1.2.3.4:80", "ports"),
            ("[2001:db8::1]:443", "ports"),
            (" 1.2.3.4", "white space"),
            ("1.2.3.4\n", "white space"),
            ("", "no address"),
            ("/24", "no address"),
            ("1.2.3.0/", "plain number"),
            ("1.2.3.0/+24", "plain number"),
            ("1.2.3.0/024", "plain number"),
            ("1.2.3.0/24/24", "plain number"),
            ("1.2.3.0/255.255.255.0", "plain number"),
            ("1.2.3.0/999", "plain number"),
            ("1.2.3.0/33", "longer than the address"),
            ("2001:db8::/129", "longer than the address"),
            ("10.1.2.3/24", "10.1.2.0/24"),
            ("2001:db8::1/64", "2001:db8::/64"),
            ("::ffff:203.0.113.7/120", "::ffff:203.0.113.0/120"),
        ] {
            let e = text.parse::<Target>().expect_err(text);
            assert!(e.to_string().contains(why), "{text}: {e}");
        }
    }

    #[test]
    fn one_spelling_of_each() {
        for (text, canonical) in [
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("::ffff:cb00:7107", "203.0.113.7"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("::ffff:203.0.113.7/128", "203.0.113.7"),
            ("203.0.113.7/32", "203.0.113.7"),
            ("2001:db8::7/128", "2001:db8::7"),
            ("2001:DB8::00AA", "2001:db8::aa"),
            ("2001:db8:0:0:0:0:0:0/32", "2001:db8::/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(target(text).to_string(), canonical);
        }
        assert_eq!(target("203.0.113.7").to_cidr(), "203.0.113.7/32");
    }

    #[test]
    fn a_mapped_prefix_shorter_than_96_has_no_ipv4_form() {
        let mapped = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);
        assert!(Target::new(mapped.into(), 95).is_err());
        assert_eq!(Target::new(mapped.into(), 96).unwrap(), target("0.0.0.0/0"));
    }

    #[test]
    fn serde_goes_through_the_same_parser() {
        let t: Target = serde_json::from_str(r#""2001:DB8::/48""#).unwrap();
        assert_eq!(serde_json::to_string(&t).unwrap(), r#""2001:db8::/48""#);
        assert!(serde_json::from_str::<Target>(r#""010.1.1.1""#).is_err());
    }

    fn any_target() -> impl Strategy<Value = Target> {
        // Few distinct leading bits, so that overlaps are common.
        let v4 = (0..4_u32, any::<u32>(), 0..=32_u8).prop_map(|(top, low, len)| {
            IpNet::V4(v4_net(((top << 30) | (low & 0xff)).into(), len))
        });
        let v6 = (0..4_u128, any::<u64>(), 0..=128_u8).prop_map(|(top, low, len)| {
            let addr = ((top << 126) | u128::from(low & 0xff)).into();
            IpNet::V6(Ipv6Net::new_assert(addr, len).trunc())
        });
        prop_oneof![v4, v6].prop_filter_map("canonical", |net| Target::canonical(net).ok())
    }

    proptest! {
        #[test]
        fn display_then_parse_is_identity(t in any_target()) {
            prop_assert_eq!(t.to_string().parse::<Target>().unwrap(), t);
            prop_assert_eq!(t.to_cidr().parse::<Target>().unwrap(), t);
        }

        #[test]
        fn overlap_is_symmetric_and_follows_from_containment(a in any_target(), b in any_target()) {
            prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
            prop_assert!(a.overlaps(&a) && a.contains(&a));
            if a.contains(&b) {
                prop_assert!(a.overlaps(&b));
                prop_assert!(a.contains_ip(b.addr()));
            }
            if a.contains(&b) && b.contains(&a) {
                prop_assert_eq!(a, b);
            }
        }

        #[test]
        fn any_text_is_parsed_or_refused_without_panic(text in "[0-9a-fx:./% \\[\\]-]{0,40}") {
            if let Ok(t) = text.parse::<Target>() {
                prop_assert_eq!(t.to_string().parse::<Target>().unwrap(), t);
            }
        }
    }
}
