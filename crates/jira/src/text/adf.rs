//! Rich text as Atlassian Document Format, and its plain text back.

use std::fmt::Write as _;

use serde_json::{Value, json};
use watchfloor_core::text::{Block, Inline, List, is_link};
use watchfloor_core::{Phrase, RichText};

use super::{clean, one_line};

/// A document. Text nodes are never empty and hold no newline outside of code.
pub(super) fn render(text: &RichText) -> Value {
    let content: Vec<_> = text.blocks().iter().filter_map(block).collect();
    json!({ "type": "doc", "version": 1, "content": content })
}

fn block(block: &Block) -> Option<Value> {
    match block {
        Block::Text(text) => node("paragraph", inline(text, Lines::Kept)),
        Block::Quote(text) => node("blockquote", vec![paragraph(text, Lines::Kept)?]),
        Block::Code(code) => {
            let code = clean(code);
            let content = vec![json!({ "type": "text", "text": code })];
            (!code.trim().is_empty()).then(|| json!({ "type": "codeBlock", "content": content }))
        }
        Block::Heading { level, text } => {
            let content = inline(text, Lines::Joined);
            let attrs = json!({ "level": (*level).clamp(1, 6) });
            (!content.is_empty())
                .then(|| json!({ "type": "heading", "attrs": attrs, "content": content }))
        }
        Block::List(all) => list(all, 1),
        Block::Table { header, rows } => table(header, rows),
        _ => None,
    }
}

fn node(kind: &str, content: Vec<Value>) -> Option<Value> {
    let mut node = json!({ "type": kind });
    let says = !content.is_empty();
    node["content"] = content.into();
    says.then_some(node)
}

fn paragraph(text: &Phrase, lines: Lines) -> Option<Value> {
    node("paragraph", inline(text, lines))
}

fn list(all: &List, depth: usize) -> Option<Value> {
    let mut items = Vec::new();
    for item in &all.items {
        let below = item.below.as_ref().and_then(|below| list(below, depth + 1));
        let text = paragraph(&item.text, Lines::Kept);
        match (text, below) {
            (text, Some(below)) if depth < List::DEEPEST => {
                // An item begins with a paragraph, also one that says nothing.
                let text = text.unwrap_or_else(|| json!({ "type": "paragraph", "content": [] }));
                items.push(json!({ "type": "listItem", "content": [text, below] }));
            }
            // Too deep for anybody: at this level, then.
            (text, below) => {
                items.extend(text.map(|text| json!({ "type": "listItem", "content": [text] })));
                let lower = below.as_ref().and_then(|b| b["content"].as_array());
                items.extend(lower.into_iter().flatten().cloned());
            }
        }
    }
    node(if all.numbered { "orderedList" } else { "bulletList" }, items)
}

fn table(header: &[Phrase], rows: &[Vec<Phrase>]) -> Option<Value> {
    // Every row has as many cells as the widest; the editor shows others as broken.
    let width = rows.iter().map(Vec::len).chain([header.len()]).max().unwrap_or(0);
    let row = |kind: &str, cells: &[Phrase]| {
        let cell = |at: usize| {
            let text = cells.get(at).and_then(|text| paragraph(text, Lines::Joined));
            let text = text.unwrap_or_else(|| json!({ "type": "paragraph", "content": [] }));
            json!({ "type": kind, "content": [text] })
        };
        json!({ "type": "tableRow", "content": (0..width).map(cell).collect::<Vec<_>>() })
    };
    let head = (!header.is_empty()).then(|| row("tableHeader", header));
    let all: Vec<_> = head.into_iter().chain(rows.iter().map(|r| row("tableCell", r))).collect();
    if width == 0 { None } else { node("table", all) }
}

/// What becomes of line breaks.
#[derive(Clone, Copy)]
enum Lines {
    Kept,
    Joined,
}

fn inline(text: &Phrase, lines: Lines) -> Vec<Value> {
    let mut nodes = Vec::new();
    for piece in text.pieces() {
        let (words, mark) = match piece {
            Inline::Code(words) => (words, Some(json!({ "type": "code" }))),
            Inline::Strong(words) => (words, Some(json!({ "type": "strong" }))),
            Inline::Link { text, url } if is_link(url) => {
                let mark = json!({ "type": "link", "attrs": { "href": url } });
                (if clean(text).trim().is_empty() { url } else { text }, Some(mark))
            }
            Inline::Text(words) | Inline::Link { text: words, .. } => (words, None),
            _ => continue,
        };
        let words = clean(words);
        let words = match (lines, &mark) {
            (Lines::Kept, None) => words,
            _ => words.replace('\n', " "),
        };
        for (i, line) in words.split('\n').enumerate() {
            if i > 0 {
                nodes.push(json!({ "type": "hardBreak" }));
            }
            if line.is_empty() {
                continue;
            }
            let mut node = json!({ "type": "text", "text": line });
            if let Some(mark) = &mark {
                node["marks"] = json!([mark]);
            }
            nodes.push(node);
        }
    }
    while nodes.last().is_some_and(|last| last["type"] == "hardBreak") {
        nodes.pop();
    }
    let says = |n: &Value| n["text"].as_str().is_some_and(|t| !t.trim().is_empty());
    if nodes.iter().any(says) { nodes } else { Vec::new() }
}

/// The plain text of a document, or the text itself where it is no document. Bounded in depth.
pub(super) fn plain(doc: &Value) -> String {
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
    let text = |at: &Value| at.as_str().unwrap_or_default().to_owned();
    match node["type"].as_str() {
        Some("text") => {
            let words = text(&node["text"]);
            out.push_str(&words);
            let marks = node["marks"].as_array().into_iter().flatten();
            for href in marks.filter_map(|m| m["attrs"]["href"].as_str()) {
                if one_line(&words) != href {
                    let _ = write!(out, " ({href})");
                }
            }
        }
        Some("hardBreak") => out.push('\n'),
        Some("mention" | "emoji" | "status") => out.push_str(&text(&node["attrs"]["text"])),
        Some("inlineCard" | "blockCard") => out.push_str(&text(&node["attrs"]["url"])),
        kind => {
            let block = matches!(
                kind,
                Some("paragraph" | "codeBlock" | "heading" | "tableRow" | "listItem" | "rule")
            );
            if block && !out.is_empty() && !out.ends_with(['\n', ' ']) {
                out.push('\n');
            }
            let cell = matches!(kind, Some("tableCell" | "tableHeader"));
            if cell && !out.is_empty() && !out.ends_with('\n') {
                out.push_str(" | ");
            }
            let first = node["attrs"]["order"].as_u64().unwrap_or(1);
            for (i, child) in node["content"].as_array().into_iter().flatten().enumerate() {
                if kind == Some("orderedList") {
                    let _ = write!(out, "\n{}. ", first.saturating_add(i as u64));
                } else if kind == Some("bulletList") {
                    out.push_str("\n- ");
                }
                walk(child, depth + 1, out);
            }
        }
    }
}
