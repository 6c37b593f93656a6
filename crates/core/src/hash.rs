//! Hashes over named, length-prefixed fields, so that `ab`+`c` never equals `a`+`bc` (T15).

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

pub(crate) struct FieldHash(Sha256);

impl FieldHash {
    /// `domain` keeps hashes of different purposes and versions apart.
    pub(crate) fn new(domain: &str) -> Self {
        Self(Sha256::new()).put(domain)
    }

    pub(crate) fn field(self, name: &str, value: &str) -> Self {
        self.put(name).put(value)
    }

    fn put(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text);
        self
    }

    /// The first `bytes` bytes as hex.
    pub(crate) fn hex(self, bytes: usize) -> String {
        hex(&self.0.finalize()[..bytes])
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}
