use std::net::IpAddr;

/// What is true of this host and of the device: the guard checks every block against it.
///
/// Gathered by whoever starts the program; what is not known is left empty and protects nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// The addresses of this host's interfaces.
    pub own: Vec<IpAddr>,
    /// The DNS servers in use.
    pub resolvers: Vec<IpAddr>,
    /// The default gateways.
    pub gateways: Vec<IpAddr>,
    /// The way to the device's management: where its API answers, and what lies between.
    pub management: Vec<IpAddr>,
    /// The device's room, as its controller read it last.
    pub device: Device,
}

impl Facts {
    /// Nothing known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same facts, of a device with this room.
    pub fn on(&self, device: Device) -> Self {
        Self { device, ..self.clone() }
    }
}

/// How much a device holds and can hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Entries it holds now.
    pub held: usize,
    /// Entries it can hold; `None` where nobody says.
    pub capacity: Option<usize>,
}
