//! The hash behind ids and keys.

use std::fmt::{self, Write as _};

use sha2::{Digest, Sha256};

/// SHA-256 over named, length-prefixed fields in their order, so that `ab`+`c` never equals
/// `a`+`bc` (T15).
pub struct FieldHash(Sha256);

impl FieldHash {
    /// `domain` keeps hashes of different purposes and versions apart.
    pub fn new(domain: &str) -> Self {
        Self(Sha256::new()).put(domain)
    }

    /// With one more field.
    pub fn field(self, name: &str, value: &str) -> Self {
        self.put(name).put(value)
    }

    fn put(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text);
        self
    }

    /// The first `bytes` bytes, at most 32, as lower-case hex.
    pub fn hex(self, bytes: usize) -> String {
        hex(&self.0.finalize()[..bytes.min(32)])
    }
}

impl fmt::Debug for FieldHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FieldHash")
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}
