use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::BadEvent;
use super::head::Head;
use crate::hash::FieldHash;
use crate::{EventId, Timestamp};

/// The longest document and the longest line: 8 MiB.
pub const MAX_LEN: usize = 8 << 20;

/// The longest `_id` that Elasticsearch takes, in bytes.
const MAX_DOCUMENT_ID: usize = 512;

/// An event: its OCSF document as it came, and its head.
///
/// Any JSON object is one. The document is written out byte for byte (T38); what its head lacks
/// was minted once, and stays with the event over retries and, in its stored form, restarts (T39).
/// A clone shares the document.
///
/// Its serde form is the stored form, `{v, time, class_uid, uid, doc}`, for JSON alone and never
/// inside an internally tagged or flattened type; the document itself is [`json`](Self::json).
///
/// ```
/// # use watchfloor_core::{Event, Timestamp};
/// # let now = Timestamp::EPOCH;
/// let event = Event::from_json(r#"{"time":1700000000000,"price":1.10}"#, now)?;
/// assert_eq!(event.time().as_secs(), 1_700_000_000);
/// assert_eq!(event.json(), br#"{"time":1700000000000,"price":1.10}"#);
/// # Ok::<_, watchfloor_core::BadEvent>(())
/// ```
#[derive(Clone)]
pub struct Event {
    /// One JSON object in UTF-8 without raw line ends, nothing around it.
    doc: Bytes,
    uid: Uid,
    time: Timestamp,
    class_uid: u32,
}

/// Where the uid is kept.
#[derive(Clone)]
pub(super) enum Uid {
    /// In the document, from byte `start` on.
    Inside { start: u32, len: u32 },
    /// Minted, or escaped in the document.
    Beside(EventId),
}

impl Event {
    /// Takes a document, in one validating pass and without copying it.
    ///
    /// What surrounds the object is trimmed, and raw line ends between its tokens become spaces (it
    /// is copied for that alone); nothing else is ever changed. A missing time becomes `now`, a
    /// missing uid a random one. Documents that are longer than [`MAX_LEN`] or nested deeper than
    /// [`MAX_DEPTH`](super::MAX_DEPTH) are refused.
    pub fn from_json(doc: impl Into<Bytes>, now: Timestamp) -> Result<Self, BadEvent> {
        Self::or_back(doc.into(), now).map_err(|(bad, _)| bad)
    }

    /// As [`from_json`](Self::from_json); what is no event is given back.
    pub(super) fn or_back(given: Bytes, now: Timestamp) -> Result<Self, (BadEvent, Bytes)> {
        let (doc, head) = read(given)?;
        Ok(Self {
            doc,
            uid: head.uid.unwrap_or_else(|| Uid::Beside(EventId::random())),
            time: head.time.unwrap_or(now),
            class_uid: head.class_uid.unwrap_or_default(),
        })
    }

    /// As [`from_json`](Self::from_json), with the head that the event has already: what was minted
    /// stays.
    pub(super) fn restore(
        doc: Bytes,
        time: Timestamp,
        class_uid: u32,
        uid: &str,
    ) -> Result<Self, BadEvent> {
        let (doc, head) = read(doc).map_err(|(bad, _)| bad)?;
        let mut event = Self { doc, uid: Uid::Beside(EventId::new("")), time, class_uid };
        if let Some(inside) = head.uid {
            event.uid = inside;
        }
        if event.uid() != uid {
            event.uid = Uid::Beside(EventId::new(uid));
        }
        Ok(event)
    }

    /// The document after an edit: what it says of itself holds, the rest of the head stays.
    pub(super) fn edited(&self, doc: Bytes) -> Result<Self, BadEvent> {
        let (doc, head) = read(doc).map_err(|(bad, _)| bad)?;
        Ok(Self {
            doc,
            uid: head.uid.unwrap_or_else(|| Uid::Beside(EventId::new(self.uid()))),
            time: head.time.unwrap_or(self.time),
            class_uid: head.class_uid.unwrap_or(self.class_uid),
        })
    }

    /// When it happened; where the document does not say so, when it was read.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// OCSF's class, 0 where the document has none.
    pub fn class_uid(&self) -> u32 {
        self.class_uid
    }

