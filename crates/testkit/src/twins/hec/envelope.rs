//! Events in their envelopes.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// An event as the collector took it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeldEvent {
    /// The `event` member, byte for byte.
    pub event: Bytes,
    /// The `time` member, as it was written.
    pub time: Option<String>,
    /// Every other member.
    pub meta: Value,
}

/// The first event that was not taken.
pub(super) struct Refused {
    pub(super) code: u32,
    pub(super) text: &'static str,
    /// Its position, from zero.
    pub(super) number: usize,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
    index: Option<String>,
    host: Option<String>,
    source: Option<String>,
    sourcetype: Option<String>,
}

/// Scalars and lists of scalars may be indexed.
fn is_nested(value: &Value) -> bool {
    let list = value.as_array().into_iter().flatten();
    value.is_object() || list.into_iter().any(|v| v.is_object() || v.is_array())
}

/// The envelopes of a body, one after another or in a list; `None` ends it where it is no JSON.
pub(super) fn events(body: &[u8]) -> Vec<Option<&RawValue>> {
    let mut events = Vec::new();
    for raw in serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>() {
        let Ok(raw) = raw else {
            events.push(None);
            break;
        };
        match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
            Ok(list) => events.extend(list.into_iter().map(Some)),
            Err(_) => events.push(Some(raw)),
        }
    }
    events
}

impl HeldEvent {
    /// Reads an envelope, or says the code and text with which it is refused.
    pub(super) fn read(raw: &RawValue, indexes: &[String]) -> Result<Self, (u32, &'static str)> {
        const FORMAT: (u32, &str) = (6, "Invalid data format");
        const FIELDS: (u32, &str) = (15, "Error in handling indexed fields");
        let envelope: Envelope<'_> = serde_json::from_str(raw.get()).map_err(|_| FORMAT)?;
        let event = envelope.event.ok_or((12, "Event field is required"))?.get().trim();
        let text: Option<String> = serde_json::from_str(event).ok();
        if matches!(event, "null" | "{}") || text.is_some_and(|t| t.trim().is_empty()) {
            return Err((13, "Event field cannot be blank"));
        }
        let time = envelope.time.map(|t| t.get().trim_matches('"').to_owned());
        if time.as_deref().is_some_and(|t| t.parse::<f64>().is_err()) {
            return Err(FIELDS);
        }
        let fields: Value = match envelope.fields {
            None => Value::Null,
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| FORMAT)?,
        };
        match &fields {
            Value::Object(map) if map.values().any(is_nested) => return Err(FIELDS),
            Value::Null | Value::Object(_) => {}
            _ => return Err(FORMAT),
        }
        if envelope.index.as_ref().is_some_and(|i| !indexes.contains(i)) {
            return Err((7, "Incorrect index"));
        }
        let meta = json!({
            "fields": fields,
            "index": envelope.index,
            "host": envelope.host,
            "source": envelope.source,
            "sourcetype": envelope.sourcetype,
        });
        Ok(Self { event: Bytes::copy_from_slice(event.as_bytes()), time, meta })
    }
}
