//! Steps of a workflow, as a product tells them.

use crate::StatusCategory;

/// A status of a workflow. Its name is for people; it may be in any language.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// As the desk's API names it: what [`Ticket::state`](crate::Ticket::state) holds.
    pub id: String,
    /// Where in a ticket's life it stands.
    pub category: StatusCategory,
}

impl Status {
    /// A status.
    pub fn new(id: impl Into<String>, category: StatusCategory) -> Self {
        Self { id: id.into(), category }
    }
}

/// A step from one status to another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Move {
    /// As the desk's API names the step.
    pub id: String,
    /// The status that it leaves; `None` is the one in which the ticket is.
    pub from: Option<String>,
    /// The status that it leads to.
    pub to: Status,
    /// The fields that it demands.
    pub required: Vec<Required>,
}

impl Move {
    /// A step to a status, from where the ticket is, that demands nothing.
    pub fn new(id: impl Into<String>, to: Status) -> Self {
        Self { id: id.into(), from: None, to, required: Vec::new() }
    }

    /// The same from a status.
    pub fn leaving(mut self, from: impl Into<String>) -> Self {
        self.from = Some(from.into());
        self
    }

    /// The same with one more field that it demands.
    pub fn requires(mut self, field: Required) -> Self {
        self.required.push(field);
        self
    }
}

/// A field that a step demands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Required {
    /// Its name in the desk's words: what [`TicketPatch::fields`](crate::TicketPatch::fields) is
    /// keyed by.
    pub field: String,
    /// What it may be, where that is a list: the value and what people see.
    pub allowed: Vec<(String, String)>,
    /// What it is set to where nobody says anything.
    pub default: Option<String>,
    /// Whether it says how the ticket ended:
    /// [`TicketPatch::resolution`](crate::TicketPatch::resolution) fills it.
    pub resolution: bool,
}

impl Required {
    /// A field without a list and without a default.
    pub fn new(field: impl Into<String>) -> Self {
        Self { field: field.into(), ..Self::default() }
    }

    /// It may be this, which people see as `shown`.
    pub fn allows(mut self, value: impl Into<String>, shown: impl Into<String>) -> Self {
        self.allowed.push((value.into(), shown.into()));
        self
    }

    /// Where nobody says anything it is this.
    pub fn or(mut self, default: impl Into<String>) -> Self {
        self.default = Some(default.into());
        self
    }

    /// It says how the ticket ended.
    pub fn is_resolution(mut self) -> Self {
        self.resolution = true;
        self
    }
}