    /// Its id: `metadata.uid`, or the one minted for it.
    pub fn uid(&self) -> &str {
        match &self.uid {
            Uid::Inside { start, len } => {
                let inside = &self.doc[*start as usize..][..*len as usize];
                std::str::from_utf8(inside).expect("checked when the event was made")
            }
            Uid::Beside(id) => id.as_str(),
        }
    }

    /// Its id as a JSON text, quotes and all; without a copy where it stands in the document so.
    pub fn uid_json(&self) -> Cow<'_, [u8]> {
        match &self.uid {
            Uid::Inside { start, len } => {
                Cow::Borrowed(&self.doc[*start as usize - 1..][..*len as usize + 2])
            }
            Uid::Beside(id) => serde_json::Value::from(id.as_str()).to_string().into_bytes().into(),
        }
    }

    /// The document, byte for byte.
    pub fn json(&self) -> &[u8] {
        &self.doc
    }

    /// The document as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.doc).expect("checked when the event was made")
    }

    /// The document's shared bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.doc
    }

    /// The document's length in bytes; never 0.
    #[allow(clippy::len_without_is_empty, reason = "the shortest document is `{}`")]
    pub fn len(&self) -> usize {
        self.doc.len()
    }

    /// The same event with a copy of its own of the document: for keeping it long without keeping
    /// the chunk that it was read in.
    pub fn detach(self) -> Self {
        Self { doc: Bytes::copy_from_slice(&self.doc), ..self }
    }

    /// The uid as a document's `_id`, as JSON: as it is, or, over 512 bytes, as `wf-` and 40 hex
    /// digits of its hash.
    pub fn document_id_json(&self) -> Cow<'_, [u8]> {
        let len = match &self.uid {
            Uid::Inside { len, .. } => *len as usize,
            Uid::Beside(id) => id.as_str().len(),
        };
        if len <= MAX_DOCUMENT_ID {
            return self.uid_json();
        }
        let hash = FieldHash::new("watchfloor document v1").field("uid", self.uid());
        Cow::Owned(format!("\"wf-{}\"", hash.hex(20)).into_bytes())
    }
}

/// Trims, checks and reads; offsets in the error are those of what was given.
fn read(given: Bytes) -> Result<(Bytes, Head), (BadEvent, Bytes)> {
    let blank = |b: &u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t');
    let start = given.iter().position(|b| !blank(b)).unwrap_or(given.len());
    let end = given.iter().rposition(|b| !blank(b)).map_or(start, |last| last + 1);
    let head = match checked(&given[start..end]) {
        Ok(head) => head,
        Err(bad) => return Err((BadEvent { at: start + bad.at, ..bad }, given)),
    };
    let doc = if end - start < given.len() { given.slice(start..end) } else { given };
    // A string holds no raw line end, so every one that is here stands between tokens.
    if memchr::memchr2(b'\n', b'\r', &doc).is_none() {
        return Ok((doc, head));
    }
    let one_line = |&b: &u8| if b == b'\n' || b == b'\r' { b' ' } else { b };
    Ok((doc.iter().map(one_line).collect(), head))
}

fn checked(doc: &[u8]) -> Result<Head, BadEvent> {
    if doc.len() > MAX_LEN {
        return Err(BadEvent { at: MAX_LEN, reason: "longer than 8 MiB" });
    }
    Head::of(doc)
}

/// Head and length; a document may hold what no log should show.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("time", &self.time)
            .field("class_uid", &self.class_uid)
            .field("uid", &self.uid())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The same document under the same head.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.time == other.time
            && self.class_uid == other.class_uid
            && self.uid() == other.uid()
            && self.doc == other.doc
    }
}

impl Eq for Event {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn event(doc: &str) -> Event {
        Event::from_json(doc.to_owned(), NOW).unwrap()
    }

    #[test]
    fn t38_a_document_is_written_out_byte_for_byte() {
        for doc in [
            r#"{"price":1.10,"big":12345678901234567890123,"f":1e400,"z":-0,"neg":-0.0}"#,
            r#"{"b":1,"a":2,"b":3,"a":{"y":1,"x":2}}"#,
            r#"{"esc":"\u00fc\/\ud83d\ude00\u0000","lone":"\ud800","raw":"ü😀"}"#,
            r#"{ "spaced" : [ 1 ,	2 ] , "deep":[[[{"a":[]}]]] }"#,
            r#"{"time":1700000000000,"class_uid":6003,"metadata":{"uid":"x"}}"#,
            "{}",
        ] {
            let e = event(doc);
            assert_eq!(e.text(), doc);
            assert_eq!(e.clone().detach().json(), doc.as_bytes());
            assert_eq!(e.len(), doc.len());
        }
    }

