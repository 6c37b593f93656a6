//! The body of `_bulk`: a line with the action, then one with the document.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::Answer;

use super::Flavor;
use super::flavor::failure;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    #[serde(rename = "_index")]
    index: Option<String>,
    #[serde(rename = "_id")]
    id: Option<String>,
    require_alias: bool,
    require_data_stream: bool,
}

const KEYS: &[&str] = &[
    "_index",
    "_id",
    "dynamic_templates",
    "if_primary_term",
    "if_seq_no",
    "pipeline",
    "require_alias",
    "require_data_stream",
    "retry_on_conflict",
    "routing",
    "version",
    "version_type",
];

/// An action and its document.
pub(super) struct Operation<'b> {
    pub(super) kind: String,
    pub(super) index: String,
    pub(super) id: Option<String>,
    pub(super) require_alias: bool,
    pub(super) require_data_stream: bool,
    pub(super) source: &'b [u8],
}

/// Splits the body into operations; any of the framing errors fails the whole request.
pub(super) fn read<'b>(
    flavor: Flavor,
    body: &'b [u8],
    default: Option<&str>,
) -> Result<Vec<Operation<'b>>, Box<Answer>> {
    let refused = |kind: &str, reason: &str| Box::new(flavor.refused(400, kind, reason));
    let illegal = |reason: &str| refused("illegal_argument_exception", reason);
    let invalid = |what: &str| {
        let reason = format!("Validation Failed: 1: {what}");
        refused("action_request_validation_exception", &reason)
    };
    if body.is_empty() {
        return Err(refused("parse_exception", "request body is required"));
    }
    // What stands behind the last newline is looked at last.
    let (whole, rest) =
        body.split_at(body.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
    let lines = whole.split_inclusive(|b| *b == b'\n');
    let mut lines = lines
        .map(|l| l.strip_suffix(b"\n").unwrap_or(l))
        .map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let mut operations = Vec::new();
    let mut number = 0;
    while let Some(line) = lines.next() {
        number += 1;
        if line.is_empty() {
            if number == 1 {
                continue;
            }
            return Err(illegal(&format!(
                "Malformed action/metadata line [{number}], expected START_OBJECT but found [null]"
            )));
        }
        let action = action(flavor, line, number)?;
        let mut action = action.into_iter();
        let (Some((kind, metadata)), None) = (action.next(), action.next()) else {
            return Err(illegal(&format!(
                "Malformed action/metadata line [{number}], expected FIELD_NAME but found [END_OBJECT]"
            )));
        };
        if !matches!(kind.as_str(), "create" | "index" | "update" | "delete") {
            return Err(illegal(&format!(
                "Malformed action/metadata line [{number}], expected field [create], [delete], \
                 [index] or [update] but found [{kind}]"
            )));
        }
        let keys = metadata.as_object().into_iter().flat_map(Map::keys);
        if let Some(unknown) = keys.into_iter().find(|k| !KEYS.contains(&k.as_str())) {
            return Err(illegal(&format!(
                "Action/metadata line [{number}] contains an unknown parameter [{unknown}]"
            )));
        }
        let metadata: Metadata = serde_json::from_value(metadata).unwrap_or_default();
        let Some(index) = metadata.index.or_else(|| default.map(str::to_owned)) else {
            return Err(invalid("index is missing;"));
        };
        if let Some(id) = metadata.id.as_ref().filter(|id| id.len() > 512) {
            let what = format!("id [{id}] is too long, must be no longer than 512 bytes");
            return Err(invalid(&what));
        }
        let source = if kind == "delete" {
            &[][..]
        } else {
            // An action without its source line is dropped silently.
            let Some(source) = lines.next() else { break };
            number += 1;
            source
        };
        operations.push(Operation {
            kind,
            index,
            id: metadata.id,
            require_alias: metadata.require_alias,
            require_data_stream: metadata.require_data_stream,
            source,
        });
    }
    if !rest.is_empty() {
        return Err(illegal("The bulk request must be terminated by a newline [\\n]"));
    }
    if operations.is_empty() {
        return Err(invalid("no requests added;"));
    }
    Ok(operations)
}

/// The object of an action line.
fn action(flavor: Flavor, line: &[u8], number: usize) -> Result<Map<String, Value>, Box<Answer>> {
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<&RawValue>();
    let broken = |kind: &str, cause: Option<&str>| {
        let mut error = json!({ "type": kind, "reason": "[1:1] cannot be read" });
        if let Some(cause) = cause {
            error["caused_by"] = json!({ "type": cause, "reason": "cannot be read" });
        }
        Box::new(flavor.json(400, &failure(400, &error)))
    };
    let malformed = |what: &str| {
        let why = format!("Malformed action/metadata line [{number}], {what}");
        Box::new(flavor.refused(400, "illegal_argument_exception", &why))
    };
    match values.next() {
        Some(Ok(object)) if object.get().starts_with('{') => {
            let rest = &line[values.byte_offset()..];
            if flavor.minds_actions() && !rest.trim_ascii().is_empty() {
                return Err(malformed("unexpected data after the closing brace"));
            }
            Ok(serde_json::from_str(object.get()).unwrap_or_default())
        }
        Some(Ok(_)) => Err(malformed("expected START_OBJECT but found [VALUE_STRING]")),
        Some(Err(e)) if e.is_eof() && flavor.minds_actions() => {
            Err(broken(flavor.early_end(), Some("json_e_o_f_exception")))
        }
        Some(Err(e)) if e.is_eof() => {
            let closed = [line, b"}"].concat();
            serde_json::from_slice(&closed).map_err(|_| broken(flavor.early_end(), None))
        }
        _ => {
            let cause = flavor.is_elasticsearch().then_some("json_parse_exception");
            Err(broken(flavor.no_json(), cause))
        }
    }
}

/// Why a source line is no document.
pub(super) enum Broken {
    /// It ends too early, or is no JSON: the type of the cause.
    Text(&'static str),
    /// A second value follows.
    Extra,
}

/// The one value of a source line.
pub(super) fn source(flavor: Flavor, line: &[u8]) -> Result<Value, Broken> {
    if std::str::from_utf8(line).is_err() {
        return Err(Broken::Text(flavor.no_json()));
    }
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<Value>();
    match values.next() {
        Some(Ok(_)) if !line[values.byte_offset()..].trim_ascii().is_empty() => Err(Broken::Extra),
        Some(Ok(value)) => Ok(value),
        Some(Err(e)) if !e.is_eof() => Err(Broken::Text(flavor.no_json())),
        _ => Err(Broken::Text(flavor.early_end())),
    }
}
