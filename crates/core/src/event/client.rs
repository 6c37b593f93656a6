use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// How it is known who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// The other end of the connection itself.
    Peer,
    /// A trusted proxy says so: in the forwarding header, read from the right, the first hop that
    /// is no trusted proxy.
    Attested,
    /// Only somebody's word: a log without a peer, a header that no trusted proxy vouches for.
    /// Evidence, and never a reason to block (T33).
    Claimed,
}

impl Attribution {
    /// The word as it is stored: `peer`, `attested`, `claimed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Attested => "attested",
            Self::Claimed => "claimed",
        }
    }

    /// What it means, for people.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Peer => "the other end of the connection",
            Self::Attested => "as a trusted proxy says",
            Self::Claimed => "claimed; nobody vouches for it",
        }
    }
}

/// Who the client is, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Client {
    /// Its address.
    pub ip: IpAddr,
    /// How the address is known.
    pub attribution: Attribution,
}
