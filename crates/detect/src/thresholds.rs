use std::time::Duration;

/// From when on something is an attack. Windows slide over the time of the events.
///
/// Each count is well above what a person does who mistypes a password, pages through a shop or
/// follows a dead link, and below what a tool must do to be worth its while.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thresholds {
    /// The window of everything but floods and payloads: 60 s.
    pub window: Duration,
    /// Failed logins of one account by one client: 20.
    pub failed_logins: usize,
    /// Accounts with a failed login by one client: 20.
    pub failed_accounts: usize,
    /// Failed logins per account up to which many accounts are stuffing: 3.
    pub tries_per_account: usize,
    /// Distinct objects of one URL group by one logged-in client: 30.
    pub objects: usize,
    /// Distinct paths answered 401, 403 or 404 for one client: 20.
    pub refused_paths: usize,
    /// Requests by one client within [`flood_window`](Self::flood_window): 150.
    pub flood: usize,
    /// 10 s.
    pub flood_window: Duration,
    /// Requests with a payload of one kind, by the WAF's critical rules: 3.
    pub payloads: usize,
    /// 1 h.
    pub payload_window: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60),
            failed_logins: 20,
            failed_accounts: 20,
            tries_per_account: 3,
            objects: 30,
            refused_paths: 20,
            flood: 150,
            flood_window: Duration::from_secs(10),
            payloads: 3,
            payload_window: Duration::from_secs(3600),
        }
    }
}
