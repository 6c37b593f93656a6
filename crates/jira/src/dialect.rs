//! The two products that are called Jira, and where they differ.

use serde_json::{Value, json};

/// Which Jira it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// Jira Cloud, REST v3: documents as ADF, users by `accountId`, searches by token.
    Cloud,
    /// Jira Data Center, REST v2: wiki markup, users by name, searches by position.
    DataCenter,
}

impl Flavor {
    /// What stands before every path.
    pub(crate) const fn root(self) -> &'static str {
        match self {
            Self::Cloud => "rest/api/3",
            Self::DataCenter => "rest/api/2",
        }
    }

    /// A user as a field holds it.
    pub(crate) fn user(self, id: &str) -> Value {
        match self {
            Self::Cloud => json!({ "accountId": id }),
            Self::DataCenter => json!({ "name": id }),
        }
    }

    /// The id of a user that a field holds.
    pub(crate) fn user_id(self, user: &Value) -> Option<&str> {
        match self {
            Self::Cloud => user["accountId"].as_str(),
            Self::DataCenter => user["name"].as_str(),
        }
    }

    /// The parameter of a search for users.
    pub(crate) const fn user_query(self) -> &'static str {
        match self {
            Self::Cloud => "query",
            Self::DataCenter => "username",
        }
    }
}

/// Whether this is a user's id already, and not an address or a name that people use.
pub(crate) fn is_user_id(text: &str) -> bool {
    !text.contains(|c: char| c == '@' || c.is_whitespace())
}
