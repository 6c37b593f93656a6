//! The one document in Jira's two languages: ADF for Cloud, wiki markup for Data Center.

pub(crate) mod adf;
pub(crate) mod wiki;

use std::borrow::Cow;

use serde_json::Value;
use watchfloor_core::{Count, RichText, cut};

use crate::dialect::Flavor;

/// How long a text may be, as the administrator set it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(usize);

impl Limit {
    /// The limit of a text field, in UTF-16 units. A part is left free: nobody tells how exactly
    /// Jira counts after its own conversion.
    pub(crate) const fn new(units: usize) -> Self {
        Self(units * 95 / 100)
    }

    /// Whether the text and a last line fit. What is counted is the markup, for Cloud too: it is
    /// what Jira converts a document to, and never shorter than the text.
    pub(crate) fn fits(self, text: &RichText, last: &str) -> bool {
        let units = |s: &str| s.encode_utf16().count();
        units(&wiki::render(text)) + units(last) + 8 <= self.0
    }

    /// The text as Jira takes it beside a last line.
    pub(crate) fn shorten<'t>(self, text: &'t RichText, last: &str) -> Cow<'t, RichText> {
        text.shorten(|t| self.fits(t, last))
    }
}

/// A text as a site of this flavour takes it, with a last line that stands whatever was cut before
/// it.
pub(crate) fn render(flavor: Flavor, text: &RichText, last: Option<&str>, limit: Limit) -> Value {
    let kept = limit.shorten(text, last.unwrap_or_default());
    let whole = match last {
        Some(last) => Cow::Owned(kept.into_owned().text(last)),
        None => kept,
    };
    match flavor {
        Flavor::Cloud => adf::render(&whole),
        Flavor::DataCenter => wiki::render(&whole).into(),
    }
}

/// The plain text of what a site of this flavour holds.
pub(crate) fn plain(flavor: Flavor, held: &Value) -> String {
    match (flavor, held) {
        (Flavor::DataCenter, Value::String(text)) => wiki::plain(text),
        _ => adf::plain(held),
    }
}

/// One line, at most 255 characters.
pub(crate) fn summary(text: &str) -> String {
    cut(&one_line(&clean(text)), SUMMARY, Count::Utf16).into_owned()
}

/// Whether a summary is whole.
pub(crate) fn summary_fits(text: &str) -> bool {
    one_line(&clean(text)).encode_utf16().count() <= SUMMARY
}

/// In UTF-16 units, which are never fewer than characters.
const SUMMARY: usize = 255;

/// Without characters that Jira refuses or that are no text; every line ends with `\n`.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept = text.chars().filter_map(|c| match c {
        '\u{2028}' | '\u{2029}' | '\r' => Some('\n'),
        '\n' | '\t' => Some(c),
        // No characters of XML 1.0, in which Jira keeps and backs up what it holds.
        '\u{fffe}' | '\u{ffff}' => None,
        _ => (!c.is_control()).then_some(c),
    });
    kept.collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
