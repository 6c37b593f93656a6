//! One query language: field comparisons that adapters render, escaped by construction.

use serde::{Deserialize, Serialize};

use crate::block::Target;

/// A condition over events. Fields are OCSF paths: `src_endpoint.ip`, `http_response.code`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Query {
    /// Every one of them; none at all is everything.
    All(Vec<Query>),
    /// At least one of them; none at all is nothing.
    Any(Vec<Query>),
    /// The opposite.
    Not(Box<Query>),
    /// The field compares so with the value.
    Compare(FieldPath, Comparison, Literal),
    /// The field has one of the values.
    In(FieldPath, Vec<Literal>),
    /// The field is text that begins so.
    Prefix(FieldPath, String),
    /// The field is there.
    Exists(FieldPath),
    /// The field is an address of this network.
    Within(FieldPath, Target),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Equal.
    Eq,
    /// Not equal; a field that is not there is not equal.
    Ne,
    /// Below.
    Lt,
    /// Below or equal.
    Le,
    /// Above.
    Gt,
    /// Above or equal.
    Ge,
}

/// A value to compare with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
}

/// A path of member names, each of letters, digits and `_`: nothing in it can end a field name in
/// any product's language (T21).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct FieldPath(String);

impl FieldPath {
    /// The path, if it is one.
    pub fn new(path: &str) -> Option<Self> {
        let word =
            |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (path.len() <= 256 && path.split('.').all(word)).then(|| Self(path.to_owned()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for FieldPath {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(d)?)
            .ok_or_else(|| serde::de::Error::custom("a field path is words joined by dots"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t21_a_field_path_is_words_alone() {
        assert!(FieldPath::new("src_endpoint.ip").is_some());
        for bad in ["", ".", "a.", "a b", "a\"", "a|b", "a..b", "ü"] {
            assert!(FieldPath::new(bad).is_none(), "{bad}");
        }
    }
}
