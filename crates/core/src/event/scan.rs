//! The one pass over a document: JSON's grammar, and what its members are called.
//!
//! Accepts what `serde_json` accepts as a `RawValue`, down to [`MAX_DEPTH`]. It keeps no stack but
//! the bits of a number, so no nesting can exhaust anything.

use std::borrow::Cow;
use std::cell::Cell;

use super::BadEvent;

/// How deep objects and lists may nest, the document itself counted: as deep as `serde_json` reads
/// into values.
pub const MAX_DEPTH: u32 = 127;

/// Checks that `doc` is one JSON object in UTF-8, blanks around it allowed. `see` is shown the name
/// of each of its members, decoded, and where the value begins, and says where it ends.
pub(super) fn members(
    doc: &[u8],
    see: impl FnMut(&Scan<'_>, usize, &[u8]) -> Option<usize>,
) -> Result<(), BadEvent> {
    // The least byte and all bits, without a branch: the compiler does many bytes at a time.
    let (least, bits) = doc.iter().fold((u8::MAX, 0), |(least, bits), b| (least.min(*b), bits | b));
    if bits >= 0x80
        && let Err(e) = std::str::from_utf8(doc)
    {
        return Err(BadEvent { at: e.valid_up_to(), reason: "not UTF-8" });
    }
    let plain = least >= 0x20 && memchr::memchr(b'\\', doc).is_none();
    let scan = Scan { text: doc, plain, bad: Cell::new(None) };
    let end = scan.object(scan.blanks(0), see).map(|end| scan.blanks(end));
    if end == Some(doc.len()) {
        return Ok(());
    }
    let after = || BadEvent { at: end.unwrap_or_default(), reason: "text after the object" };
    Err(scan.bad.take().unwrap_or_else(after))
}

/// The text of a JSON string with its quotes; `None` if its escapes are no text (half a surrogate
/// pair).
pub(super) fn decoded(quoted: &[u8]) -> Option<Cow<'_, str>> {
    if quoted.contains(&b'\\') {
        return serde_json::from_slice(quoted).ok().map(Cow::Owned);
    }
    let inside = quoted.get(1..quoted.len().saturating_sub(1))?;
    std::str::from_utf8(inside).ok().map(Cow::Borrowed)
}

/// A text and what is wrong with it.
///
/// Every step takes the place where it begins and gives the place where it ended, `None` once
/// something is wrong: both fit a register, which makes half of the speed.
pub(super) struct Scan<'a> {
    text: &'a [u8],
    /// Nothing in the text is escaped, and there is no control character, one between tokens counted
    /// too: a string ends at the next quote.
    plain: bool,
    bad: Cell<Option<BadEvent>>,
}

