//! Rich text as Atlassian Document Format, and its plain text back.

use serde_json::{Value, json};
use watchfloor_core::{Count, Paragraph, RichText, cut};

/// The usual limit of a text field, in UTF-16 units; an administrator may change it. A part is left
/// free, since Jira counts after conversion.
const TEXT_FIELD: usize = 32_767 * 95 / 100;

/// A document. Text nodes are never empty and hold no newline; control characters are dropped.
pub(crate) fn from_text(text: &RichText) -> Value {
    let mut room = TEXT_FIELD;
    let mut content = Vec::new();
    for paragraph in text.paragraphs() {
        let (Paragraph::Text(words) | Paragraph::Code(words)) = paragraph else { continue };
        let words = cut(words, room, Count::Utf16);
        if clean(&words).trim().is_empty() {
            continue;
        }
        // Paragraphs are told apart by a character of their own.
        room = room.saturating_sub(words.encode_utf16().count() + 1);
        content.push(match paragraph {
            Paragraph::Code(_) => json!({
                "type": "codeBlock",
                "content": [{ "type": "text", "text": clean(&words) }],
            }),
            _ => json!({ "type": "paragraph", "content": lines(&words) }),
        });
    }
    json!({ "type": "doc", "version": 1, "content": content })
}

/// The text with a last line of its own, which stands whatever had to be cut before it.
pub(crate) fn with_last_line(text: &RichText, line: &str) -> Value {
    let mut doc = from_text(text);
    if let Some(content) = doc["content"].as_array_mut() {
        content.push(json!({ "type": "paragraph", "content": lines(line) }));
    }
    doc
}

fn lines(text: &str) -> Vec<Value> {
    let mut nodes = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if i > 0 {
            nodes.push(json!({ "type": "hardBreak" }));
        }
        let line = clean(line);
        if !line.is_empty() {
            nodes.push(json!({ "type": "text", "text": line }));
        }
    }
    nodes
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect()
}

/// The plain text of a document, or the text itself where it is no document. Bounded in depth.
pub(crate) fn to_plain(doc: &Value) -> String {
    let mut out = String::new();
    match doc {
        Value::String(text) => out.push_str(text),
        node => walk(node, 0, &mut out),
    }
    out
}

fn walk(node: &Value, depth: usize, out: &mut String) {
    /// Deeper than any document that a person writes.
    const DEEPEST: usize = 64;
    if depth > DEEPEST {
        return;
    }
    match node.get("type").and_then(Value::as_str) {
        Some("text") => out.push_str(node.get("text").and_then(Value::as_str).unwrap_or_default()),
        Some("hardBreak") => out.push('\n'),
        kind => {
            let block = matches!(kind, Some("paragraph" | "codeBlock" | "heading"));
            if block && !out.is_empty() {
                out.push('\n');
            }
            let children = node.get("content").and_then(Value::as_array);
            for child in children.into_iter().flatten() {
                walk(child, depth + 1, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_breaks_and_code() {
        let text = RichText::new().text("one\ntwo\u{0}").text("").code("a\nb");
        insta::assert_json_snapshot!(from_text(&text), @r#"
        {
          "content": [
            {
              "content": [
                {
                  "text": "one",
                  "type": "text"
                },
                {
                  "type": "hardBreak"
                },
                {
                  "text": "two",
                  "type": "text"
                }
              ],
              "type": "paragraph"
            },
            {
              "content": [
                {
                  "text": "a\nb",
                  "type": "text"
                }
              ],
              "type": "codeBlock"
            }
          ],
          "type": "doc",
          "version": 1
        }
        "#);
        assert_eq!(to_plain(&from_text(&text)), "one\ntwo\na\nb");
    }

    #[test]
    fn t16_text_is_cut_as_jira_counts() {
        let doc = from_text(&RichText::new().text("😀".repeat(40_000)).text("more"));
        let text = to_plain(&doc);
        assert!(text.encode_utf16().count() <= TEXT_FIELD);
        assert!(text.ends_with('…'));
    }

    #[test]
    fn the_last_line_stands_whatever_was_cut() {
        let long = RichText::new().text("x".repeat(100_000));
        assert!(to_plain(&with_last_line(&long, "[wf:1]")).ends_with("…\n[wf:1]"));
    }

    #[test]
    fn deep_documents_end() {
        let mut doc = json!({ "type": "text", "text": "x" });
        for _ in 0..100 {
            doc = json!({ "type": "blockquote", "content": [doc] });
        }
        assert_eq!(to_plain(&doc), "");
    }
}
