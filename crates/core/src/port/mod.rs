//! The ports: the traits that users hold.
//!
//! Each is object-safe; every method takes the [`Call`] it belongs to. A port grows only by
//! defaulted methods that answer [`Kind::Unsupported`](crate::Kind::Unsupported).

mod alerts;
mod blocklist;
mod connector;
mod desk;
mod events;
mod notify;
mod page;
mod store;
mod webhook;

pub use alerts::AlertSource;
pub use blocklist::Blocklist;
pub use connector::Connector;
pub use desk::{DeskCaps, Opened, TicketChange, TicketDesk, TicketFeed};
pub use events::{Assurance, EventSearch, EventSink, OnRepeat, Search, SinkCaps, What};
pub use notify::{Notice, Notifier};
pub use page::{Gap, Page};
pub use store::{Store, Write};
pub use webhook::{Inbound, Webhook};

#[allow(unused_imports, reason = "for the doc links above")]
use crate::Call;
