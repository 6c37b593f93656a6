use std::str::FromStr;

/// What a log's lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// nginx's combined access log, which is Apache's too.
    Nginx,
    /// JSON objects: an access log in nginx's names, or OCSF; told by their keys.
    Json,
    /// ModSecurity 3's audit log, JSON, serial.
    ModSecurity,
    /// OCSF events.
    Ocsf,
}

impl Format {
    /// The words of the command line.
    pub const WORDS: &[&str] = &["nginx", "apache", "modsecurity", "ocsf", "json"];

    /// Told from the first lines; `None` where they are nothing that is known.
    pub fn sniff(lines: &[u8]) -> Option<Self> {
        lines.split(|b| *b == b'\n').find_map(Self::of_line)
    }

    fn of_line(line: &[u8]) -> Option<Self> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        let holds = |key: &str| memchr::memmem::find(line, key.as_bytes()).is_some();
        if line.starts_with(b"{") {
            return Some(if holds("\"transaction\"") && holds("\"producer\"") {
                Self::ModSecurity
            } else if holds("\"class_uid\"") {
                Self::Ocsf
            } else {
                Self::Json
            });
        }
        (holds("] \"") && holds(" - ")).then_some(Self::Nginx)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "nginx" | "apache" => Ok(Self::Nginx),
            "json" => Ok(Self::Json),
            "modsecurity" => Ok(Self::ModSecurity),
            "ocsf" => Ok(Self::Ocsf),
            _ => Err(format!("{word:?} is none of {}", Self::WORDS.join(", "))),
        }
    }
}
