//! Log lines as views. Each reader masks what it knows to be secret.

pub(crate) mod access_json;
pub(crate) mod combined;
mod flat;
pub(crate) mod modsecurity;

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer};
use watchfloor_core::Timestamp;
use watchfloor_core::mask::Masker;

use crate::ClientConfig;

/// What every reader needs.
#[derive(Debug)]
pub(crate) struct Context<'c> {
    pub(crate) client: &'c ClientConfig,
    pub(crate) masker: &'c Masker,
}

impl Context<'_> {
    /// The hops of a forwarding header, as they came.
    fn forwarded(&self, header: &str) -> Vec<Cow<'static, str>> {
        let hops = header.split(',').map(str::trim).filter_map(present);
        hops.map(|hop| Cow::Owned(self.masker.text(hop).into_owned())).collect()
    }

    /// The session that a request shows, masked: a cookie that is named as one, else its bearer
    /// token.
    fn session(&self, cookies: &str, authorization: &str) -> Option<Cow<'static, str>> {
        let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        let cookie =
            pairs.filter(|(name, _)| self.masker.is_secret_key(name)).map(|(_, v)| v).next();
        let bearer = || authorization.split_once(' ').filter(|(scheme, _)| *scheme == "Bearer");
        let secret = cookie.or_else(|| bearer().map(|(_, token)| token))?;
        present(secret).map(|secret| Cow::Owned(self.masker.value(secret)))
    }
}

/// An address without a zone and without a port; `None` for anything else, such as a socket's path.
fn ip(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// `-` and nothing mean that there is nothing.
fn present(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty() && *t != "-")
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn month(name: &str) -> Option<usize> {
    MONTHS.iter().position(|m| *m == name).map(|n| n + 1)
}

/// `24/Nov/2026:08:50:51 +0000`
fn clf_time(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once(':')?;
    let (time, zone) = rest.split_once(' ')?;
    let mut date = date.split('/');
    let (day, month, year) = (date.next()?, month(date.next()?)?, date.next()?);
    let (hours, minutes) = zone.split_at_checked(3)?;
    format!("{year}-{month:02}-{day}T{time}{hours}:{minutes}").parse().ok()
}

/// `Tue Nov 24 08:50:56 2026`, without a zone: UTC.
fn c_time(text: &str) -> Option<Timestamp> {
    let mut parts = text.split_ascii_whitespace().skip(1);
    let (month, day) = (month(parts.next()?)?, parts.next()?.parse::<u8>().ok()?);
    let (time, year) = (parts.next()?, parts.next()?);
    format!("{year}-{month:02}-{day:02}T{time}Z").parse().ok()
}

/// A number, or a number as text; anything else is nothing, so that one odd field costs no line.
#[derive(Clone, Copy, Debug, Default)]
struct Loose(Option<f64>);

impl Loose {
    fn times(self, unit: f64) -> Self {
        Self(self.0.map(|n| (n * unit).round()))
    }

    fn whole(self) -> Option<u64> {
        self.0.filter(|n| (0.0..9.0e15).contains(n)).map(|n| n as u64)
    }

    fn status(self) -> Option<u16> {
        self.0.filter(|n| (100.0..1000.0).contains(n)).map(|n| n as u16)
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Number(f64),
            Text(String),
            Other(serde::de::IgnoredAny),
        }
        Ok(Self(match Any::deserialize(d)? {
            Any::Number(n) => Some(n),
            Any::Text(text) => text.trim().parse().ok(),
            Any::Other(_) => None,
        }))
    }
}

/// A full URL's path and query: `https://shop.example/x?y` → `/x?y`. Anything else as it is.
fn without_origin(url: &str) -> &str {
    match url.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
            rest.find(['/', '?']).map_or("/", |n| &rest[n..])
        }
        _ => url,
    }
}

/// Path and query of a request target.
fn target(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, present(query)),
        None => (target, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_logs() {
        let clf = clf_time("24/Nov/2026:09:50:51 +0100").unwrap();
        assert_eq!(clf.to_string(), "2026-11-24T08:50:51.000Z");
        let c = c_time("Tue Nov  4 08:50:56 2026").unwrap();
        assert_eq!(c.to_string(), "2026-11-04T08:50:56.000Z");
        for bad in ["", "x", "24/Nov/2026", "Tue", "24/Foo/2026:09:50:51 +0100", "ü/ü/ü:ü ü"] {
            assert!(clf_time(bad).is_none() && c_time(bad).is_none(), "{bad}");
        }
    }
}
