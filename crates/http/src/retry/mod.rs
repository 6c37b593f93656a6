//! What is tried again, and when: the table, `Retry-After`, the backoff, the budget.
//!
//! This is where a 429 is handled: [`by_status`](crate::by_status) or the adapter's
//! [`Classify`](crate::Classify) names it, [`TABLE`] says whether it is repeated, and [`Attempts`]
//! waits.

pub(crate) mod after;
mod attempts;
mod backoff;
pub(crate) mod budget;
mod exchange;
mod gates;
#[cfg(test)]
mod page;
mod pipeline;
mod table;

pub use attempts::Attempts;
pub(crate) use pipeline::{Shot, drive};
pub use table::{Action, COLUMNS, Class, Repeat, TABLE, action, markdown};
