//! The Attachment API.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Answer, Request};

use super::cells::utc;
use super::query::{Query, Row};
use super::{ServiceNow, error, no_record, schema};

/// Files listed, unless a request says otherwise.
const LIMIT: usize = 1000;

impl ServiceNow {
    /// What an Attachment API path asks for; the API has no version 2.
    pub(super) fn attachment(&self, request: &Request, rest: &[String]) -> Answer {
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        match (request.method.as_str(), &rest[..]) {
            ("POST", ["file"]) => self.upload(request),
            ("POST", ["upload"]) => self.upload_form(request),
            ("GET", []) => self.attachments(request),
            ("GET", [id]) => {
                let state = self.lock();
                let rows = state.rows("sys_attachment");
                let found = rows.iter().find(|r| r["sys_id"] == *id);
                found.map_or_else(no_record, |r| {
                    Answer::json(200, &json!({ "result": shown(r, request) }))
                })
            }
            ("GET", [id, "file"]) => {
                let state = self.lock();
                let rows = state.rows("sys_attachment");
                let found = rows.iter().find(|r| r["sys_id"] == *id);
                let content = state.files.get(*id).cloned();
                found.zip(content).map_or_else(no_record, |(row, content)| {
                    Answer::new(200).body(&row["content_type"], content)
                })
            }
            ("DELETE", [id]) => {
                let mut state = self.lock();
                if state.files.remove(*id).is_none() {
                    return no_record();
                }
                if let Some(rows) = state.tables.get_mut("sys_attachment") {
                    rows.retain(|r| r["sys_id"] != *id);
                }
                Answer::new(204)
            }
            _ => error(400, "Requested URI does not represent any resource", &request.path),
        }
    }

    fn upload(&self, request: &Request) -> Answer {
        let of = |key| request.param(key).filter(|v| !v.is_empty());
        let kind = request.header("content-type").unwrap_or_default().to_owned();
        let named = (of("table_name"), of("table_sys_id"), of("file_name"));
        let (Some(table), Some(id), Some(name)) = named else {
            return error(400, "Missing required parameter", "table_name, table_sys_id, file_name");
        };
        if kind.is_empty() {
            return error(400, "Content-Type is mandatory", "");
        }
        self.keep(request, &table, &id, &name, &kind, request.body.clone())
    }

    /// The parts of the form in their order: what the file belongs to, then the file.
    fn upload_form(&self, request: &Request) -> Answer {
        let Some(parts) = parts(request) else {
            return error(400, "Failed to create the attachment", "The form has no boundary");
        };
        let (mut table, mut id) = (String::new(), String::new());
        for (name, file, kind, content) in parts {
            let text = String::from_utf8_lossy(&content).into_owned();
            match (name.as_str(), file) {
                ("table_name", None) => table = text,
                ("table_sys_id", None) => id = text,
                (_, Some(file)) => return self.keep(request, &table, &id, &file, &kind, content),
                _ => {}
            }
        }
        error(400, "Failed to create the attachment", "No file was found in the request")
    }

    fn keep(
        &self,
        request: &Request,
        table: &str,
        id: &str,
        name: &str,
        kind: &str,
        content: Bytes,
    ) -> Answer {
        let mut state = self.lock();
        if schema::task(table).is_none() || state.visible(table, id).is_none() {
            return no_record();
        }
        if state.settings.forbidden || state.settings.denied_tables.contains("sys_attachment") {
            return super::denied();
        }
        let file = state.new_id();
        let hash = Sha256::digest(&content).iter().fold(String::new(), |mut hash, byte| {
            let _ = write!(hash, "{byte:02x}");
            hash
        });
        let row = [
            ("sys_id", file.clone()),
            ("file_name", name.to_owned()),
            ("table_name", table.to_owned()),
            ("table_sys_id", id.to_owned()),
            ("content_type", kind.to_owned()),
            ("size_bytes", content.len().to_string()),
            ("hash", hash),
            ("sys_created_on", utc(self.clock.now())),
        ];
        state.insert("sys_attachment", row);
        state.files.insert(file.clone(), content);
        let rows = state.rows("sys_attachment");
        let cells = rows.last().map(|row| shown(row, request));
        Answer::json(201, &json!({ "result": cells }))
            .header("location", format!("/api/now/attachment/{file}"))
    }

    fn attachments(&self, request: &Request) -> Answer {
        let state = self.lock();
        let text = request.param("sysparm_query").unwrap_or_default();
        let columns = schema::columns("sys_attachment");
        let query = Query::read(&text, &columns);
        let limit = request.param("sysparm_limit").and_then(|v| v.parse().ok()).unwrap_or(LIMIT);
        let offset = request.param("sysparm_offset").and_then(|v| v.parse().ok()).unwrap_or(0);
        let rows = state.rows("sys_attachment");
        let mut found: Vec<&Row> = rows.iter().filter(|row| query.matches(row)).collect();
        found.sort_by(|a, b| query.compare(a, b));
        let total = found.len();
        let page = found.into_iter().skip(offset).take(limit);
        let page = page.filter(|_| !state.settings.hidden_tables.contains("sys_attachment"));
        let page: Vec<_> = page.map(|row| shown(row, request)).collect();
        Answer::json(200, &json!({ "result": page })).header("x-total-count", total.to_string())
    }
}

fn shown(row: &Row, request: &Request) -> Value {
    let host = request.header("host").unwrap_or("twin.example");
    let mut cells = json!(row);
    cells["download_link"] =
        json!(format!("http://{host}/api/now/attachment/{}/file", row["sys_id"]));
    cells
}

type Part = (String, Option<String>, String, Bytes);

/// Name, file's name, type and content of each part of a form.
fn parts(request: &Request) -> Option<Vec<Part>> {
    let boundary = request.header("content-type")?.split("boundary=").nth(1)?.trim_matches('"');
    let mark = format!("--{boundary}");
    let mut rest = &request.body[..];
    let find = |hay: &[u8], needle: &[u8]| hay.windows(needle.len()).position(|w| w == needle);
    let mut parts = Vec::new();
    while let Some(at) = find(rest, mark.as_bytes()) {
        rest = rest.get(at + mark.len() + 2..)?;
        let Some(end) = find(rest, format!("\r\n{mark}").as_bytes()) else { break };
        let head = find(rest, b"\r\n\r\n")?;
        let header = String::from_utf8_lossy(&rest[..head]).into_owned();
        let of = |key: &str| {
            let value = header.split(&format!(" {key}=\"")).nth(1)?;
            value.split('"').next().map(str::to_owned)
        };
        let kind = header.to_lowercase().split("content-type:").nth(1).map(|t| t.trim().to_owned());
        let content = rest.get(head + 4..end)?.to_vec();
        parts.push((of("name")?, of("filename"), kind.unwrap_or_default(), content.into()));
        rest = &rest[end..];
    }
    Some(parts)
}
