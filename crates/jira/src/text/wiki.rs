//! Rich text as Jira's wiki markup, and its plain text back.
//!
//! What is markup to Jira is written with a backslash before it where its documentation says that
//! this works, and as a character reference elsewhere: `\\` is a line break, not a backslash.

use std::fmt::Write as _;

use watchfloor_core::text::{Block, Inline, List, is_link};
use watchfloor_core::{Phrase, RichText};

use super::{clean, one_line};

mod read;

pub(super) use read::plain;

/// The document as markup.
pub(super) fn render(text: &RichText) -> String {
    let blocks = text.blocks().iter().map(block).filter(|b| !b.is_empty());
    blocks.collect::<Vec<_>>().join("\n\n")
}

fn block(block: &Block) -> String {
    match block {
        Block::Text(text) => words(text),
        Block::Quote(text) => match words(text) {
            text if text.is_empty() => text,
            text => format!("{{quote}}\n{text}\n{{quote}}"),
        },
        Block::Code(code) => match verbatim(code) {
            code if code.trim().is_empty() => String::new(),
            code => format!("{{noformat}}\n{code}\n{{noformat}}"),
        },
        Block::Heading { level, text } => match line(text) {
            text if text.is_empty() => text,
            text => format!("h{}. {text}", (*level).clamp(1, 6)),
        },
        Block::List(all) => {
            let mut out = String::new();
            list(all, "", &mut out);
            out.trim_end_matches('\n').to_owned()
        }
        Block::Table { header, rows } => table(header, rows),
        _ => String::new(),
    }
}

fn list(all: &List, above: &str, out: &mut String) {
    let sign = if all.numbered { '#' } else { '*' };
    let deeper = above.len() < List::DEEPEST;
    let signs = if deeper { format!("{above}{sign}") } else { above.to_owned() };
    for item in &all.items {
        let text = line(&item.text);
        if !text.is_empty() {
            let _ = writeln!(out, "{signs} {text}");
        }
        if let Some(below) = &item.below {
            list(below, &signs, out);
        }
    }
}

fn table(header: &[Phrase], rows: &[Vec<Phrase>]) -> String {
    let row = |wall: &str, cells: &[Phrase]| {
        let cell = |text: &Phrase| match line(text) {
            // Two walls side by side would begin a header.
            text if text.is_empty() => " ".to_owned(),
            text => text,
        };
        let cells: Vec<_> = cells.iter().map(cell).collect();
        format!("{wall}{}{wall}", cells.join(wall))
    };
    let head = (!header.is_empty()).then(|| row("||", header));
    let rows = rows.iter().filter(|r| !r.is_empty()).map(|r| row("|", r));
    head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// Running text with its lines.
fn words(text: &Phrase) -> String {
    let mut out = String::new();
    for piece in text.pieces() {
        match piece {
            Inline::Text(text) => escape(text, &mut out),
            other => set_apart(other, &mut out),
        }
    }
    let lines = out.trim_matches('\n');
    if lines.trim().is_empty() { String::new() } else { lines.to_owned() }
}

/// The same as one line.
fn line(text: &Phrase) -> String {
    let mut joined = Phrase::new();
    for piece in text.pieces() {
        joined = joined.with(match piece {
            Inline::Text(text) => Inline::Text(clean(text).replace('\n', " ")),
            other => other.clone(),
        });
    }
    words(&joined).trim().to_owned()
}

/// A piece that is more than words: on one line, since markup of this kind ends with it.
fn set_apart(piece: &Inline, out: &mut String) {
    let around = |before: &str, words: &str, after: &str, out: &mut String| {
        let whole = clean(words);
        let words = one_line(&whole);
        // Marks stand close to their words; what was around them stays outside.
        out.push_str(if whole.starts_with(char::is_whitespace) { " " } else { "" });
        if !words.is_empty() {
            out.push_str(before);
            escape(&words, out);
            out.push_str(after);
        }
        out.push_str(if whole.ends_with(char::is_whitespace) { " " } else { "" });
    };
    match piece {
        Inline::Code(code) => around("{{", code, "}}", out),
        // Without the braces a star counts only between words.
        Inline::Strong(text) => around("{*}", text, "{*}", out),
        Inline::Link { text, url } if is_link(url) => {
            let url = url.replace('!', "%21");
            match one_line(&clean(text)) {
                text if text.is_empty() => drop(write!(out, "[{url}]")),
                text => around("[", &text, &format!("|{url}]"), out),
            }
        }
        Inline::Link { text, .. } | Inline::Text(text) => escape(text, out),
        _ => {}
    }
}

/// Letters that a parenthesis or a colon makes a picture of.
const PICTURES: [&str; 22] = [
    "(y)", "(n)", "(i)", "(/)", "(x)", "(!)", "(+)", "(-)", "(?)", "(on)", "(off)", "(*", "(flag",
    "(c)", "(r)", "(tm)", ":)", ":(", ":P", ":p", ":D", ";)",
];

fn escape(text: &str, out: &mut String) {
    let text = clean(text);
    let mut begins = out.rfind('\n').map_or(0, |at| at + 1);
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        let line = &out[begins..];
        let by_number = match c {
            '\\' | '?' | '@' => true,
            '#' => line.trim_start().is_empty(),
            // `h1. ` and `bq. `
            '.' => {
                line.len() < 100
                    && matches!(line.trim_start(), "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "bq")
            }
            // A reference of ours, or one that the text holds.
            '&' => rest[1..].starts_with(|c: char| c == '#' || c.is_ascii_alphanumeric()),
            ':' if rest.starts_with(":/") || rest.starts_with(":\\") => true,
            ':' => ends_in_mailto(line) || picture(rest),
            '(' | ';' => picture(rest),
            _ => false,
        };
        if by_number {
            let _ = write!(out, "&#{};", c as u32);
        } else {
            if matches!(c, '{' | '}' | '[' | ']' | '*' | '_' | '-' | '+' | '^' | '~' | '!' | '|') {
                out.push('\\');
            }
            out.push(c);
        }
        if c == '\n' {
            begins = out.len();
        }
    }
}

fn ends_in_mailto(line: &str) -> bool {
    let at = line.len().checked_sub("mailto".len());
    at.and_then(|at| line.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case("mailto"))
}

fn picture(rest: &str) -> bool {
    PICTURES.iter().any(|p| rest.starts_with(p))
}

/// Code as it stands, but for what would end it, and what calls a person wherever it stands: an
/// invisible space goes in there.
fn verbatim(code: &str) -> String {
    let code = clean(code);
    let code = code.trim_matches('\n');
    let mut out = String::with_capacity(code.len());
    for (at, c) in code.char_indices() {
        out.push(c);
        let next = &code[at + c.len_utf8()..];
        let ends = next.get(..8).is_some_and(|n| n.eq_ignore_ascii_case("noformat"));
        if (c == '{' && ends) || (c == '[' && next.starts_with('~')) {
            out.push('\u{200b}');
        }
    }
    out
}
