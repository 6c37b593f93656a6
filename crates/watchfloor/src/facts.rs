//! What is true of this host: the addresses that must never be blocked.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};

use url::{Host, Url};
use watchfloor_core::Facts;
use watchfloor_core::config::Value;

/// The longest table that is read of the kernel, in bytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Gathers this host's own addresses, its resolvers and its default gateways.
///
/// On Linux they are read from `/proc/net` and `/etc/resolv.conf` (and systemd-resolved's own list
/// of servers); elsewhere the resolvers, and the addresses that packets to the outside would carry. What
/// cannot be read stays empty and is logged. The way to a device's management is added per
/// connector.
pub fn of_host() -> Facts {
    let mut facts = Facts::new();
    facts.own = own();
    let conf = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
    facts.resolvers = distinct(conf.iter().flat_map(|path| resolvers(&read(path))));
    facts.gateways = gateways();
    if facts.own.is_empty() {
        tracing::warn!("the addresses of this host are unknown and protect nothing");
    }
    facts
}

/// The addresses behind the hosts of a value's URLs, one or a list. A name is looked up; one that
/// has no address now is logged and protects nothing.
pub(crate) fn of_urls(value: Option<&Value>) -> Vec<IpAddr> {
    let texts: Vec<&str> = match value {
        Some(Value::Text(url)) => vec![url],
        Some(Value::List(urls)) => urls
            .iter()
            .filter_map(|node| if let Value::Text(url) = &node.value { Some(&**url) } else { None })
            .collect(),
        _ => Vec::new(),
    };
    distinct(
        texts.into_iter().filter_map(|url| Url::parse(url).ok()).flat_map(|url| of_host_in(&url)),
    )
}

fn of_host_in(url: &Url) -> Vec<IpAddr> {
    match url.host() {
        Some(Host::Ipv4(ip)) => vec![ip.into()],
        Some(Host::Ipv6(ip)) => vec![ip.into()],
        Some(Host::Domain(name)) => {
            let found = (name, 0).to_socket_addrs();
            let found: Vec<_> = found.into_iter().flatten().map(|address| address.ip()).collect();
            if found.is_empty() {
                tracing::warn!(
                    name,
                    "a device's name has no address: its management is unprotected"
                );
            }
            found
        }
        None => Vec::new(),
    }
}

#[cfg(target_os = "linux")]
fn own() -> Vec<IpAddr> {
    let v4 = own_v4(&read("/proc/net/fib_trie"));
    distinct(v4.into_iter().chain(own_v6(&read("/proc/net/if_inet6"))))
}

#[cfg(target_os = "linux")]
fn gateways() -> Vec<IpAddr> {
    let v4 = gateways_v4(&read("/proc/net/route"));
    distinct(v4.into_iter().chain(gateways_v6(&read("/proc/net/ipv6_route"))))
}

/// The address that a packet to the outside would carry; connecting a UDP socket sends nothing.
#[cfg(not(target_os = "linux"))]
fn own() -> Vec<IpAddr> {
    let source = |from: &str, to: &str| {
        let socket = std::net::UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let v4 = source("0.0.0.0:0", "192.0.2.1:9");
    distinct(v4.into_iter().chain(source("[::]:0", "[2001:db8::1]:9")))
}

#[cfg(not(target_os = "linux"))]
fn gateways() -> Vec<IpAddr> {
    Vec::new()
}

fn read(path: &str) -> String {
    let mut text = String::new();
    if let Ok(file) = std::fs::File::open(path) {
        let _ = file.take(MAX_BYTES).read_to_string(&mut text);
    }
    text
}

fn distinct(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    addresses.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// `nameserver` lines of resolv.conf(5); a zone behind `%` is dropped.
fn resolvers(resolv_conf: &str) -> Vec<IpAddr> {
    let server = |line: &str| {
        let address = line.trim().strip_prefix("nameserver")?.split_whitespace().next()?;
        address.split('%').next()?.parse().ok()
    };
    resolv_conf.lines().filter_map(server).collect()
}

/// Leaves of the kernel's IPv4 tree that are local to this host:
///
/// ```text
/// |-- 192.0.2.7
///    /32 host LOCAL
/// ```
#[cfg(any(target_os = "linux", test))]
fn own_v4(fib_trie: &str) -> Vec<IpAddr> {
    let mut leaf: Option<Ipv4Addr> = None;
    let mut own = Vec::new();
    for line in fib_trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            own.extend(leaf.map(IpAddr::V4));
        }
    }
    own
}

