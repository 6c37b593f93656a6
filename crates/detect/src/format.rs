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
        // `[24/Nov/2026:08:50:51 +0000] "`
        let dated = line.windows(5).any(|part| {
            matches!(part, [b'[', a, b, b'/', c] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_alphabetic())
        });
        (dated && holds("] \"")).then_some(Self::Nginx)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_from_the_first_line_that_tells() {
        let combined = "203.0.113.7 - - [24/Nov/2026:08:50:51 +0000] \"GET / HTTP/1.1\" 200 7";
        let envoy = "[2026-01-24T01:38:00.000Z] \"POST / HTTP/1.1\" 201 - 0 1024 \"-\"";
        for (lines, format) in [
            (combined.to_owned(), Some(Format::Nginx)),
            (format!("\u{feff}\n\ncut off\r\n{combined}"), Some(Format::Nginx)),
            (r#"{"transaction":{"producer":{}}}"#.to_owned(), Some(Format::ModSecurity)),
            (r#"{"class_uid":4002}"#.to_owned(), Some(Format::Ocsf)),
            (r#"{"user_agent":"\"class_uid\""}"#.to_owned(), Some(Format::Json)),
            (envoy.to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(Format::sniff(lines.as_bytes()), format, "{lines}");
        }
        for word in Format::WORDS {
            assert!(word.parse::<Format>().is_ok());
        }
        assert!("evtx".parse::<Format>().unwrap_err().contains("nginx, apache"));
    }
}
