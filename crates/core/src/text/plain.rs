//! The plain form of a document.

use std::fmt::{self, Write as _};

use super::{Block, Inline, List, Phrase, RichText, is_link};

impl fmt::Display for RichText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, block) in self.blocks().iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            match block {
                Block::Text(text) | Block::Heading { text, .. } => write!(f, "{text}")?,
                Block::Code(code) => f.write_str(code)?,
                Block::List(all) => {
                    let mut lines = String::new();
                    list(all, 0, &mut lines)?;
                    f.write_str(lines.trim_end_matches('\n'))?;
                }
                Block::Table { header, rows } => {
                    let lines = std::iter::once(header).chain(rows).filter(|row| !row.is_empty());
                    for (i, row) in lines.enumerate() {
                        f.write_str(if i > 0 { "\n" } else { "" })?;
                        let cells: Vec<_> = row.iter().map(one_line).collect();
                        f.write_str(&cells.join(" | "))?;
                    }
                }
                Block::Quote(text) => {
                    for (i, line) in text.to_string().lines().enumerate() {
                        write!(f, "{}> {line}", if i > 0 { "\n" } else { "" })?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.pieces() {
            match piece {
                Inline::Text(text) | Inline::Code(text) | Inline::Strong(text) => {
                    f.write_str(text)?;
                }
                Inline::Link { text, url } if !is_link(url) => f.write_str(text)?,
                Inline::Link { text, url } if text.is_empty() || text == url => f.write_str(url)?,
                Inline::Link { text, url } => write!(f, "{text} ({url})")?,
            }
        }
        Ok(())
    }
}

fn list(all: &List, depth: usize, out: &mut String) -> fmt::Result {
    let indent = "   ".repeat(depth.min(List::DEEPEST));
    for (i, item) in all.items.iter().enumerate() {
        let sign = if all.numbered { format!("{}. ", i + 1) } else { "- ".to_owned() };
        let text = item.text.to_string();
        let hanging = format!("\n{indent}{}", " ".repeat(sign.len()));
        writeln!(out, "{indent}{sign}{}", text.replace('\n', &hanging))?;
        if let Some(below) = &item.below {
            list(below, depth + 1, out)?;
        }
    }
    Ok(())
}

/// A cell has one line.
fn one_line(text: &Phrase) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::Item;
    use super::*;

    #[test]
    fn every_block_has_a_plain_form() {
        let below = List::numbered(["first", "second\nline"]);
        let text = RichText::new()
            .heading(1, "Heading")
            .text(Phrase::from("a ").strong("b").text(" ").code("c"))
            .text(Phrase::new().link("", "https://x.example").text(" ").link("no", "javascript:x"))
            .list([Item::from("one\nline").with(below), "two".into()])
            .table(["h", "i"], [vec!["a\nb", "c"], vec!["d"]])
            .quote("said\nso")
            .code("x  y\n");
        let plain = "Heading\n\na b c\n\nhttps://x.example no\n\n\
                     - one\n  line\n   1. first\n   2. second\n      line\n- two\n\n\
                     h | i\na b | c\nd\n\n> said\n> so\n\nx  y\n";
        assert_eq!(text.to_string(), plain);
    }
}
