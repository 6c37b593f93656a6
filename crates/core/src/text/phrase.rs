//! Running text.

use serde::{Deserialize, Serialize};

/// Running text: words, some of them set apart or a link. Lines end with `\n`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Phrase(Vec<Inline>);

/// A piece of a [`Phrase`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Inline {
    /// Words.
    Text(String),
    /// Words in a fixed-width face.
    Code(String),
    /// Words that stand out.
    Strong(String),
    /// A link; only its words where the URL is none that may be followed: [`is_link`].
    Link {
        /// Its words; the URL itself where they are empty.
        text: String,
        /// Where it leads.
        url: String,
    },
}

/// What is words alone is stored as a text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Words(String),
    Parts(Vec<Inline>),
}

impl Phrase {
    /// A phrase without words.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds words.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with(Inline::Text(text.into()))
    }

    /// Adds words in a fixed-width face.
    pub fn code(self, code: impl Into<String>) -> Self {
        self.with(Inline::Code(code.into()))
    }

    /// Adds words that stand out.
    pub fn strong(self, text: impl Into<String>) -> Self {
        self.with(Inline::Strong(text.into()))
    }

    /// Adds a link.
    pub fn link(self, text: impl Into<String>, url: impl Into<String>) -> Self {
        self.with(Inline::Link { text: text.into(), url: url.into() })
    }

    /// Adds a piece.
    pub fn with(mut self, piece: Inline) -> Self {
        self.0.push(piece);
        self
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> &[Inline] {
        &self.0
    }
}

impl From<Stored> for Phrase {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Words(text) => text.into(),
            Stored::Parts(parts) => Self(parts),
        }
    }
}

impl From<Phrase> for Stored {
    fn from(phrase: Phrase) -> Self {
        match <[Inline; 1]>::try_from(phrase.0) {
            Ok([Inline::Text(text)]) => Self::Words(text),
            Ok([other]) => Self::Parts(vec![other]),
            Err(parts) => Self::Parts(parts),
        }
    }
}

impl From<String> for Phrase {
    fn from(text: String) -> Self {
        Self(vec![Inline::Text(text)])
    }
}

impl From<&str> for Phrase {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Inline> for Phrase {
    fn from(piece: Inline) -> Self {
        Self(vec![piece])
    }
}

/// Whether a document may lead there: `http`, `https` or `mailto`, in characters that a URL is
/// written with. Everything else (`javascript:`, `file:`, a URL with a line break in it) is words.
pub fn is_link(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let known = match &scheme {
        Some((scheme, rest)) if scheme == "http" || scheme == "https" => {
            rest.strip_prefix("//").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        }
        Some((scheme, rest)) => scheme == "mailto" && rest.contains('@'),
        None => false,
    };
    // RFC 3986's characters and what IRIs add; never a space, a quote, a bracket of markup.
    let written =
        |c: char| c.is_alphanumeric() || (c.is_ascii_graphic() && !"\"<>\\^`{|}[]".contains(c));
    known && url.len() <= 2000 && url.chars().all(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_of_the_web_and_of_mail_are_followed() {
        for good in [
            "https://x.example/a?b=c#d",
            "HTTP://x",
            "mailto:a@b.example",
            "https://例え.example/道",
        ] {
            assert!(is_link(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            " https://x",
            "https:///x",
            "https://",
            "//x.example",
            "file:///etc/passwd",
            "https://x\ny",
            "https://x|y]",
            "data:text/html,x",
            "mailto:x",
            "x",
            "",
        ] {
            assert!(!is_link(bad), "{bad}");
        }
    }
}
