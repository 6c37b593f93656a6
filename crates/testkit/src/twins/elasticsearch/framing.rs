//! The body of `_bulk`: a line with the action, then one with the document.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Answer;

use super::refused;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    #[serde(rename = "_index")]
    index: Option<String>,
    #[serde(rename = "_id")]
    id: Option<String>,
    require_alias: bool,
}

/// An action and its document.
pub(super) struct Operation<'b> {
    pub(super) kind: String,
    pub(super) index: String,
    pub(super) id: Option<String>,
    pub(super) require_alias: bool,
    pub(super) source: &'b [u8],
}

/// Splits the body into operations; any of the framing errors fails the whole request.
pub(super) fn read<'b>(
    body: &'b [u8],
    default: Option<&str>,
) -> Result<Vec<Operation<'b>>, Box<Answer>> {
    if body.is_empty() {
        return Err(refused("parse_exception", "request body is required"));
    }
    if !body.ends_with(b"\n") {
        return Err(refused(
            "illegal_argument_exception",
            "The bulk request must be terminated by a newline [\\n]",
        ));
    }
    let mut lines =
        body[..body.len() - 1].split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let mut operations = Vec::new();
    let mut number = 0;
    while let Some(line) = lines.next() {
        number += 1;
        if line.is_empty() {
            if number == 1 {
                continue;
            }
            return Err(refused(
                "illegal_argument_exception",
                &format!(
                    "Malformed action/metadata line [{number}], expected START_OBJECT but found [null]"
                ),
            ));
        }
        let action: Map<String, Value> = serde_json::from_slice(line).map_err(|e| {
            if e.is_eof() && line.len() > 1 {
                return refused("x_content_e_o_f_exception", "[1:38] Unexpected end of file");
            }
            let why = format!("Malformed action/metadata line [{number}]");
            refused("illegal_argument_exception", &why)
        })?;
        let mut action = action.into_iter();
        let (Some((kind, metadata)), None) = (action.next(), action.next()) else {
            return Err(refused(
                "illegal_argument_exception",
                &format!(
                    "Malformed action/metadata line [{number}], expected FIELD_NAME but found [END_OBJECT]"
                ),
            ));
        };
        if !matches!(kind.as_str(), "create" | "index" | "update" | "delete") {
            return Err(refused(
                "illegal_argument_exception",
                &format!(
                    "Malformed action/metadata line [{number}], expected field [create], [delete], [index] or [update] but found [{kind}]"
                ),
            ));
        }
        let unknown = metadata.as_object().and_then(|m| {
            m.keys()
                .find(|k| {
                    !matches!(
                        k.as_str(),
                        "_index"
                            | "_id"
                            | "dynamic_templates"
                            | "pipeline"
                            | "require_alias"
                            | "require_data_stream"
                            | "retry_on_conflict"
                            | "routing"
                    )
                })
                .cloned()
        });
        if let Some(unknown) = unknown {
            return Err(refused(
                "illegal_argument_exception",
                &format!(
                    "Action/metadata line [{number}] contains an unknown parameter [{unknown}]"
                ),
            ));
        }
        let metadata: Metadata = serde_json::from_value(metadata).unwrap_or_default();
        let Some(index) = metadata.index.or_else(|| default.map(str::to_owned)) else {
            return Err(refused(
                "action_request_validation_exception",
                "Validation Failed: 1: index is missing;",
            ));
        };
        if metadata.id.as_ref().is_some_and(|id| id.len() > 512) {
            return Err(refused(
                "action_request_validation_exception",
                "Validation Failed: 1: id is too long, must be no longer than 512 bytes",
            ));
        }
        let source = if kind == "delete" {
            &[][..]
        } else {
            // An action without its source line is dropped silently.
            let Some(source) = lines.next() else { break };
            number += 1;
            source
        };
        let (id, require_alias) = (metadata.id, metadata.require_alias);
        operations.push(Operation { kind, index, id, require_alias, source });
    }
    if operations.is_empty() {
        let why = "Validation Failed: 1: no requests added;";
        return Err(refused("action_request_validation_exception", why));
    }
    Ok(operations)
}
