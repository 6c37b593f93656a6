//! Edits: a new last member, spliced in before the closing brace. Nothing else moves.

use std::fmt;

use bytes::Bytes;
use memchr::memmem;
use serde::Serialize;

use super::scan::members;
use super::{BadEvent, Event};

/// Why a member cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadEdit {
    /// The document has a member of this name; members are never changed.
    Exists(String),
    /// The value cannot be written as JSON.
    Value,
    /// The document with it would be none: too long, or nested too deep.
    Document(BadEvent),
}

impl fmt::Display for BadEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(key) => write!(f, "the event has a member {key:?} already"),
            Self::Value => f.write_str("the value cannot be written as JSON"),
            Self::Document(bad) => write!(f, "the event with the new member: {bad}"),
        }
    }
}

impl std::error::Error for BadEdit {}

impl Event {
    /// The event with one more member at the end of its document.
    ///
    /// Of an existing top-level key (compared decoded) it is an error. If the new member belongs to
    /// the head, the head follows it.
    pub fn with_member(
        &self,
        key: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<Self, BadEdit> {
        if self.has_member(key) {
            return Err(BadEdit::Exists(key.to_owned()));
        }
        let value = serde_json::to_string(value).map_err(|_| BadEdit::Value)?;
        let mut doc = Vec::with_capacity(self.len() + key.len() + value.len() + 4);
        self.write_spliced(&mut doc, key, &value);
        self.edited(Bytes::from(doc)).map_err(BadEdit::Document)
    }

    /// Whether the document has this top-level key, compared decoded.
    pub fn has_member(&self, key: &str) -> bool {
        // Without an escape anywhere a key stands in the document as it reads.
        if memmem::find(self.json(), key.as_bytes()).is_none()
            && memchr::memchr(b'\\', self.json()).is_none()
        {
            return false;
        }
        let mut found = false;
        let read = members(self.json(), |scan, at, name| {
            found |= name == key.as_bytes();
            scan.value(at, 1)
        });
        debug_assert!(read.is_ok(), "an event is a JSON object");
        found
    }

    /// Appends the document to `out` with one more member, without making an event of it: what a
    /// sink adds on the wire. `value` is one JSON value on one line; whether the key exists is
    /// [`has_member`](Self::has_member)'s to say.
    pub fn write_spliced(&self, out: &mut Vec<u8>, key: &str, value: &str) {
        let body = &self.json()[..self.len() - 1];
        out.extend_from_slice(body);
        if !body[1..].trim_ascii_start().is_empty() {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, key).expect("text is writable");
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use crate::Timestamp;

    use super::*;

    fn event(doc: &str) -> Event {
        Event::from_json(doc.to_owned(), Timestamp::EPOCH).unwrap()
    }

    #[test]
    fn a_member_is_added_at_the_end_and_nothing_else_moves() {
        let e = event(r#"{"price":1.10,"a":{"b":2} }"#);
        let edited = e.with_member("b\"c", &[1, 2]).unwrap();
        assert_eq!(edited.text(), r#"{"price":1.10,"a":{"b":2} ,"b\"c":[1,2]}"#);
        assert_eq!(edited.uid(), e.uid(), "a minted id stays");
        assert_eq!(event("{}").with_member("a", &1).unwrap().text(), r#"{"a":1}"#);
        assert_eq!(event("{ \t}").with_member("a", "x").unwrap().text(), "{ \t\"a\":\"x\"}");
    }

    #[test]
    fn an_existing_key_is_an_error_however_it_is_spelt() {
        for doc in [r#"{"a":1}"#, r#"{"\u0061":1}"#, r#"{"x":{},"a":null,"y":2}"#] {
            assert_eq!(event(doc).with_member("a", &2), Err(BadEdit::Exists("a".into())), "{doc}");
        }
        for doc in [r#"{"x":{"a":1}}"#, r#"{"x":"a"}"#, r#"{"x":"\n","ab":"a"}"#] {
            assert!(!event(doc).has_member("a"), "{doc}");
        }
    }

    #[test]
    fn the_head_follows_the_new_member() {
        let e = event(r#"{"class_uid":6003}"#);
        let timed = e.with_member("time", &1_700_000_000_000_i64).unwrap();
        assert_eq!((timed.time().as_secs(), timed.class_uid()), (1_700_000_000, 6003));
        let named = timed.with_member("metadata", &serde_json::json!({"uid": "u"})).unwrap();
        assert_eq!((named.uid(), named.time()), ("u", timed.time()));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let map = std::collections::BTreeMap::from([(vec![1], 1)]);
        assert_eq!(event("{}").with_member("a", &map), Err(BadEdit::Value));
        let long = "x".repeat(super::super::MAX_LEN);
        assert!(matches!(event("{}").with_member("a", &long), Err(BadEdit::Document(_))));
    }

    #[test]
    fn a_splice_is_what_an_edit_is() {
        let e = event(r#"{"time":1}"#);
        let mut out = b"head ".to_vec();
        e.write_spliced(&mut out, "@timestamp", "\"1970-01-01T00:00:00.001Z\"");
        let edited = e.with_member("@timestamp", "1970-01-01T00:00:00.001Z").unwrap();
        assert_eq!(&out[5..], edited.json());
    }
}
