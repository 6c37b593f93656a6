//! Events in HEC's envelope.

use serde::Serialize;
use watchfloor_core::Event;

/// Metadata that every event of a connector carries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    pub(crate) index: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) sourcetype: Option<String>,
}

#[derive(Serialize)]
struct Tail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sourcetype: Option<&'a str>,
    fields: Fields<'a>,
}

#[derive(Serialize)]
struct Fields<'a> {
    event_uid: &'a str,
}

impl Metadata {
    /// Appends the event's envelope and a newline. The document goes out as it is.
    pub(crate) fn write(&self, event: &Event, body: &mut Vec<u8>) {
        let millis = event.time().as_millis();
        // Seconds with exactly three decimals, from integers: a float may print in another form.
        let time = format!("{{\"time\":{}.{:03},\"event\":", millis / 1000, millis % 1000);
        body.extend_from_slice(time.as_bytes());
        body.extend_from_slice(event.json());
        let tail = Tail {
            index: self.index.as_deref(),
            source: self.source.as_deref(),
            sourcetype: self.sourcetype.as_deref(),
            fields: Fields { event_uid: event.uid() },
        };
        let start = body.len();
        serde_json::to_writer(&mut *body, &tail).expect("text members are writable");
        body[start] = b',';
        body.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use watchfloor_core::Timestamp;

    use super::*;

    #[test]
    fn t38_the_document_goes_out_byte_for_byte() {
        let doc = r#"{"time":1766000000007,"n":1.10,"big":123456789012345678901,"a":1,"a":2,"metadata":{"uid":"u\u00e4"}}"#;
        let event = Event::from_json(doc, Timestamp::EPOCH).unwrap();
        let mut body = Vec::new();
        let metadata = Metadata { index: Some("sec".into()), ..Metadata::default() };
        metadata.write(&event, &mut body);
        let text = String::from_utf8(body).unwrap();
        assert_eq!(
            text,
            format!(
                "{{\"time\":1766000000.007,\"event\":{doc},\"index\":\"sec\",\
                 \"fields\":{{\"event_uid\":\"uä\"}}}}\n"
            )
        );
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }
}
