//! Values that nobody may print.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A credential. Not serialisable; its `Debug` shows nothing; its memory is wiped when the last
/// clone goes.
///
/// [`expose`](Secret::expose) is banned by lint outside the code that writes a credential to the
/// wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// The text, for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is any text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn debug_shows_nothing() {
        let s = super::Secret::new("cnry-secret");
        assert!(!format!("{s:?} {:#?}", Some(&s)).contains("cnry"));
    }
}
