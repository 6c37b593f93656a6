//! The form in which an event survives a restart: `{v, time, class_uid, uid, doc}`.
//!
//! The document stands in it raw. What was minted for the head comes back with it.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use super::Event;
use crate::Timestamp;

const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename = "Event")]
struct Writing<'a> {
    v: u32,
    time: Timestamp,
    class_uid: u32,
    uid: &'a str,
    doc: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename = "Event")]
struct Reading {
    v: u32,
    time: Timestamp,
    class_uid: u32,
    uid: String,
    doc: Box<RawValue>,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let doc = serde_json::from_str(self.text())
            .map_err(|_| ser::Error::custom("the event's document is no JSON"))?;
        let (time, class_uid, uid) = (self.time(), self.class_uid(), self.uid());
        Writing { v: VERSION, time, class_uid, uid, doc }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let stored = Reading::deserialize(d)?;
        if stored.v != VERSION {
            let version = stored.v;
            return Err(de::Error::custom(format!("stored event of unknown version {version}")));
        }
        let doc = Bytes::from(String::from(Box::<str>::from(stored.doc)));
        Event::restore(doc, stored.time, stored.class_uid, &stored.uid).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn event(doc: &str) -> Event {
        Event::from_json(doc.to_owned(), Timestamp::from_millis(NOW).unwrap()).unwrap()
    }

    #[test]
    fn the_form_is_fixed() {
        let e = event(r#"{"metadata":{"uid":"u"},"class_uid":6003,"price":1.10}"#);
        let stored = serde_json::to_string(&e).unwrap();
        assert_eq!(
            stored,
            r#"{"v":1,"time":1700000000000,"class_uid":6003,"uid":"u","doc":{"metadata":{"uid":"u"},"class_uid":6003,"price":1.10}}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&stored).unwrap(), e);
    }

    #[test]
    fn t39_what_was_minted_survives_a_restart() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Work {
            Ship(Vec<Event>),
        }
        let work = Work::Ship(vec![
            event(r#"{ "a" : 1e400, "a":-0 }"#),
            event(r#"{"metadata":{"uid":"\u00fc"},"time":"2026-11-24T08:36:01Z"}"#),
        ]);
        let stored = serde_json::to_vec(&work).unwrap();
        assert_eq!(serde_json::from_slice::<Work>(&stored).unwrap(), work);
    }

    #[test]
    fn an_unknown_version_or_a_broken_document_is_refused() {
        let stored = |v: u32, doc: &str| {
            let text = format!(r#"{{"v":{v},"time":1,"class_uid":0,"uid":"u","doc":{doc}}}"#);
            serde_json::from_str::<Event>(&text).map_err(|e| e.to_string())
        };
        assert_eq!(stored(1, "{}").unwrap().uid(), "u");
        assert!(stored(2, "{}").unwrap_err().contains("unknown version 2"));
        assert!(stored(1, "[]").unwrap_err().contains("not a JSON object"));
    }
}
