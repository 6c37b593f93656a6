//! A text as its readers would decode it: whatever an encoder escaped, and what is packed in it.

use std::io::Read as _;

use flate2::read::GzDecoder;

/// So often is a decoded text decoded again.
const DEPTH: usize = 4;

/// So much of one packed member is read.
const UNPACKED: u64 = 64 << 20;

/// Members that one text may hold: more are not unpacked.
const MEMBERS: usize = 10_000;

/// Calls `look` with the text and with everything that can be decoded from it.
pub(super) fn each(text: &[u8], look: &mut impl FnMut(&[u8])) {
    at_depth(text, DEPTH, look);
}

fn at_depth(text: &[u8], depth: usize, look: &mut impl FnMut(&[u8])) {
    look(text);
    if depth == 0 {
        return;
    }
    for decoded in [unpercented(text), unescaped(text)].into_iter().flatten() {
        at_depth(&decoded, depth - 1, look);
    }
    for member in gzip_members(text) {
        at_depth(&member, depth - 1, look);
    }
}

/// `%63` and `%2F` as what they stand for; `None` where nothing is encoded.
fn unpercented(text: &[u8]) -> Option<Vec<u8>> {
    let decoded: Vec<u8> = percent_encoding::percent_decode(text).collect();
    (decoded.len() < text.len()).then_some(decoded)
}

/// JSON's escapes as what they stand for, also outside of strings; `None` where there are none.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| *b == b'\\') {
        decoded.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let (plain, used) = match rest.first() {
            Some(b'u') => match unit(&rest[1..]) {
                Some(high @ 0xd800..=0xdbff) => {
                    let low = rest[5..].strip_prefix(b"\\u").and_then(unit);
                    let pair = low.map(|low| char::decode_utf16([high, low]).next());
                    (pair.flatten().and_then(Result::ok), 11)
                }
                Some(unit) => (char::from_u32(u32::from(unit)), 5),
                None => (None, 0),
            },
            Some(b'n') => (Some('\n'), 1),
            Some(b't') => (Some('\t'), 1),
            Some(b'r') => (Some('\r'), 1),
            Some(sign @ (b'"' | b'\\' | b'/')) => (Some(char::from(*sign)), 1),
            _ => (None, 0),
        };
        match plain {
            Some(plain) => {
                decoded.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[used..];
            }
            None => decoded.push(b'\\'),
        }
    }
    decoded.extend_from_slice(rest);
    (decoded.len() < text.len()).then_some(decoded)
}

/// Four hexadecimal digits.
fn unit(digits: &[u8]) -> Option<u16> {
    let digits = digits.get(..4).filter(|d| d.iter().all(u8::is_ascii_hexdigit))?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// What of the gzip members of a text can be read, wherever they begin.
fn gzip_members(text: &[u8]) -> Vec<Vec<u8>> {
    let begins = memchr_gzip(text).take(MEMBERS);
    let unpack = |at: usize| {
        let mut plain = Vec::new();
        // What comes before the damage of a damaged member counts.
        let _ = GzDecoder::new(&text[at..]).take(UNPACKED).read_to_end(&mut plain);
        (!plain.is_empty()).then_some(plain)
    };
    begins.filter_map(unpack).collect()
}

fn memchr_gzip(text: &[u8]) -> impl Iterator<Item = usize> {
    const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
    text.windows(3).enumerate().filter(|(_, w)| *w == MAGIC).map(|(at, _)| at)
}
