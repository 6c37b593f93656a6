//! Files of issues.

use bytes::Bytes;
use serde_json::json;
use watchfloor_core::Timestamp;

use super::ask::Ask;
use super::errors;
use super::issue::{Issue, jira_time};
use crate::Answer;

impl Issue {
    pub(super) fn attach(&mut self, ask: &Ask<'_>, now: Timestamp, limit: usize) -> Answer {
        if ask.request.header("x-atlassian-token") != Some("no-check") {
            return Answer::new(403).body("text/plain", "XSRF check failed");
        }
        let kind = ask.request.header("content-type").unwrap_or_default();
        let Some(files) = parts(kind, &ask.request.body) else {
            return errors(415, "Unsupported Media Type", &[]);
        };
        if files.len() > 60 || files.iter().any(|(_, content)| content.len() > limit) {
            return errors(413, "The file is larger than the limit.", &[]);
        }
        let mut told = Vec::new();
        for (name, content) in files {
            let id = 10_200 + self.held.files.len();
            told.push(json!({
                "self": ask.link(&format!("attachment/{id}")), "id": id.to_string(),
                "filename": name, "author": { "accountId": "twin" }, "created": jira_time(now),
                "size": content.len(), "mimeType": "application/octet-stream",
                "content": ask.link(&format!("attachment/content/{id}")),
            }));
            self.held.files.push((name, content));
        }
        Answer::json(200, &told.into())
    }
}

/// The files of the parts that are called `file`.
fn parts(content_type: &str, body: &[u8]) -> Option<Vec<(String, Bytes)>> {
    let (_, boundary) = content_type.split_once("boundary=")?;
    let mark = format!("--{}", boundary.trim_matches('"'));
    let mut files = Vec::new();
    let mut rest = after(body, mark.as_bytes())?;
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, format!("\r\n{mark}").as_bytes())?;
        let (part, next) = (&part[..end], &part[end + 2 + mark.len()..]);
        let split = find(part, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&part[..split]).into_owned();
        let named = |key: &str| {
            let (_, value) = head.split_once(&format!("; {key}=\""))?;
            Some(value.split('"').next()?.to_owned())
        };
        if named("name").as_deref() == Some("file") {
            let name = named("filename")?.replace("%22", "\"");
            files.push((name, Bytes::copy_from_slice(&part[split + 4..])));
        }
        rest = next;
    }
    Some(files).filter(|f| !f.is_empty())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}

fn after<'t>(text: &'t [u8], what: &[u8]) -> Option<&'t [u8]> {
    find(text, what).map(|at| &text[at + what.len()..])
}
