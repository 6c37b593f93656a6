//! Events in HEC's envelope.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use watchfloor_core::{Event, Timestamp};

/// What an envelope says of its event beside the event itself, on every envelope: some receivers
/// carry it from one to the next, Splunk does not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    /// What is the same for every event, ready to be written: `,"index":"sec"`.
    same: Vec<u8>,
    /// What each event says itself.
    own: Vec<Own>,
}

/// A member whose value stands in the event.
#[derive(Clone, Debug)]
struct Own {
    /// `,"index":`
    member: String,
    /// The member's path in the document.
    path: Vec<String>,
    /// As JSON, for an event without it; without a default the member is left out.
    default: Option<String>,
}

/// How a member of the metadata is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Same(String),
    Own { field: String, default: Option<String> },
}

impl Metadata {
    /// Adds a member: `index`, `source`, `sourcetype` or `host`.
    pub(crate) fn with(mut self, key: &str, word: Word) -> Self {
        let member = format!(",{}:", quoted(key));
        match word {
            Word::Same(text) => {
                self.same.extend_from_slice(member.as_bytes());
                self.same.extend_from_slice(quoted(&text).as_bytes());
            }
            Word::Own { field, default } => self.own.push(Own {
                member,
                path: field.split('.').map(str::to_owned).collect(),
                default: default.as_deref().map(quoted),
            }),
        }
        self
    }

    /// Whether all events go to the same index.
    pub(crate) fn one_index(&self) -> bool {
        self.own.iter().all(|own| own.member != ",\"index\":")
    }

    /// Appends the event's envelope and a newline. The document goes out as it is. This runs for
    /// every event: nothing in it allocates but the body itself.
    pub(crate) fn write(&self, event: &Event, body: &mut Vec<u8>) {
        body.extend_from_slice(b"{\"time\":");
        write_seconds(event.time(), body);
        body.extend_from_slice(b",\"event\":");
        body.extend_from_slice(event.json());
        body.extend_from_slice(&self.same);
        for own in &self.own {
            own.write(event.text(), body);
        }
        body.extend_from_slice(b",\"fields\":{\"event_uid\":");
        body.extend_from_slice(&event.uid_json());
        body.extend_from_slice(b"}}\n");
    }
}

impl Own {
    fn write(&self, doc: &str, body: &mut Vec<u8>) {
        let value = self.path.iter().try_fold(doc, |text, key| member(text, key));
        let value = value.filter(|v| *v != "\"\"");
        let quote = match (value, value.and_then(|v| v.bytes().next())) {
            (Some(_), Some(b'"')) => "",
            (Some(_), Some(b'-' | b'0'..=b'9')) => "\"",
            _ => {
                if let Some(default) = &self.default {
                    body.extend_from_slice(self.member.as_bytes());
                    body.extend_from_slice(default.as_bytes());
                }
                return;
            }
        };
        body.extend_from_slice(self.member.as_bytes());
        for part in [quote, value.unwrap_or_default(), quote] {
            body.extend_from_slice(part.as_bytes());
        }
    }
}

/// Seconds with exactly three decimals, from integers: a float may print in another form.
fn write_seconds(time: Timestamp, body: &mut Vec<u8>) {
    let mut digits = [0; 24];
    let (mut at, mut left) = (digits.len(), time.as_millis().unsigned_abs());
    while left > 0 || digits.len() - at < 5 {
        if digits.len() - at == 3 {
            at -= 1;
            digits[at] = b'.';
        }
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    body.extend_from_slice(&digits[at..]);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A member of a JSON object, as it stands there; the last one of that name.
fn member<'d>(object: &'d str, key: &str) -> Option<&'d str> {
    let mut reader = serde_json::Deserializer::from_str(object);
    serde::Deserializer::deserialize_map(&mut reader, Member(key)).ok()?
}

struct Member<'k>(&'k str);

/// A key, borrowed where it has no escape.
#[derive(Deserialize)]
struct Key<'d>(#[serde(borrow)] Cow<'d, str>);

impl<'d> Visitor<'d> for Member<'_> {
    type Value = Option<&'d str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Key(key)) = map.next_key()? {
            if key == self.0 {
                found = Some(map.next_value::<&'d RawValue>()?.get());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(metadata: &Metadata, doc: &str) -> String {
        let event = Event::from_json(doc.to_owned(), Timestamp::EPOCH).unwrap();
        let mut body = Vec::new();
        metadata.write(&event, &mut body);
        let text = String::from_utf8(body).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        text
    }

    #[test]
    fn t38_the_document_goes_out_byte_for_byte() {
        let doc = r#"{"time":1766000000007,"n":1.10,"big":123456789012345678901,"a":1,"a":2,"metadata":{"uid":"u\u00e4\u000a"}}"#;
        let metadata = Metadata::default().with("index", Word::Same("sec\"".into()));
        assert_eq!(
            envelope(&metadata, doc),
            format!(
                "{{\"time\":1766000000.007,\"event\":{doc},\"index\":\"sec\\\"\",\
                 \"fields\":{{\"event_uid\":\"uä\\n\"}}}}\n"
            )
        );
    }

    #[test]
    fn a_time_has_three_decimals_whatever_it_is() {
        for (millis, text) in [
            (0, "0.000"),
            (7, "0.007"),
            (999, "0.999"),
            (1000, "1.000"),
            (1_766_000_000_123, "1766000000.123"),
            (253_402_300_799_999, "253402300799.999"),
        ] {
            let mut body = Vec::new();
            write_seconds(Timestamp::from_millis(millis).unwrap(), &mut body);
            assert_eq!(String::from_utf8(body).unwrap(), text);
        }
    }

    #[test]
    fn metadata_is_the_event_s_own_where_it_has_it() {
        let own = |default: Option<&str>| {
            let (field, default) = ("metadata.log_name".to_owned(), default.map(str::to_owned));
            Metadata::default().with("index", Word::Own { field, default })
        };
        let index = |metadata: &Metadata, doc: &str| {
            let text = envelope(metadata, doc);
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["index"].clone()
        };
        for (doc, given) in [
            (r#"{"metadata":{"log_name":"sec"}}"#, "sec"),
            (r#"{"metadata":{"log_name":"a","log_name":"s\u00e4c\n"}}"#, "säc\n"),
            (r#"{"\u006detadata":{"x":[{}],"log_name":6003}}"#, "6003"),
            (r#"{"metadata":{"log_name":""}}"#, "main"),
            (r#"{"metadata":{"log_name":null}}"#, "main"),
            (r#"{"metadata":{"log_name":{"a":"b"}}}"#, "main"),
            (r#"{"metadata":["log_name"],"log_name":"no"}"#, "main"),
            ("{}", "main"),
        ] {
            assert_eq!(index(&own(Some("main")), doc), given, "{doc}");
        }
        assert_eq!(index(&own(None), "{}"), serde_json::Value::Null, "the token's own index");
    }
}
