//! The one pass over a document: JSON's grammar, and what its members are called.
//!
//! Accepts what `serde_json` accepts as a `RawValue`, down to [`MAX_DEPTH`]. It keeps no stack but
//! the bits of a number, so no nesting can exhaust anything.

use std::borrow::Cow;
use std::ops::Range;

use super::BadEvent;

/// How deep objects and lists may nest, the document itself counted: as deep as `serde_json` reads
/// into values.
pub const MAX_DEPTH: u32 = 127;

/// Checks that `doc` is one JSON object, blanks around it allowed. `see` is shown the name of each
/// of its members, decoded, and takes the value off the scan.
pub(super) fn members(
    doc: &str,
    see: impl FnMut(&mut Scan<'_>, &str) -> Result<(), BadEvent>,
) -> Result<(), BadEvent> {
    let text = doc.as_bytes();
    let mut scan = Scan { doc, text, at: 0, plain: is_plain(text), open: 0 };
    scan.blanks();
    scan.object(see)?;
    scan.blanks();
    if scan.at < text.len() {
        return Err(scan.bad("text after the object"));
    }
    Ok(())
}

/// The text of a JSON string with its quotes; `None` if its escapes are no text (half a surrogate
/// pair).
pub(super) fn decoded(quoted: &str) -> Option<Cow<'_, str>> {
    if quoted.contains('\\') {
        return serde_json::from_str(quoted).ok().map(Cow::Owned);
    }
    quoted.get(1..quoted.len().saturating_sub(1)).map(Cow::Borrowed)
}

pub(super) struct Scan<'a> {
    doc: &'a str,
    text: &'a [u8],
    at: usize,
    /// Nothing in the text is escaped, and no control character could stand in a string: a string
    /// ends at the next quote.
    plain: bool,
    /// How many objects of [`object`](Self::object) are open.
    open: u32,
}

