//! The shapes of `_bulk` and of what a check asks.

use serde::{Deserialize, Serialize};

/// The parameter that prunes a bulk answer to what is read here. With `items.*.status` in it every
/// item stays, so that positions line up.
pub(crate) const FILTER_PATH: &str = "errors,items.*.status,items.*.result,items.*.failure_store,items.*.error.type,\
     items.*.error.reason";

/// A bulk answer. `items` are in the order of the operations, whatever their `_index` says.
#[derive(Debug, Deserialize)]
pub(crate) struct BulkAnswer {
    #[serde(default)]
    pub(crate) items: Vec<Operation>,
}

/// One operation's verdict, under the operation's name.
#[derive(Debug, Deserialize)]
pub(crate) struct Operation {
    pub(crate) create: Item,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Item {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) result: Option<String>,
    #[serde(default)]
    pub(crate) failure_store: Option<String>,
    #[serde(default)]
    pub(crate) error: Option<ItemError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ItemError {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Quotes the document: never shown as it is.
    pub(crate) reason: String,
}

/// The error of a whole request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RequestError {
    pub(crate) error: ItemError,
}

#[derive(Debug, Serialize)]
pub(crate) struct HasPrivileges<'a> {
    pub(crate) index: [IndexPrivileges<'a>; 1],
}

#[derive(Debug, Serialize)]
pub(crate) struct IndexPrivileges<'a> {
    pub(crate) names: [&'a str; 1],
    pub(crate) privileges: [&'static str; 1],
}

#[derive(Debug, Deserialize)]
pub(crate) struct Privileges {
    pub(crate) has_all_requested: bool,
}
