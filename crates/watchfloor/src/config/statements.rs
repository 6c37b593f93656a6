//! Where a TOML text's statements begin: found by eye, line by line, for texts that no parser reads.

use std::ops::Range;

use super::document::join;

/// The lines of a text that begin a statement: a table's header, or a key with its `=`.
pub(super) struct Statements<'t> {
    text: &'t str,
    starts: Vec<Start<'t>>,
}

struct Start<'t> {
    at: usize,
    line: u32,
    what: What<'t>,
}

#[derive(Clone, Copy)]
enum What<'t> {
    Header(&'t str),
    Key {
        name: &'t str,
        /// Whether its value may go on over lines.
        open: bool,
    },
    /// A line that is neither.
    Other,
}

/// A statement and all its lines.
pub(super) struct Statement {
    /// The dotted name of its key, as far as it can be told.
    pub(super) key: String,
    pub(super) line: u32,
    pub(super) bytes: Range<usize>,
}

impl<'t> Statements<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut at = 0;
        let mut starts = Vec::new();
        for (i, line) in text.split_inclusive('\n').enumerate() {
            let what = What::of(line);
            if !line.trim().is_empty() {
                starts.push(Start { at, line: i as u32 + 1, what });
            }
            at += line.len();
        }
        Self { text, starts }
    }

    /// The statement that stands on the line of this offset, with the lines that continue it. A
    /// header that cannot be read takes its table's keys with it: nobody knows where they belong.
    pub(super) fn around(&self, at: usize) -> Statement {
        // The end of the text belongs to its last line.
        let i = self.starts.partition_point(|s| s.at <= at).saturating_sub(1);
        let Some(start) = self.starts.get(i) else {
            return Statement { key: String::new(), line: 1, bytes: 0..self.text.len() };
        };
        let ends = |s: &&Start<'_>| match start.what {
            What::Header(_) => matches!(s.what, What::Header(_)),
            What::Key { open: true, .. } => !matches!(s.what, What::Other),
            What::Key { .. } | What::Other => true,
        };
        let end = self.starts[i + 1..].iter().find(ends).map_or(self.text.len(), |s| s.at);
        let table = || {
            let mut headers = self.starts[..i].iter().rev();
            headers.find_map(|s| if let What::Header(name) = s.what { Some(name) } else { None })
        };
        let key = match start.what {
            What::Header(name) => name.to_owned(),
            What::Key { name, .. } => join(table().unwrap_or_default(), name),
            What::Other => table().unwrap_or_default().to_owned(),
        };
        Statement { key, line: start.line, bytes: start.at..end }
    }
}

impl<'t> What<'t> {
    fn of(line: &'t str) -> Self {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.trim_start_matches('[');
            let name = name.split([']', '#']).next().unwrap_or_default().trim();
            return if is_key(name) { Self::Header(name) } else { Self::Other };
        }
        match line.split_once('=') {
            Some((key, value)) if is_key(key.trim()) => {
                let open = ["[", "{", "\"\"\"", "'''"].iter().any(|mark| value.contains(mark));
                Self::Key { name: key.trim(), open }
            }
            _ => Self::Other,
        }
    }
}

/// Whether a text is a dotted bare key.
fn is_key(text: &str) -> bool {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.split('.').all(|part| !part.trim().is_empty() && part.trim().chars().all(bare))
}
