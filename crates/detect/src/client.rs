//! Who the client is.

use std::net::{IpAddr, SocketAddr};

use watchfloor_core::{Attribution, Client, Target};

/// Whose word is believed about who the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    trusted: Vec<Target>,
    header: String,
}

impl Default for ClientConfig {
    /// Loopback alone is trusted; the header is `X-Forwarded-For`.
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1"].iter().filter_map(|net| net.parse().ok());
        Self { trusted: loopback.collect(), header: "x-forwarded-for".to_owned() }
    }
}

impl ClientConfig {
    /// These proxies are trusted to set this header.
    pub fn new(trusted: Vec<Target>, header: &str) -> Self {
        Self { trusted, header: header.to_ascii_lowercase() }
    }

    /// The header's name, in lower case.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Whether the address is that of a trusted proxy.
    pub fn trusts(&self, ip: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains_ip(ip))
    }

    /// The client of a request that `peer` sent with this forwarding header.
    ///
    /// The peer, unless it is a trusted proxy. Then the header is walked from the right: the first
    /// hop that is no trusted proxy is the client, on the proxy's word. A hop that is no address
    /// ends the walk, and nothing left of it is believed: the last trusted hop stands. Without a
    /// peer the rightmost address is only claimed.
    pub fn attribute(&self, peer: Option<IpAddr>, header: &str) -> Option<Client> {
        let Some(peer) = peer.map(|ip| ip.to_canonical()) else {
            let ip = self.hops(header).next()??;
            return Some(Client { ip, attribution: Attribution::Claimed });
        };
        if !self.trusts(peer) {
            return Some(Client { ip: peer, attribution: Attribution::Peer });
        }
        let mut last = Client { ip: peer, attribution: Attribution::Peer };
        for hop in self.hops(header) {
            let Some(ip) = hop else { break };
            last = Client { ip, attribution: Attribution::Attested };
            if !self.trusts(ip) {
                break;
            }
        }
        Some(last)
    }

    /// The hops from the right; `None` for one that is no address.
    fn hops<'h>(&self, header: &'h str) -> impl Iterator<Item = Option<IpAddr>> + use<'h> {
        let forwarded = self.header == "forwarded";
        let elements = header.rsplit(',').map(str::trim);
        elements
            .filter(|hop| !hop.is_empty() && *hop != "-")
            .map(move |hop| if forwarded { address(for_parameter(hop)?) } else { address(hop) })
    }
}

/// The `for` of an element of `Forwarded` (RFC 7239).
fn for_parameter(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then(|| value.trim_matches('"'))
    })
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let ip = text.parse::<IpAddr>().ok();
    let ip = ip.or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()));
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    ip.or_else(bare).map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config() -> ClientConfig {
        let trusted = ["127.0.0.0/8", "192.0.2.10", "192.0.2.11"];
        ClientConfig::new(trusted.iter().map(|t| t.parse().unwrap()).collect(), "X-Forwarded-For")
    }

    fn of(peer: &str, header: &str) -> (String, Attribution) {
        let client = config().attribute(peer.parse().ok(), header).unwrap();
        (client.ip.to_string(), client.attribution)
    }

    #[test]
    fn t33_a_header_is_believed_from_a_trusted_proxy_alone() {
        use Attribution::{Attested, Claimed, Peer};
        assert_eq!(of("203.0.113.5", "198.51.100.7"), ("203.0.113.5".into(), Peer));
        assert_eq!(of("192.0.2.10", "198.51.100.7"), ("198.51.100.7".into(), Attested));
        assert_eq!(of("192.0.2.10", ""), ("192.0.2.10".into(), Peer));
        assert_eq!(of("", "198.51.100.7"), ("198.51.100.7".into(), Claimed));
    }

    #[test]
    fn t33_the_walk_goes_from_the_right_and_ends_at_the_first_stranger() {
        let attested = |ip: &str| (ip.to_owned(), Attribution::Attested);
        assert_eq!(of("192.0.2.10", "198.51.100.7, 203.0.113.5"), attested("203.0.113.5"));
        assert_eq!(
            of("192.0.2.10", "198.51.100.7, 203.0.113.5, 192.0.2.11"),
            attested("203.0.113.5")
        );
        assert_eq!(of("192.0.2.10", "198.51.100.7, unknown, 192.0.2.11"), attested("192.0.2.11"));
        assert_eq!(of("192.0.2.10", "198.51.100.7, x"), ("192.0.2.10".into(), Attribution::Peer));
        assert_eq!(of("192.0.2.10", "[2001:db8::1]:443"), attested("2001:db8::1"));
        assert_eq!(of("192.0.2.10", "203.0.113.5:1234"), attested("203.0.113.5"));
    }

    #[test]
    fn forwarded_is_read_too() {
        let config = ClientConfig::new(vec!["192.0.2.10".parse().unwrap()], "Forwarded");
        let header = "for=198.51.100.7, for=\"[2001:db8::1]:80\";proto=https";
        let client = config.attribute("192.0.2.10".parse().ok(), header).unwrap();
        assert_eq!(client.ip.to_string(), "2001:db8::1");
    }

    proptest! {
        #[test]
        fn t33_what_a_client_writes_on_the_left_changes_nothing(
            forged in "([ -~]{0,20}|198\\.51\\.100\\.7|,|\"|for=|192\\.0\\.2\\.11|\\PC){0,8}",
        ) {
            for right in ["203.0.113.5", "203.0.113.5, 192.0.2.11", "203.0.113.5,192.0.2.11 , 127.0.0.1"] {
                let header = format!("{forged}, {right}");
                prop_assert_eq!(of("192.0.2.10", &header).0, "203.0.113.5");
                prop_assert_eq!(of("198.51.100.1", &header), ("198.51.100.1".into(), Attribution::Peer));
            }
            let forwarded = ClientConfig::new(vec!["192.0.2.10".parse().unwrap()], "Forwarded");
            let header = format!("{forged}, for=203.0.113.5;proto=https");
            let client = forwarded.attribute("192.0.2.10".parse().ok(), &header).unwrap();
            prop_assert_eq!(client.ip.to_string(), "203.0.113.5");
        }
    }
}
