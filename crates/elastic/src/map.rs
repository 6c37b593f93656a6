//! Events as operations of a bulk request.

use serde::Serialize;
use watchfloor_core::Event;

#[derive(Serialize)]
struct Action<'a> {
    create: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    _id: &'a str,
}

/// Appends the event's two lines. Into a data stream `@timestamp` is spliced in unless there.
pub(crate) fn write(event: &Event, data_stream: bool, body: &mut Vec<u8>) {
    let action = Action { create: Metadata { _id: &event.document_id() } };
    serde_json::to_writer(&mut *body, &action).expect("text members are writable");
    body.push(b'\n');
    if data_stream && !event.has_member("@timestamp") {
        let time = format!("\"{}\"", event.time());
        event.write_spliced(body, "@timestamp", &time);
    } else {
        body.extend_from_slice(event.json());
    }
    body.push(b'\n');
}

/// Whether a name has the form of a data stream's: `type-dataset-namespace`.
pub(crate) fn is_data_stream(target: &str) -> bool {
    let parts: Vec<_> = target.split('-').collect();
    matches!(parts[..], ["logs" | "metrics" | "traces" | "synthetics", dataset, namespace]
        if !dataset.is_empty() && !namespace.is_empty())
}

#[cfg(test)]
mod tests {
    use watchfloor_core::Timestamp;

    use super::*;

    fn lines(doc: &str, data_stream: bool) -> String {
        let event = Event::from_json(doc.to_owned(), Timestamp::EPOCH).unwrap();
        let mut body = Vec::new();
        write(&event, data_stream, &mut body);
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn t38_only_the_timestamp_is_spliced_in() {
        let doc = r#"{"time":1766000000007,"n":1.10,"metadata":{"uid":"u-1"}}"#;
        assert_eq!(
            lines(doc, true),
            "{\"create\":{\"_id\":\"u-1\"}}\n{\"time\":1766000000007,\"n\":1.10,\"metadata\":{\"uid\":\
             \"u-1\"},\"@timestamp\":\"2025-12-17T19:33:20.007Z\"}\n"
        );
        assert!(lines(doc, false).ends_with(&format!("{doc}\n")));
        let own = r#"{"@timestamp":"2025-01-01T00:00:00Z","metadata":{"uid":"u-1"}}"#;
        assert!(lines(own, true).ends_with(&format!("{own}\n")));
    }

    #[test]
    fn data_streams_are_told_by_their_name() {
        assert!(is_data_stream("logs-watchfloor-default"));
        for index in ["watchfloor", "logs-x", "my-own-index", "logs--x", "logs-a-b-c"] {
            assert!(!is_data_stream(index), "{index}");
        }
    }
}