impl Scan<'_> {
    /// One object, as [`members`] shows it.
    pub(super) fn object(
        &mut self,
        mut see: impl FnMut(&mut Self, &str) -> Result<(), BadEvent>,
    ) -> Result<(), BadEvent> {
        if !self.take(b'{') {
            return Err(self.bad("not a JSON object"));
        }
        self.open += 1;
        self.blanks();
        if !self.take(b'}') {
            loop {
                let key = self.key()?;
                self.blanks();
                let quoted = &self.doc[key];
                if self.plain {
                    see(self, &quoted[1..quoted.len() - 1])?;
                } else {
                    // What is no text names nothing.
                    see(self, &decoded(quoted).unwrap_or_default())?;
                }
                match self.token() {
                    Some(b',') => {}
                    Some(b'}') => break,
                    _ => return Err(self.bad_last("expected `,` or `}`")),
                }
            }
        }
        self.open -= 1;
        Ok(())
    }

    /// Whether an object comes next.
    pub(super) fn at_object(&self) -> bool {
        self.peek() == Some(b'{')
    }

    fn bad(&self, reason: &'static str) -> BadEvent {
        if self.at >= self.text.len() {
            return BadEvent { at: self.text.len(), reason: "the JSON ends too early" };
        }
        BadEvent { at: self.at, reason }
    }

    /// As [`bad`](Self::bad), about the byte just taken, if there was one.
    fn bad_last(&mut self, reason: &'static str) -> BadEvent {
        if self.at > 0 && self.at <= self.text.len() {
            self.at -= 1;
        }
        self.bad(reason)
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next byte. At the end it still counts up, so that the end is told from its last byte.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    #[inline]
    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// The next byte that is no blank.
    #[inline]
    fn token(&mut self) -> Option<u8> {
        self.blanks();
        self.next()
    }

    /// One value of any kind, with everything in it; where it stands.
    pub(super) fn value(&mut self) -> Result<Range<usize>, BadEvent> {
        let start = self.at;
        if matches!(self.peek(), Some(b'{' | b'[')) {
            self.nested()?;
        } else {
            let first = self.next();
            self.scalar(first)?;
        }
        Ok(start..self.at)
    }

    /// The rest of a value that is neither an object nor a list.
    #[inline]
    fn scalar(&mut self, first: Option<u8>) -> Result<(), BadEvent> {
        match first {
            Some(b'"') => self.string(),
            Some(b'0') => self.fraction(),
            Some(b'1'..=b'9') => {
                self.digits();
                self.fraction()
            }
            Some(b'-') => {
                if !self.take(b'0') {
                    self.some_digits()?;
                }
                self.fraction()
            }
            Some(b't') => self.word(b"rue"),
            Some(b'f') => self.word(b"alse"),
            Some(b'n') => self.word(b"ull"),
            _ => Err(self.bad_last("expected a value")),
        }
    }

    /// An object or a list, with everything in it.
    fn nested(&mut self) -> Result<(), BadEvent> {
        let mut nest = Nest::below(self.open);
        loop {
            match self.token() {
                Some(open @ (b'{' | b'[')) => {
                    let object = open == b'{';
                    if !nest.enter(object) {
                        return Err(self.bad_last("nested too deep"));
                    }
                    self.blanks();
                    if !self.take(if object { b'}' } else { b']' }) {
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                    nest.leave();
                }
                first => self.scalar(first)?,
            }
            // A value has ended, and perhaps what it is in.
            loop {
                let Some(object) = nest.innermost() else { return Ok(()) };
                match self.token() {
                    Some(b',') => {
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => nest.leave(),
                    Some(b']') if !object => nest.leave(),
                    _ if object => return Err(self.bad_last("expected `,` or `}`")),
                    _ => return Err(self.bad_last("expected `,` or `]`")),
                }
            }
        }
    }

    /// A key and its colon; the key with its quotes.
    #[inline]
    fn key(&mut self) -> Result<Range<usize>, BadEvent> {
        self.blanks();
        let start = self.at;
        if !self.take(b'"') {
            return Err(self.bad("expected a key in quotes"));
        }
        self.string()?;
        let key = start..self.at;
        self.blanks();
        if !self.take(b':') {
            return Err(self.bad("expected `:`"));
        }
        Ok(key)
    }

    /// The rest of a string after its opening quote.
    #[inline]
    fn string(&mut self) -> Result<(), BadEvent> {
        if !self.plain {
            return self.escaped_string();
        }
        self.at = quote(self.text, self.at);
        if self.at == self.text.len() {
            return Err(self.bad("the JSON ends too early"));
        }
        self.at += 1;
        Ok(())
    }

    fn escaped_string(&mut self) -> Result<(), BadEvent> {
        loop {
            self.at += plain(&self.text[self.at..]);
            match self.next() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => match self.next() {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                    Some(b'u') => {
                        for _ in 0..4 {
                            if !self.next().is_some_and(|b| b.is_ascii_hexdigit()) {
                                return Err(self.bad_last("expected four hex digits"));
                            }
                        }
                    }
                    _ => return Err(self.bad_last("no such escape")),
                },
                _ => return Err(self.bad_last("a control character in a string")),
            }
        }
    }

    fn word(&mut self, rest: &[u8]) -> Result<(), BadEvent> {
        for &expected in rest {
            if self.next() != Some(expected) {
                return Err(self.bad_last("expected a value"));
            }
        }
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), BadEvent> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.bad("expected a digit"));
        }
        self.digits();
        Ok(())
    }

    /// What may follow the whole part of a number.
    fn fraction(&mut self) -> Result<(), BadEvent> {
        if self.take(b'.') {
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
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

/// Whether there is neither a backslash nor a control character, one between tokens counted too.
fn is_plain(text: &[u8]) -> bool {
    // The least byte is found without a branch, many at a time.
    let least = text.iter().copied().fold(u8::MAX, u8::min);
    least >= 0x20 && memchr::memchr(b'\\', text).is_none()
}

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
        members(doc, |scan, _| scan.value().map(drop))
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
            let seen = members(doc, |scan, name| {
                names.push(name.to_owned());
                scan.value().map(drop)
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
