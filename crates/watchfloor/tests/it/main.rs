//! The façade as its users see it.

mod connect;
#[cfg(all(
    feature = "splunk",
    feature = "elastic",
    feature = "servicenow",
    feature = "jira",
    feature = "firewall"
))]
mod standard;
#[cfg(feature = "store")]
mod state;