/// The first column of `if_inet6`: an address in 32 hex digits.
#[cfg(any(target_os = "linux", test))]
fn own_v6(if_inet6: &str) -> Vec<IpAddr> {
    if_inet6.lines().filter_map(|line| hex_v6(line.split_whitespace().next()?)).collect()
}

/// Rows of `route` whose destination and mask are zero; addresses stand there as the host's own
/// integers, in hex.
#[cfg(any(target_os = "linux", test))]
fn gateways_v4(route: &str) -> Vec<IpAddr> {
    let gateway = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let [_, "00000000", gateway, _, _, _, _, "00000000", ..] = columns[..] else { return None };
        let gateway = u32::from_str_radix(gateway, 16).ok()?;
        (gateway != 0).then(|| IpAddr::from(gateway.to_ne_bytes()))
    };
    route.lines().filter_map(gateway).collect()
}

/// Rows of `ipv6_route` whose destination is `::/0` and that have a next hop.
#[cfg(any(target_os = "linux", test))]
fn gateways_v6(ipv6_route: &str) -> Vec<IpAddr> {
    let gateway = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let [destination, "00", _, _, hop, ..] = columns[..] else { return None };
        let any = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        (hex_v6(destination)? == any).then(|| hex_v6(hop))?.filter(|hop| *hop != any)
    };
    ipv6_route.lines().filter_map(gateway).collect()
}

#[cfg(any(target_os = "linux", test))]
fn hex_v6(digits: &str) -> Option<IpAddr> {
    let bits = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32)?;
    Some(IpAddr::V6(bits.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    /// Captured from a container with one interface.
    const FIB_TRIE: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 172.17.0.0/16 2 0 2
        +-- 172.17.0.0/30 2 0 2
           |-- 172.17.0.0
              /16 link UNICAST
           |-- 172.17.0.2
              /32 host LOCAL
        |-- 172.17.255.255
           /32 link BROADCAST
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
";

    const IF_INET6: &str = "\
00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000007 02 40 00 80     eth0
fe80000000000000021132fffe5bbd01 02 40 20 80     eth0
";

    const ROUTE: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
";

    const IPV6_ROUTE: &str = "\
20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db8000000000000000000000001 00000400 00000002 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";

    #[test]
    fn own_addresses_are_the_local_leaves() {
        assert_eq!(distinct(own_v4(FIB_TRIE)), ips(&["127.0.0.1", "172.17.0.2"]));
        assert_eq!(own_v6(IF_INET6), ips(&["::1", "2001:db8::7", "fe80::211:32ff:fe5b:bd01"]));
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn gateways_are_the_next_hops_of_default_routes() {
        assert_eq!(gateways_v4(ROUTE), ips(&["172.17.0.1"]));
        assert_eq!(gateways_v6(IPV6_ROUTE), ips(&["2001:db8::1"]));
    }

    #[test]
    fn resolvers_are_the_nameservers() {
        let conf = "# nameserver 9.9.9.9\nnameserver 192.0.2.53\nnameserver fe80::1%eth0 \nsearch example\nnameserver\n";
        assert_eq!(resolvers(conf), ips(&["192.0.2.53", "fe80::1"]));
    }

    #[test]
    fn foreign_text_is_no_address() {
        for text in ["", "|-- x\n/32 host LOCAL", "zz 00", "eth0 00000000 xyz 0 0 0 0 00000000"] {
            let all = [own_v4(text), own_v6(text), gateways_v4(text), gateways_v6(text)];
            assert!(all.iter().all(Vec::is_empty), "{text}");
        }
    }

    #[test]
    fn the_hosts_of_urls_are_the_way_to_the_device() {
        let text = |t: &str| Value::Text(t.into());
        let node = |t| watchfloor_core::config::Node { value: text(t), line: 1 };
        let list = Value::List(vec![node("https://[2001:db8::1]:8443/api"), node("not a URL")]);
        assert_eq!(of_urls(Some(&text("https://192.0.2.9/"))), ips(&["192.0.2.9"]));
        assert_eq!(of_urls(Some(&list)), ips(&["2001:db8::1"]));
        assert!(of_urls(None).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_host_has_its_loopback_address() {
        assert!(of_host().own.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
