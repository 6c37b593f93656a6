//! What is read of a document in the one pass: time, class, uid.

use std::borrow::Cow;
use std::ops::Range;
use std::str::FromStr;

use super::scan::{decoded, members};
use super::{BadEvent, document::Uid};
use crate::{EventId, Timestamp};

/// What a document says of itself.
#[derive(Default)]
pub(super) struct Head {
    pub(super) time: Option<Timestamp>,
    pub(super) class_uid: Option<u32>,
    pub(super) uid: Option<Uid>,
}

impl Head {
    /// Reads the head of a document, and with it checks that the document is one.
    ///
    /// Keys are compared decoded, and of duplicates the last wins, also where it says nothing: as
    /// in every reader of JSON that keeps one of them.
    pub(super) fn of(doc: &[u8]) -> Result<Self, BadEvent> {
        let (mut time, mut class, mut uid) = (None, None, None);
        members(doc, |scan, at, name| {
            if name == b"metadata" && scan.is_object(at) {
                uid = None;
                return scan.object(at, |scan, at, name| {
                    let end = scan.value(at, 2)?;
                    if name == b"uid" {
                        uid = Some(at..end);
                    }
                    Some(end)
                });
            }
            let end = scan.value(at, 1)?;
            match name {
                b"time" => time = Some(at..end),
                b"class_uid" => class = Some(at..end),
                b"metadata" => uid = None,
                _ => {}
            }
            Some(end)
        })?;
        Ok(Self {
            time: time.and_then(|at| instant(&doc[at])),
            class_uid: class.and_then(|at| number(&doc[at])),
            uid: uid.and_then(|at| text_at(doc, at)),
        })
    }
}

/// Integer milliseconds or RFC 3339 text; nothing is guessed.
fn instant(value: &[u8]) -> Option<Timestamp> {
    if value.starts_with(b"\"") {
        let text = decoded(value)?;
        return rfc_3339(text.as_bytes()).then(|| text.parse().ok())?;
    }
    Timestamp::from_millis(number(value)?)
}

fn number<T: FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Whether it has RFC 3339's shape: the parser behind it takes more of ISO 8601, where a short form
/// may mean something else to another reader.
fn rfc_3339(text: &[u8]) -> bool {
    let shaped = |part: &[u8], shape: &[u8]| {
        part.len() == shape.len()
            && part.iter().zip(shape).all(|(b, s)| match s {
                b'0' => b.is_ascii_digit(),
                b'T' => matches!(b, b'T' | b't' | b' '),
                _ => b == s,
            })
    };
    let Some((seconds, rest)) = text.split_at_checked(19) else { return false };
    let (fraction, zone) = match rest {
        [b'.', rest @ ..] => {
            rest.split_at(rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len()))
        }
        _ => (b"0".as_slice(), rest),
    };
    shaped(seconds, b"0000-00-00T00:00:00")
        && !fraction.is_empty()
        && (matches!(zone, b"Z" | b"z") || shaped(zone, b"+00:00") || shaped(zone, b"-00:00"))
}

