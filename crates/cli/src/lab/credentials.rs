//! What the twins accept: drawn anew for every lab, so that none is ever worth copying.

use std::fmt::{self, Write as _};

use watchfloor::core::random;

/// The name that ServiceNow knows the client under.
pub(super) const CLIENT_ID: &str = "watchfloor";
/// Who Watchfloor is in Jira.
pub(super) const JIRA_USER: &str = "bot@lab.example";

/// One credential for each twin.
pub(super) struct Credentials {
    pub(super) hec_token: String,
    pub(super) elastic_key: String,
    pub(super) servicenow_secret: String,
    pub(super) jira_token: String,
    pub(super) pan_os_key: String,
}

impl Credentials {
    pub(super) fn random() -> Self {
        Self {
            hec_token: draw(),
            elastic_key: draw(),
            servicenow_secret: draw(),
            jira_token: draw(),
            pan_os_key: draw(),
        }
    }

    /// The file that holds each, as the configuration names it.
    pub(super) fn files(&self) -> [(&'static str, &str); 5] {
        [
            ("splunk-hec-token", &self.hec_token),
            ("elastic-api-key", &self.elastic_key),
            ("servicenow-client-secret", &self.servicenow_secret),
            ("jira-api-token", &self.jira_token),
            ("pan-os-api-key", &self.pan_os_key),
        ]
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// 244 random bits as 64 hexadecimal digits.
fn draw() -> String {
    random::key().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
