//! Texts: Atlassian documents, or markup.

use serde_json::Value;

use super::ask::Ask;
use super::markup;

const NO_DOCUMENT: &str =
    "Operation value must be an Atlassian Document (see the Atlassian Document Format)";

const TOO_LONG: &str =
    "The entered text is too long. It exceeds the allowed limit of 32,767 characters.";

/// What is wrong with a text, and whether it is said of the whole request.
pub(super) fn refuse(ask: &Ask<'_>, text: &Value, limit: usize) -> Option<(bool, &'static str)> {
    if text.is_null() {
        return None;
    }
    let length = match text {
        Value::String(markup) if !ask.documents => markup.chars().count(),
        _ if !ask.documents => return Some((false, "Operation value must be a string")),
        doc if doc["type"] != "doc" => return Some((false, NO_DOCUMENT)),
        doc => match bad_document(doc) {
            Some(why) => return Some((true, why)),
            None => plain(doc).chars().count(),
        },
    };
    (length > limit).then_some((false, TOO_LONG))
}

/// A text as its readers see it.
pub(super) fn shown(text: &Value) -> String {
    match text {
        Value::String(text) => markup::shown(text),
        doc => plain(doc),
    }
}

/// What Jira refuses in a document: an empty text node, or one with a newline outside of code.
fn bad_document(node: &Value) -> Option<&'static str> {
    let kind = node["type"].as_str().unwrap_or_default();
    let children = node["content"].as_array().into_iter().flatten();
    for child in children {
        if child["type"] == "text" {
            let text = child["text"].as_str().unwrap_or_default();
            if text.is_empty() || (text.contains('\n') && kind != "codeBlock") {
                return Some("INVALID_INPUT");
            }
        }
        if let Some(why) = bad_document(child) {
            return Some(why);
        }
    }
    None
}

/// The text of a document, a line for each paragraph.
fn plain(node: &Value) -> String {
    let mut text = node["text"].as_str().unwrap_or_default().to_owned();
    if node["type"] == "hardBreak" {
        text.push('\n');
    }
    for child in node["content"].as_array().into_iter().flatten() {
        let block = matches!(
            child["type"].as_str(),
            Some(
                "paragraph"
                    | "codeBlock"
                    | "heading"
                    | "bulletList"
                    | "orderedList"
                    | "listItem"
                    | "table"
                    | "tableRow"
                    | "blockquote"
            )
        );
        if block && !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&plain(child));
    }
    text
}
