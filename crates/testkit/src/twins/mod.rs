//! The twins, built from the vendors' contracts and recorded exchanges, never from our adapters.

mod elasticsearch;
mod hec;
mod jira;
mod oauth;
mod pan_os;
mod servicenow;

pub use elasticsearch::{Block, Elasticsearch, Flavor};
pub use hec::{Hec, HeldEvent};
pub use jira::{HeldIssue, Jira, Workflow as JiraWorkflow};
pub use oauth::OAuth;
pub use pan_os::{PanOs, Registered};
pub use servicenow::{Closing, HeldRecord, ServiceNow};
