//! Events: an OCSF document and its head.

mod bad;
mod client;
mod document;
mod edit;
mod head;
mod lines;
mod scan;
mod stored;
mod view;
mod write;

pub use bad::BadEvent;
pub use client::{Attribution, Client};
pub use document::{Event, MAX_LEN};
pub use edit::BadEdit;
pub use lines::{BadLine, Line, Lines, ReadLines, read_lines};
pub use scan::MAX_DEPTH;
pub use view::{EventView, Raw, WafMatch};
