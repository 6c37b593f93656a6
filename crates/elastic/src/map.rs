//! Events as operations of a bulk request.

use watchfloor_core::{Event, Timestamp};

/// How an event is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OpType {
    /// Unless its id is there.
    #[default]
    Create,
    /// In place of what has its id.
    Index,
}

impl OpType {
    /// The privilege on the target that it needs.
    pub(crate) const fn privilege(self) -> &'static str {
        match self {
            Self::Create => "create_doc",
            Self::Index => "index",
        }
    }

    const fn action(self) -> &'static [u8] {
        match self {
            Self::Create => b"{\"create\":{\"_id\":",
            Self::Index => b"{\"index\":{\"_id\":",
        }
    }
}

/// How events become lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    pub(crate) operation: OpType,
    /// Into a data stream `@timestamp` is spliced in unless it is there.
    pub(crate) data_stream: bool,
}

impl Lines {
    /// The body of a request: two lines for each event. For an event nothing allocates but the body.
    pub(crate) fn body(self, events: &[Event], piece: &[u32]) -> Vec<u8> {
        let size: usize = piece.iter().map(|i| events[*i as usize].len() + 128).sum();
        let mut body = Vec::with_capacity(size);
        let mut stamp = Stamp::default();
        for index in piece {
            self.write(&events[*index as usize], &mut stamp, &mut body);
        }
        body
    }

    fn write(self, event: &Event, stamp: &mut Stamp, body: &mut Vec<u8>) {
        body.extend_from_slice(self.operation.action());
        body.extend_from_slice(&event.document_id_json());
        body.extend_from_slice(b"}}\n");
        if self.data_stream && !event.has_member("@timestamp") {
            event.write_spliced(body, "@timestamp", stamp.of(event.time()));
        } else {
            body.extend_from_slice(event.json());
        }
        body.push(b'\n');
    }
}

/// A moment as a JSON text. Events come in the order of their time, mostly: the day is written once.
#[derive(Default)]
struct Stamp {
    day: Option<i64>,
    /// `"2026-11-24T`, then the time.
    text: String,
}

impl Stamp {
    fn of(&mut self, time: Timestamp) -> &str {
        const DAY: i64 = 86_400_000;
        const DATE: usize = "\"2026-11-24T".len();
        let (day, millis) = (time.as_millis() / DAY, time.as_millis() % DAY);
        if self.day != Some(day) {
            self.day = Some(day);
            self.text = format!("\"{}T", time.utc_day());
        }
        self.text.truncate(DATE);
        let parts = [
            (millis / 3_600_000, 10, ':'),
            (millis / 60_000 % 60, 10, ':'),
            (millis / 1000 % 60, 10, '.'),
            (millis % 1000, 100, 'Z'),
        ];
        for (number, mut place, end) in parts {
            while place > 0 {
                self.text.push(char::from(b'0' + (number / place % 10) as u8));
                place /= 10;
            }
            self.text.push(end);
        }
        self.text.push('"');
        &self.text
    }
}

/// Whether a name has the form of a data stream's: `type-dataset-namespace`.
pub(crate) fn is_data_stream(target: &str) -> bool {
    let parts: Vec<_> = target.split('-').collect();
    matches!(parts[..], ["logs" | "metrics" | "traces" | "synthetics", dataset, namespace]
        if !dataset.is_empty() && !namespace.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(doc: &str, operation: OpType, data_stream: bool) -> String {
        let event = Event::from_json(doc.to_owned(), Timestamp::EPOCH).unwrap();
        String::from_utf8(Lines { operation, data_stream }.body(&[event], &[0])).unwrap()
    }

    #[test]
    fn t38_only_the_timestamp_is_spliced_in() {
        let doc = r#"{"time":1766000000007,"n":1.10,"metadata":{"uid":"u-1"}}"#;
        assert_eq!(
            lines(doc, OpType::Create, true),
            "{\"create\":{\"_id\":\"u-1\"}}\n{\"time\":1766000000007,\"n\":1.10,\"metadata\":{\"uid\":\
             \"u-1\"},\"@timestamp\":\"2025-12-17T19:33:20.007Z\"}\n"
        );
        let plain = format!("{{\"index\":{{\"_id\":\"u-1\"}}}}\n{doc}\n");
        assert_eq!(lines(doc, OpType::Index, false), plain);
        let own = r#"{"@timestamp":"2025-01-01T00:00:00Z","metadata":{"uid":"u-1"}}"#;
        assert!(lines(own, OpType::Create, true).ends_with(&format!("{own}\n")));
    }

    #[test]
    fn a_stamp_is_the_time_as_it_prints() {
        let mut stamp = Stamp::default();
        for millis in [
            0,
            7,
            86_399_999,
            86_400_000,
            86_400_001,
            1_766_000_000_123,
            59_999,
            253_402_300_799_999,
        ] {
            let time = Timestamp::from_millis(millis).unwrap();
            assert_eq!(stamp.of(time), format!("\"{time}\""));
        }
    }

    #[test]
    fn data_streams_are_told_by_their_name() {
        assert!(is_data_stream("logs-watchfloor-default"));
        for index in ["watchfloor", "logs-x", "my-own-index", "logs--x", "logs-a-b-c"] {
            assert!(!is_data_stream(index), "{index}");
        }
    }
}
