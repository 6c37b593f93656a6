//! The two products that are called Jira.

/// Which Jira it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// Jira Cloud, REST v3: documents as ADF, users by `accountId`.
    Cloud,
    /// Jira Data Center, REST v2: wiki markup, users by name.
    #[allow(dead_code, reason = "the adapter speaks it next")]
    DataCenter,
}