impl Scan<'_> {
    /// One object, as [`members`] shows it.
    pub(super) fn object(
        &self,
        at: usize,
        mut see: impl FnMut(&Self, usize, &[u8]) -> Option<usize>,
    ) -> Option<usize> {
        if self.byte(at) != Some(b'{') {
            return self.bad(at, "not a JSON object");
        }
        let mut at = self.blanks(at + 1);
        if self.byte(at) == Some(b'}') {
            return Some(at + 1);
        }
        loop {
            let (key, value) = self.key(at)?;
            at = if self.plain {
                see(self, value, &key[1..key.len() - 1])?
            } else {
                // What is no text names nothing.
                see(self, value, decoded(key).unwrap_or_default().as_bytes())?
            };
            at = self.blanks(at);
            match self.byte(at) {
                Some(b',') => at += 1,
                Some(b'}') => return Some(at + 1),
                _ => return self.bad(at, "expected `,` or `}`"),
            }
        }
    }

    /// One value of any kind, with everything in it. It stands in so many objects.
    pub(super) fn value(&self, at: usize, within: u32) -> Option<usize> {
        match self.byte(at) {
            Some(b'{' | b'[') => self.nested(at, within),
            first => self.scalar(at, first),
        }
    }

    /// Whether an object stands there.
    pub(super) fn is_object(&self, at: usize) -> bool {
        self.byte(at) == Some(b'{')
    }

    #[cold]
    fn bad<T>(&self, at: usize, reason: &'static str) -> Option<T> {
        let bad = if at >= self.text.len() {
            BadEvent { at: self.text.len(), reason: "the JSON ends too early" }
        } else {
            BadEvent { at, reason }
        };
        self.bad.set(Some(bad));
        None
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    #[inline]
    fn blanks(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            at += 1;
        }
        at
    }

    /// A key with its quotes, and where its value begins.
    #[inline]
    fn key(&self, at: usize) -> Option<(&[u8], usize)> {
        let start = self.blanks(at);
        if self.byte(start) != Some(b'"') {
            return self.bad(start, "expected a key in quotes");
        }
        let end = self.string(start + 1)?;
        let colon = self.blanks(end);
        if self.byte(colon) != Some(b':') {
            return self.bad(colon, "expected `:`");
        }
        Some((&self.text[start..end], self.blanks(colon + 1)))
    }

    /// A value that is neither an object nor a list.
    #[inline]
    fn scalar(&self, at: usize, first: Option<u8>) -> Option<usize> {
        match first {
            Some(b'"') => self.string(at + 1),
            Some(b'0') => self.fraction(at + 1),
            Some(b'1'..=b'9') => self.fraction(self.digits(at + 1)),
            Some(b'-') if self.byte(at + 1) == Some(b'0') => self.fraction(at + 2),
            Some(b'-') => self.fraction(self.some_digits(at + 1)?),
            Some(b't') => self.word(at, b"true"),
            Some(b'f') => self.word(at, b"false"),
            Some(b'n') => self.word(at, b"null"),
            _ => self.bad(at, "expected a value"),
        }
    }

    /// An object or a list, with everything in it.
    fn nested(&self, mut at: usize, within: u32) -> Option<usize> {
        let mut nest = Nest::below(within);
        loop {
            at = self.blanks(at);
            match self.byte(at) {
                Some(open @ (b'{' | b'[')) => {
                    let object = open == b'{';
                    if !nest.enter(object) {
                        return self.bad(at, "nested too deep");
                    }
                    at = self.blanks(at + 1);
                    if self.byte(at) != Some(if object { b'}' } else { b']' }) {
                        if object {
                            at = self.key(at)?.1;
                        }
                        continue;
                    }
                    at += 1;
                    nest.leave();
                }
                first => at = self.scalar(at, first)?,
            }
            // A value has ended, and perhaps what it is in.
            loop {
                let Some(object) = nest.innermost() else { return Some(at) };
                at = self.blanks(at);
                match self.byte(at) {
                    Some(b',') => {
                        at += 1;
                        if object {
                            at = self.key(at)?.1;
                        }
                        break;
                    }
                    Some(b'}') if object => nest.leave(),
                    Some(b']') if !object => nest.leave(),
                    _ if object => return self.bad(at, "expected `,` or `}`"),
                    _ => return self.bad(at, "expected `,` or `]`"),
                }
                at += 1;
            }
        }
    }

    /// A string after its opening quote.
    #[inline]
    fn string(&self, at: usize) -> Option<usize> {
        if !self.plain {
            return self.escaped_string(at);
        }
        let end = quote(self.text, at);
        if end < self.text.len() { Some(end + 1) } else { self.bad(end, "") }
    }

    #[inline(never)]
    fn escaped_string(&self, mut at: usize) -> Option<usize> {
        loop {
            at += plain(&self.text[at..]);
            match self.byte(at) {
                Some(b'"') => return Some(at + 1),
                Some(b'\\') => match self.byte(at + 1) {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                    Some(b'u') => {
                        at += 2;
                        for _ in 0..4 {
                            if !self.byte(at).is_some_and(|b| b.is_ascii_hexdigit()) {
                                return self.bad(at, "expected four hex digits");
                            }
                            at += 1;
                        }
                    }
                    _ => return self.bad(at + 1, "no such escape"),
                },
                _ => return self.bad(at, "a control character in a string"),
            }
        }
    }

    fn word(&self, at: usize, word: &[u8]) -> Option<usize> {
        let rest = self.text.get(at..).unwrap_or_default();
        let same = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
        if same < word.len() {
            return self.bad(at + same, "expected a value");
        }
        Some(at + same)
    }

    #[inline]
    fn digits(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), Some(b'0'..=b'9')) {
            at += 1;
        }
        at
    }

    fn some_digits(&self, at: usize) -> Option<usize> {
        match self.byte(at) {
            Some(b'0'..=b'9') => Some(self.digits(at + 1)),
            _ => self.bad(at, "expected a digit"),
        }
    }

    /// What may follow the whole part of a number.
    #[inline]
    fn fraction(&self, mut at: usize) -> Option<usize> {
        if self.byte(at) == Some(b'.') {
            at = self.some_digits(at + 1)?;
        }
        if matches!(self.byte(at), Some(b'e' | b'E')) {
            at += 1;
            if matches!(self.byte(at), Some(b'+' | b'-')) {
                at += 1;
            }
            at = self.some_digits(at)?;
        }
        Some(at)
    }
}

