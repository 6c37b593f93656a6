//! The shapes of `_bulk` and of what a check asks.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The parameter that prunes a bulk answer to what is read here. With `items.*.status` in it every
/// item stays, so that positions line up.
pub(crate) const FILTER_PATH: &str = "errors,items.*.status,items.*.result,items.*.failure_store,items.*.error.type,\
     items.*.error.reason";

/// A bulk answer, borrowed from its body. `items` are in the order of the operations, whatever their
/// `_index` says; each is an [`Operation`], which most of the time reads like the one before.
#[derive(Debug, Deserialize)]
pub(crate) struct BulkAnswer<'a> {
    #[serde(borrow, default)]
    pub(crate) items: Vec<&'a RawValue>,
}

/// One operation's verdict, under the operation's name. One under a name that we do not send is
/// none of ours: the answer is not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operation<'a> {
    Create(#[serde(borrow)] Item<'a>),
    Index(#[serde(borrow)] Item<'a>),
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Item<'a> {
    pub(crate) status: u16,
    #[serde(borrow, default)]
    pub(crate) result: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) failure_store: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) error: Option<ItemError<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ItemError<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    /// Quotes the document: never shown as it is.
    #[serde(borrow)]
    pub(crate) reason: Cow<'a, str>,
}

/// The error of a whole request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RequestError<'a> {
    #[serde(borrow)]
    pub(crate) error: ItemError<'a>,
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
