//! What holds requests back: how many a second, and how many at once.

mod in_flight;
mod rate;

pub(crate) use in_flight::{InFlight, Slot};
pub(crate) use rate::{Place, Rate};