    #[test]
    fn it_is_trimmed_and_put_on_one_line() {
        let doc = "\r\n {\r\n\t\"a\":\n\"b\\n\"\r} \n";
        assert_eq!(event(doc).text(), "{  \t\"a\": \"b\\n\" }");
        let spread = "{\n\"metadata\":\n{\"uid\":\"u-1\"}}";
        assert_eq!(event(spread).uid(), "u-1");
    }

    #[test]
    fn an_unchanged_document_is_not_copied() {
        let chunk = Bytes::from_static(b"  {\"a\":1}\n{\"b\":2}\n");
        let e = Event::from_json(chunk.slice(..10), NOW).unwrap();
        assert_eq!(e.json().as_ptr(), chunk[2..].as_ptr());
        assert_ne!(e.detach().json().as_ptr(), chunk[2..].as_ptr());
    }

    #[test]
    fn what_is_no_event_is_refused_with_the_place() {
        let bad = |doc: &[u8]| Event::from_json(doc.to_vec(), NOW).unwrap_err().to_string();
        assert_eq!(bad(b"  [1]"), "not a JSON object at byte 2");
        assert_eq!(bad(b" {\"a\":\"\xff\"}"), "not UTF-8 at byte 7");
        assert_eq!(bad(b""), "the JSON ends too early at byte 0");
        let long = |n: usize| format!("{{\"a\":\"{}\"}}\n", "x".repeat(n - 8)).into_bytes();
        assert!(Event::from_json(long(MAX_LEN), NOW).is_ok());
        assert_eq!(bad(&long(MAX_LEN + 1)), "longer than 8 MiB at byte 8388608");
    }

    #[test]
    fn debug_shows_the_head_alone() {
        let shown = format!("{:?}", event(r#"{"metadata":{"uid":"u"},"password":"hunter2"}"#));
        assert!(shown.contains("\"u\"") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Event>() <= 64, "{}", size_of::<Event>());
    }

    #[test]
    fn a_document_id_fits_512_bytes() {
        let with = |uid: &str| event(&format!("{{\"metadata\":{{\"uid\":\"{uid}\"}}}}"));
        assert_eq!(with(&"u".repeat(512)).document_id_json().len(), 514);
        let (a, b) = (with(&"ü".repeat(257)), with(&format!("{}x", "ü".repeat(257))));
        assert_eq!(a.document_id_json().len(), 45);
        assert_eq!(a.document_id_json(), a.clone().document_id_json());
        assert_ne!(a.document_id_json(), b.document_id_json());
    }

    /// Any JSON text, in any spelling of the same value.
    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|b| b.to_string()),
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
            text(),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5)
                    .prop_map(|v| format!("[{}]", v.join(" ,"))),
                object(inner),
            ]
        })
    }

    fn text() -> impl Strategy<Value = String> {
        r#""([a-z ü😀]|\\[nrtbf/"\\]|\\u[0-9a-fA-F]{4}){0,8}""#
    }

    fn object(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        let key = prop_oneof![
            text(),
            prop::sample::select(vec!["\"time\"", "\"metadata\"", "\"uid\"", "\"\\u0074ime\""])
                .prop_map(str::to_owned),
        ];
        let member = (key, " ?", inner).prop_map(|(k, s, v)| format!("{k}{s}:{v}"));
        prop::collection::vec(member, 0..5).prop_map(|m| format!("{{{}}}", m.join(", ")))
    }

    proptest! {
        #[test]
        fn t38_any_object_comes_out_as_it_went_in(doc in object(json())) {
            let e = Event::from_json(doc.clone(), NOW).unwrap();
            prop_assert_eq!(e.text(), doc);
        }

        #[test]
        fn bytes_are_an_event_iff_serde_json_reads_an_object(
            doc in object(json()),
            hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = doc.into_bytes();
            for (at, byte) in hits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let reference = serde_json::from_slice::<&RawValue>(&bytes)
                .is_ok_and(|raw| raw.get().starts_with('{'));
            prop_assert_eq!(Event::from_json(bytes, NOW).is_ok(), reference);
        }
    }
}