/// What is open, innermost last: a bit each, 1 for an object.
struct Nest {
    bits: u128,
    depth: u32,
    most: u32,
}

impl Nest {
    /// Within so many objects.
    fn below(open: u32) -> Self {
        Self { bits: 0, depth: 0, most: MAX_DEPTH - open }
    }

    fn enter(&mut self, object: bool) -> bool {
        let room = self.depth < self.most;
        if room {
            self.bits = self.bits << 1 | u128::from(object);
            self.depth += 1;
        }
        room
    }

    fn leave(&mut self) {
        self.bits >>= 1;
        self.depth -= 1;
    }

    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.bits & 1 == 1)
    }
}

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// Where the next quote from `at` on stands; eight bytes at a time.
#[inline]
fn quote(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let q = u64::from_le_bytes(*chunk) ^ (ONES * b'"' as u64);
        // Borrows can only mark bytes above a true mark: the lowest is exact.
        let marks = q.wrapping_sub(ONES) & !q & HIGH;
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while text.get(at).is_some_and(|b| *b != b'"') {
        at += 1;
    }
    at
}

/// How many bytes of a string come before a quote, a backslash or a control character; eight at a
/// time.
fn plain(text: &[u8]) -> usize {
    let stops = |b: u8| b == b'"' || b == b'\\' || b < 0x20;
    let (chunks, tail) = text.as_chunks::<8>();
    for (i, chunk) in chunks.iter().enumerate() {
        let x = u64::from_le_bytes(*chunk);
        let control = x.wrapping_sub(ONES * 0x20) & !x;
        let q = x ^ (ONES * u64::from(b'"'));
        let s = x ^ (ONES * u64::from(b'\\'));
        let quote = q.wrapping_sub(ONES) & !q;
        let slash = s.wrapping_sub(ONES) & !s;
        // Borrows can only mark bytes above a true mark: the lowest is exact.
        let marks = (control | quote | slash) & HIGH;
        if marks != 0 {
            return i * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    chunks.len() * 8 + tail.iter().position(|&b| stops(b)).unwrap_or(tail.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn checked(doc: &str) -> Result<(), BadEvent> {
        members(doc.as_bytes(), |scan, at, _| scan.value(at, 1))
    }

    fn accepts(doc: &str) -> bool {
        checked(doc).is_ok()
    }

    /// The reference: a raw value that is an object.
    fn reference(doc: &str) -> bool {
        serde_json::from_str::<&RawValue>(doc).is_ok_and(|raw| raw.get().starts_with('{'))
    }

    #[test]
    fn the_grammar_at_its_edges() {
        let values = [
            "0",
            "-0",
            "01",
            "-",
            "-01",
            "1.",
            "1.5",
            ".5",
            "1e5",
            "1E+5",
            "1e",
            "1e+",
            "1.e5",
            "1e400",
            "+1",
            "tru",
            "true",
            "truex",
            "nul",
            "NaN",
            "Infinity",
            "''",
            r#""\x""#,
            r#""\u12""#,
            r#""\u12G4""#,
            r#""\ud800""#,
            "\"\t\"",
            "\"\u{7f}\"",
            "\"ü😀\"",
            "[]",
            "[,]",
            "[1,]",
            "[1 2]",
            "[1}",
            "{}",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            "{1:2}",
            "{]",
            "\u{a0}1",
            "\0",
            "12345678901234567890123",
            "\"a",
            r#""\"#,
            "[",
            "{",
            r#"{"a":[{"b":[[]]},{}]}"#,
            "",
            " ",
        ];
        for v in values {
            for doc in [
                format!("{{\"k\":{v}}}"),
                format!(" {{ \"k\" : {v} , \"l\":[ {v} ] }}\r\n\t"),
                v.to_owned(),
            ] {
                assert_eq!(accepts(&doc), reference(&doc), "{doc:?}");
            }
        }
        for doc in
            ["{}{}", "{} x", "\u{feff}{}", "[{}]", "{}\0", "{\"a\":1", "{\"a\":1,", "{\"a\" 1}"]
        {
            assert_eq!(accepts(doc), reference(doc), "{doc:?}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        let at = |doc| checked(doc).map_err(|e| (e.at, e.reason)).unwrap_err();
        assert_eq!(at(r#"{"a":1 "b":2}"#), (7, "expected `,` or `}`"));
        assert_eq!(at(r#"{"a":tru}"#), (8, "expected a value"));
        assert_eq!(at(r#"{"a":"b"#), (7, "the JSON ends too early"));
        assert_eq!(at(""), (0, "the JSON ends too early"));
        assert_eq!(at("[]"), (0, "not a JSON object"));
        assert_eq!(at("{} {}"), (3, "text after the object"));
        assert_eq!(at("{\"a\":\"\n\"}"), (6, "a control character in a string"));
    }

    #[test]
    fn nesting_ends_where_serde_json_s_values_end() {
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n - 1), "]".repeat(n - 1));
        for depth in [MAX_DEPTH as usize, MAX_DEPTH as usize + 1] {
            let value = serde_json::from_str::<serde_json::Value>(&nested(depth));
            assert_eq!(accepts(&nested(depth)), value.is_ok(), "{depth}");
        }
        let deep = "{\"a\":".repeat(1_000_000);
        assert_eq!(checked(&deep).unwrap_err().reason, "nested too deep");
    }

    #[test]
    fn names_are_shown_decoded() {
        let names = |doc: &str| {
            let mut names = Vec::new();
            let seen = members(doc.as_bytes(), |scan, at, name| {
                names.push(String::from_utf8(name.to_vec()).unwrap());
                scan.value(at, 1)
            });
            seen.map(|()| names)
        };
        assert_eq!(names(r#"{"time":1,"":2}"#).unwrap(), ["time", ""]);
        assert_eq!(names(r#"{"\u0074ime":1,"a\n":2,"b\\n":3}"#).unwrap(), ["time", "a\n", "b\\n"]);
        assert_eq!(names(r#"{"\ud800":1}"#).unwrap(), [""], "no text names nothing");
    }

    /// Pieces that collide often enough to be valid often enough.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"a\":",
            "{}",
            "[]",
            "{\"a\":1}",
            "1",
            "-",
            "0",
            ".5",
            "e9",
            "true",
            "null",
            " ",
            "\n",
            "\\",
            "\\u",
            "00e4",
            "\\\"",
            "ü",
            "\t",
            "x",
            "\u{1}",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|p| p.concat())
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_pieces(doc in pieces()) {
            prop_assert_eq!(accepts(&doc), reference(&doc));
            let member = format!("{{\"k\":{doc}}}");
            prop_assert_eq!(accepts(&member), reference(&member));
        }

        #[test]
        fn agrees_with_serde_json_on_any_text(doc in "\\{\\PC*\\}|\\PC*") {
            prop_assert_eq!(accepts(&doc), reference(&doc));
        }

        #[test]
        fn plain_stops_where_a_loop_stops(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let slow = text.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20);
            prop_assert_eq!(plain(&text), slow.unwrap_or(text.len()));
        }
    }
}
