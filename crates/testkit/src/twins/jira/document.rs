//! Atlassian documents.

use serde_json::Value;

/// What Jira refuses in a document: an empty text node, or one with a newline outside of code.
pub(super) fn bad_document(node: &Value) -> Option<&'static str> {
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
pub(super) fn plain(node: &Value) -> String {
    let mut text = node["text"].as_str().unwrap_or_default().to_owned();
    if node["type"] == "hardBreak" {
        text.push('\n');
    }
    for child in node["content"].as_array().into_iter().flatten() {
        let block = matches!(child["type"].as_str(), Some("paragraph" | "codeBlock" | "heading"));
        if block && !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&plain(child));
    }
    text
}
