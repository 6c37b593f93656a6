use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::target::{Target, v4_net};
use super::{Facts, GuardConfig, Refusal};

const fn v4(a: u8, b: u8, c: u8, d: u8, len: u8) -> Target {
    Target::raw(IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len)))
}

const fn v6(a: u16, b: u16, c: u16, len: u8) -> Target {
    Target::raw(IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), len)))
}

/// IANA's special-purpose networks, without the documentation ranges, and the platform address
/// of a cloud.
const BUILT_IN: &[(Target, &str)] = &[
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private addresses"),
    (v4(100, 64, 0, 0, 10), "addresses that a provider's customers share"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local addresses and cloud metadata"),
    (v4(172, 16, 0, 0, 12), "private addresses"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 88, 99, 0, 24), "6to4 relays"),
    (v4(192, 168, 0, 0, 16), "private addresses"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved addresses and broadcast"),
    (v4(168, 63, 129, 16, 32), "the platform address of Azure"),
    (v6(0, 0, 0, 128), "the unspecified address"),
    (Target::raw(IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128))), "loopback"),
    (
        Target::raw(IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96))),
        "IPv4-mapped addresses",
    ),
    (v6(0x64, 0xff9b, 0, 96), "NAT64"),
    (v6(0x64, 0xff9b, 1, 48), "local NAT64"),
    (v6(0x100, 0, 0, 64), "discard-only addresses"),
    (v6(0x2001, 0, 0, 23), "protocol assignments and Teredo"),
    (v6(0x5f00, 0, 0, 16), "segment routing"),
    (v6(0x2002, 0, 0, 16), "6to4"),
    (v6(0xfc00, 0, 0, 7), "unique local addresses"),
    (v6(0xfe80, 0, 0, 10), "link-local addresses"),
    (v6(0xff00, 0, 0, 8), "multicast"),
];

/// The networks that are never blocked, each with the rule it stands under.
#[derive(Clone, Debug, Default)]
pub struct NeverBlock(Vec<(Target, &'static str, &'static str)>);

impl NeverBlock {
    /// Nothing: for a set that is put together by hand.
    pub fn empty() -> Self {
        Self::default()
    }

    /// What belongs to nobody who could attack: private, local, shared and reserved networks.
    /// Documentation ranges are ordinary addresses here.
    pub fn built_in() -> Self {
        Self(BUILT_IN.iter().map(|(net, what)| (*net, "never-block.built-in", *what)).collect())
    }

    /// The whole set of a guard: built in, what is true of this host, what is configured.
    pub fn of(config: &GuardConfig, facts: &Facts) -> Self {
        Self::built_in()
            .and(facts.own.iter().copied(), "never-block.own-address", "an address of this host")
            .and(facts.resolvers.iter().copied(), "never-block.resolver", "a resolver of this host")
            .and(facts.gateways.iter().copied(), "never-block.gateway", "a gateway of this host")
            .and(
                facts.management.iter().copied(),
                "never-block.management",
                "the way to the device",
            )
            .and(
                config.networks.iter().copied(),
                "never-block.configured",
                "configured as never to be blocked",
            )
            .and(
                config.trusted_proxies.iter().copied(),
                "never-block.trusted-proxy",
                "a trusted proxy",
            )
    }

    /// The set with more networks under a rule; `what` ends the sentence "overlaps NETWORK, …".
    pub fn and<T: Into<Target>>(
        mut self,
        networks: impl IntoIterator<Item = T>,
        rule: &'static str,
        what: &'static str,
    ) -> Self {
        self.0.extend(networks.into_iter().map(|net| (net.into(), rule, what)));
        self
    }

    /// Refuses a target that overlaps one of the networks, in either direction, itself or in an
    /// IPv4 address that it carries (NAT64, 6to4, Teredo).
    pub fn check(&self, target: &Target) -> Result<(), Refusal> {
        let carried = carried(target);
        let hit = self.0.iter().find(|(net, ..)| {
            net.overlaps(target) || carried.iter().flatten().any(|v4| net.overlaps(v4))
        });
        match hit {
            Some((net, rule, what)) => Err(Refusal::new(rule, *what).by(*net)),
            None => Ok(()),
        }
    }
}

