#![doc = include_str!("../README.md")]

mod action;
mod alert;
mod clock;
mod delivery;
mod error;
mod fingerprint;
mod hash;
mod health;
mod id;
mod outcome;
mod pieces;
mod root;
mod secret;
mod ticket;
mod time;

pub mod block;
pub mod config;
pub mod desk;
pub mod event;
pub mod mask;
pub mod port;
pub mod query;
pub mod random;
pub mod ship;
pub mod text;

pub use action::Action;
pub use alert::{
    Alert, AlertBuilder, AlertPatch, AlertStatus, Attack, BadAlert, Evidence, Indicator, Severity,
};
pub use async_trait::async_trait;
pub use block::{Applied, BlockRequest, BlockVerdict, Facts, Guard, Held, Lease, Measure, Target};
pub use clock::{BoxFuture, Busy, Clock};
pub use delivery::{Counts, Delivery, Exception};
pub use error::{Error, ErrorRecord, Kind, Result, Retry};
pub use event::{Attribution, BadEvent, Client, Event, EventView};
pub use fingerprint::{Fingerprint, Who};
pub use futures_core::stream::BoxStream;
pub use hash::FieldHash;
pub use health::{Health, Stage, State};
pub use id::{
    AlertId, CallId, ConnectorName, Cursor, EventId, LeaseId, TenantId, TicketId, TicketKey,
};
pub use outcome::Outcome;
pub use pieces::Pieces;
pub use port::{
    AlertSource, Assurance, Blocklist, Connector, DeskCaps, EventSearch, EventSink, Gap, Inbound,
    Notice, Notifier, OnRepeat, Opened, Page, Search, SinkCaps, Store, TicketChange, TicketDesk,
    TicketFeed, Webhook, What, Write,
};
pub use root::{Call, CallRecord, Root, Scope};
pub use secret::Secret;
pub use text::{Count, Phrase, RichText, cut};
pub use ticket::{
    Attachment, Comment, Marker, Priority, Route, StatusCategory, Ticket, TicketDraft, TicketKind,
    TicketPatch,
};
pub use time::{BadTimestamp, Timestamp};
