use std::fmt;

use serde::{Deserialize, Serialize};

use super::Severity;

macro_rules! attacks {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $title:literal, $severity:ident, $owasp:expr, $attack:expr;)*) => {
        /// A kind of API attack.
        ///
        /// Serialised as its slug, which is final: rules, tickets and other programs name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Attack {
            $($(#[$doc])* #[serde(rename = $slug)] $name,)*
        }

        impl Attack {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in data: `sql_injection`.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The name for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// How serious it is unless more is known.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// Its place in the OWASP API Security Top 10 of 2023.
            pub const fn owasp(self) -> Option<&'static str> {
                match self { $(Self::$name => $owasp,)* }
            }

            /// Its MITRE ATT&CK tactic and technique.
            pub const fn mitre(self) -> Option<(&'static str, &'static str)> {
                match self { $(Self::$name => $attack,)* }
            }

            /// From its slug.
            pub fn from_slug(slug: &str) -> Option<Self> {
                match slug { $($slug => Some(Self::$name),)* _ => None }
            }
        }
    };
}

attacks! {
    /// SQL in a parameter.
    SqlInjection = "sql_injection", "SQL injection", High, Some("API8:2023"), Some(("TA0001", "T1190"));
    /// Script in a parameter.
    Xss = "xss", "Cross-site scripting", Medium, Some("API8:2023"), Some(("TA0001", "T1190"));
    /// A path that leaves its directory.
    PathTraversal = "path_traversal", "Path traversal", High, Some("API8:2023"), Some(("TA0001", "T1190"));
    /// Another kind of injection.
    Injection = "injection", "Injection", High, Some("API8:2023"), Some(("TA0001", "T1190"));
    /// Many passwords for an account.
    CredentialBruteForce = "credential_brute_force", "Password brute force", High, Some("API2:2023"), Some(("TA0006", "T1110.001"));
    /// Many guesses of a session's id.
    SessionBruteForce = "session_brute_force", "Session id brute force", High, Some("API2:2023"), Some(("TA0006", "T1110"));
    /// Stolen name and password pairs, many accounts.
    CredentialStuffing = "credential_stuffing", "Credential stuffing", High, Some("API2:2023"), Some(("TA0006", "T1110.004"));
    /// Other people's objects, by their ids.
    Bola = "bola", "Broken object level authorisation (BOLA)", Critical, Some("API1:2023"), Some(("TA0009", "T1213"));
    /// Guessed paths.
    ForcedBrowsing = "forced_browsing", "Forced browsing", Medium, Some("API5:2023"), Some(("TA0043", "T1595.003"));
    /// More requests than the API is for.
    RateAbuse = "rate_abuse", "Rate abuse (L7 flood)", Medium, Some("API4:2023"), Some(("TA0040", "T1499"));
    /// Live, in no document.
    ShadowApi = "shadow_api", "Shadow API", Low, Some("API9:2023"), None;
    /// Documented, without traffic.
    OrphanApi = "orphan_api", "Orphan API", Informational, Some("API9:2023"), None;
    /// Deprecated or removed, still in use.
    ZombieApi = "zombie_api", "Zombie API", Low, Some("API9:2023"), None;
    /// Far more data than usual leaves.
    DataExfiltration = "data_exfiltration", "Data exfiltration", High, Some("API6:2023"), Some(("TA0010", "T1567"));
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_serde_s_names_and_unique() {
        for attack in Attack::ALL {
            assert_eq!(serde_json::to_value(attack).unwrap(), attack.slug());
            assert_eq!(Attack::from_slug(attack.slug()), Some(*attack));
        }
    }
}
