//! The one place that draws random bits.

/// 16 random bytes, 122 of their bits drawn from the operating system (a version 4 UUID).
#[allow(clippy::disallowed_methods, reason = "this is the seam the ban points to")]
pub(crate) fn uuid() -> uuid::Uuid {
    uuid::Uuid::new_v4()
}

/// A random number, uniform over 48 bits mapped to `[0, 1)`. For jitter, not for secrets.
pub fn unit() -> f64 {
    // The low 48 bits of a version 4 UUID are all random.
    let bits = uuid().as_u128() & ((1 << 48) - 1);
    bits as f64 / (1_u64 << 48) as f64
}

/// A random key for keyed hashes.
pub fn key() -> [u8; 32] {
    let mut key = [0; 32];
    key[..16].copy_from_slice(uuid().as_bytes());
    key[16..].copy_from_slice(uuid().as_bytes());
    key
}
