use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Admitted, Applied, BlockRequest, Held, Lease, Measure, Refusal, Target};
use crate::port::Connector;
use crate::{Call, Result};

/// What a device can do. What is promised over it is the controller's.
///
/// It takes only [`Admitted`] requests, and asks each for
/// [`for_connector`](Admitted::for_connector) before it sends anything.
#[async_trait]
pub trait BlockBackend: Connector {
    /// What it can hold.
    fn caps(&self) -> BlockCaps;

    /// Blocks. A verdict per item: [`Accepted`](super::BlockVerdict::Accepted) where the device
    /// took it, [`AlreadyPresent`](super::BlockVerdict::AlreadyPresent) where its old lease stands.
    async fn add(&self, call: &Call, blocks: &[Admitted]) -> Applied;

    /// Gives what is held already the lease of the request, from now on.
    async fn extend(&self, call: &Call, blocks: &[Admitted]) -> Applied;

    /// Takes blocks away: [`Released`](super::BlockVerdict::Released) or
    /// [`NotPresent`](super::BlockVerdict::NotPresent).
    async fn remove(&self, call: &Call, targets: &[Target]) -> Applied;

    /// What is held in the container that is Watchfloor's. Complete, or an error.
    async fn list(&self, call: &Call) -> Result<Vec<Held>>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: BlockBackend + ?Sized> BlockBackend for Arc<T> {
    fn caps(&self) -> BlockCaps {
        (**self).caps()
    }

    async fn add(&self, call: &Call, blocks: &[Admitted]) -> Applied {
        (**self).add(call, blocks).await
    }

    async fn extend(&self, call: &Call, blocks: &[Admitted]) -> Applied {
        (**self).extend(call, blocks).await
    }

    async fn remove(&self, call: &Call, targets: &[Target]) -> Applied {
        (**self).remove(call, targets).await
    }

    async fn list(&self, call: &Call) -> Result<Vec<Held>> {
        (**self).list(call).await
    }
}

const _: fn(&dyn BlockBackend) = |_| {};

/// What a device can hold: what it cannot is refused, never widened or narrowed (T11).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockCaps {
    /// IPv4.
    pub v4: Prefixes,
    /// IPv6.
    pub v6: Prefixes,
    /// The longest lease that the device ends itself; `None`: it ends none.
    pub native_ttl: Option<Duration>,
    /// Whether it holds what does not end.
    pub permanent: bool,
    /// Entries it can hold; `None` where nobody says.
    pub capacity: Option<usize>,
    /// Whether it can throttle.
    pub throttle: bool,
    /// Whether it can challenge.
    pub challenge: bool,
}

/// The networks of one family that a device can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefixes {
    /// None.
    None,
    /// Single addresses.
    Hosts,
    /// Networks of any length, and single addresses.
    Any,
}

impl fmt::Display for Prefixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "nothing",
            Self::Hosts => "single addresses only",
            Self::Any => "addresses and networks",
        })
    }
}

impl BlockCaps {
    /// A device that blocks single addresses of both families until they are released.
    pub fn new() -> Self {
        Self {
            v4: Prefixes::Hosts,
            v6: Prefixes::Hosts,
            native_ttl: None,
            permanent: true,
            capacity: None,
            throttle: false,
            challenge: false,
        }
    }

    /// Refuses what the device cannot do as it is asked; the rule is `device`.
    pub fn check(&self, request: &BlockRequest) -> Result<(), Refusal> {
        let refused = |why: String| Err(Refusal::new("device", why));
        let target = &request.target;
        let (family, prefixes) =
            if target.is_ipv4() { ("IPv4", self.v4) } else { ("IPv6", self.v6) };
        let fits = match prefixes {
            Prefixes::None => false,
            Prefixes::Hosts => target.is_host(),
            Prefixes::Any => true,
        };
        if !fits {
            return refused(format!("of {family} it holds {prefixes}, and {target} is another"));
        }
        let measure = match request.measure {
            Measure::Block => true,
            Measure::Throttle { .. } => self.throttle,
            Measure::Challenge => self.challenge,
        };
        if !measure {
            return refused(format!("it cannot {}", request.measure.as_str()));
        }
        match (request.lease, self.native_ttl) {
            (Lease::For(ttl), Some(max)) if ttl > max => {
                refused(format!("{} s is longer than its {} s", ttl.as_secs(), max.as_secs()))
            }
            (Lease::Permanent, _) if !self.permanent => {
                refused("it holds nothing for ever".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Default for BlockCaps {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Attribution;

    fn request(target: &str, lease: Lease) -> BlockRequest {
        BlockRequest::new(target.parse().unwrap(), Attribution::Peer, lease, "", "")
    }

    #[test]
    fn t11_what_does_not_fit_is_refused_not_narrowed() {
        let caps = BlockCaps {
            v4: Prefixes::Any,
            native_ttl: Some(Duration::from_mins(1)),
            ..BlockCaps::new()
        };
        let minute = Lease::For(Duration::from_mins(1));
        assert_eq!(caps.check(&request("203.0.113.0/24", minute)), Ok(()));
        assert_eq!(caps.check(&request("2001:db8::1", minute)), Ok(()));
        let refusal = caps.check(&request("2001:db8::/64", minute)).unwrap_err();
        assert!(refusal.to_string().contains("2001:db8::/64"), "{refusal}");
        assert!(caps.check(&request("203.0.113.7", Lease::For(Duration::from_secs(61)))).is_err());
        assert_eq!(caps.check(&request("203.0.113.7", Lease::Permanent)), Ok(()));
        let challenge = request("203.0.113.7", minute).with_measure(Measure::Challenge);
        assert!(caps.check(&challenge).is_err());
        let none = BlockCaps { v6: Prefixes::None, permanent: false, ..caps };
        assert!(none.check(&request("2001:db8::1", minute)).is_err());
        assert!(none.check(&request("203.0.113.7", Lease::Permanent)).is_err());
    }
}