/// The IPv4 addresses that an IPv6 target carries: RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380
/// (Teredo: the server, and the client with its bits inverted).
fn carried(target: &Target) -> [Option<Target>; 2] {
    let IpNet::V6(net) = target.net() else { return [None, None] };
    let (bits, len) = (u128::from(net.addr()), net.prefix_len());
    // The 32 bits that begin at `start`, as far as the prefix fixes them.
    let at = |start: u8, flip: bool| {
        let word = (bits >> (96 - start)) as u32;
        let word = if flip { !word } else { word };
        let fixed = len.saturating_sub(start).min(32);
        Some(Target::raw(IpNet::V4(v4_net(word.into(), fixed))))
    };
    let within = |net: Target| net.contains(target);
    if within(v6(0x64, 0xff9b, 0, 96)) {
        [at(96, false), None]
    } else if within(v6(0x2002, 0, 0, 16)) {
        [at(16, false), None]
    } else if within(v6(0x2001, 0, 0, 32)) {
        [at(32, false), at(96, true)]
    } else {
        [None, None]
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn only(network: &str) -> NeverBlock {
        let network: Target = network.parse().unwrap();
        NeverBlock::empty().and([network], "test", "a test")
    }

    #[test]
    fn t31_both_directions_of_overlap_are_refused() {
        let built_in = NeverBlock::built_in();
        for text in [
            "10.1.2.3",
            "10.0.0.0/7",
            "0.0.0.0/0",
            "::/0",
            "192.168.0.0/15",
            "169.254.169.254",
            "168.63.129.16",
            "168.63.128.0/20",
            "fe80::1",
            "::1",
            "::/64",
            "2002:c000:204::/48",
            "::8000:0:0/81",
            "100.64.1.1",
            "255.255.255.255",
            "ff02::1",
            "fd00::/8",
            "::",
        ] {
            let refusal = built_in.check(&text.parse().unwrap()).expect_err(text);
            assert_eq!(refusal.rule, "never-block.built-in", "{text}");
        }
        for text in ["203.0.113.7", "198.51.100.0/24", "192.0.2.1", "2001:db8::/32", "3fff::1"] {
            assert_eq!(built_in.check(&text.parse().unwrap()), Ok(()), "{text}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_ipv6_counts() {
        let office = only("198.51.100.0/24");
        for text in [
            "64:ff9b::198.51.100.7",
            "2002:c633:6407::1",
            "2002:c633:6400::/40",
            "2002::/16",
            // Teredo: 198.51.100.7 as the server, then as the client (bits inverted).
            "2001:0:c633:6407::/64",
            "2001:0:cb00:7101:0:0:39cc:9bf8",
        ] {
            assert!(office.check(&text.parse().unwrap()).is_err(), "{text}");
        }
        for text in ["64:ff9b::203.0.113.7", "2002:cb00:7107::1", "2001:0:cb00:7101:0:0:34ff:8ef8"]
        {
            assert_eq!(office.check(&text.parse().unwrap()), Ok(()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_shares_an_address_with_the_set_is_refused(
            protected: u32, protected_len in 0..=32_u8, target_len in 0..=32_u8, inside: u32,
        ) {
            let protected = Target::raw(IpNet::V4(v4_net(protected.into(), protected_len)));
            let never = NeverBlock::empty().and([protected], "test", "a test");
            // A target around an address of the protected network, whatever its size.
            let IpNet::V4(net) = protected.net() else { unreachable!() };
            let address = u32::from(net.network()) | (inside & u32::from(net.hostmask()));
            let target = Target::raw(IpNet::V4(v4_net(address.into(), target_len)));
            prop_assert!(never.check(&target).is_err());
            // The same address as 6to4 carries it.
            let six = (0x2002_u128 << 112) | (u128::from(address) << 80);
            prop_assert!(never.check(&Target::from(IpAddr::V6(six.into()))).is_err());
        }
    }
}