/// The text that stands at `at`, if it is one and not empty.
fn text_at(doc: &[u8], at: Range<usize>) -> Option<Uid> {
    let quoted = &doc[at.clone()];
    if !quoted.starts_with(b"\"") {
        return None;
    }
    match decoded(quoted)? {
        text if text.is_empty() => None,
        Cow::Borrowed(text) => {
            Some(Uid::Inside { start: at.start as u32 + 1, len: text.len() as u32 })
        }
        Cow::Owned(text) => Some(Uid::Beside(EventId::new(text))),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Event, Timestamp};

    const NOW: i64 = 1_700_000_000_000;

    fn event(doc: &str) -> Event {
        Event::from_json(doc.to_owned(), Timestamp::from_millis(NOW).unwrap()).unwrap()
    }

    fn time(value: &str) -> i64 {
        event(&format!("{{\"time\":{value}}}")).time().as_millis()
    }

    #[test]
    fn time_is_milliseconds_or_rfc_3339_and_never_guessed() {
        assert_eq!(time("0"), 0);
        assert_eq!(time("1700000001"), 1_700_000_001, "never read as seconds");
        assert_eq!(time("253402300799999"), 253_402_300_799_999);
        assert_eq!(time("\"2026-11-24T08:36:01.5+01:00\""), 1_795_505_761_500);
        assert_eq!(time("\"2026-11-24t07:36:01.123456789z\""), 1_795_505_761_123);
        assert_eq!(time("\"2026\\u002d11-24T07:36:01Z\""), 1_795_505_761_000);
        for other in [
            "253402300800000",
            "-1",
            "1.0",
            "1e3",
            "1700000001.5",
            "\"1700000001\"",
            "null",
            "{}",
            "\"\"",
            "\"now\"",
            "\"2026-11-24\"",
            "99999999999999999999",
            "\"\\ud800\"",
            "\"20261124T083601Z\"",
            "\"2026-11-24T08:36:01\"",
            "\"2026-11-24T08:36Z\"",
            "\"2026-11-24T08:36:01+01\"",
            "\"2026-11-24T08:36:01.Z\"",
            "\"2026-11-24T08:36:01+0100\"",
            "\"1969-12-31T23:59:59Z\"",
            "\"2026-13-24T08:36:01Z\"",
            "\"2026-11-24T08:36:01Z[UTC]\"",
            "\"2026-11-24T08:36:01é\"",
        ] {
            assert_eq!(time(other), NOW, "{other}");
        }
    }

    #[test]
    fn class_is_an_integer_or_zero() {
        assert_eq!(event(r#"{"class_uid":6003}"#).class_uid(), 6003);
        for other in ["\"6003\"", "-1", "4294967296", "6003.0", "null"] {
            assert_eq!(event(&format!("{{\"class_uid\":{other}}}")).class_uid(), 0, "{other}");
        }
    }

    #[test]
    fn uid_is_a_text_member_of_the_top_level_metadata() {
        assert_eq!(event(r#"{"metadata":{"uid":"a-1"}}"#).uid(), "a-1");
        assert_eq!(event(r#" { "metadata" : { "x":[{"uid":"no"}], "uid" : "ü" } }"#).uid(), "ü");
        assert_eq!(event(r#"{"metadata":{"uid":"\u00fc\"b"}}"#).uid(), "ü\"b");
        assert_eq!(event(r#"{"\u006detadata":{"\u0075id":"e"}}"#).uid(), "e");
        for without in [
            r#"{"metadata.uid":"no"}"#,
            r#"{"metadata":{"uid":""}}"#,
            r#"{"metadata":{"uid":7}}"#,
            r#"{"metadata":{"uid":"\ud800"}}"#,
            r#"{"metadata":{"x":{"uid":"no"}}}"#,
            r#"{"metadata":[{"uid":"no"}]}"#,
            r#"{"metadata":"uid"}"#,
            r#"{"x":{"metadata":{"uid":"no"}}}"#,
            r#"{"uid":"no"}"#,
        ] {
            let uid = event(without).uid().to_owned();
            assert!(uid.len() == 36 && uid != event(without).uid(), "{without}: {uid}");
        }
    }

    #[test]
    fn the_last_duplicate_wins() {
        assert_eq!(time("5,\"t\\u0069me\":6"), 6);
        assert_eq!(time("5,\"time\":\"?\""), NOW);
        assert_eq!(
            event(r#"{"metadata":{"uid":"a"},"metadata":{"uid":"b","uid":"c"}}"#).uid(),
            "c"
        );
        assert_eq!(event(r#"{"metadata":{"uid":"a"},"metadata":null}"#).uid().len(), 36);
        assert_eq!(event(r#"{"metadata":{"uid":"a"},"metadata":{}}"#).uid().len(), 36);
        assert_eq!(event(r#"{"class_uid":1,"class_uid":2}"#).class_uid(), 2);
    }
}
