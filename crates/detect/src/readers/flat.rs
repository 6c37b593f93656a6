//! A JSON object's scalars by their dotted names, read in one pass and borrowed where they can be.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Loose;
use super::access_json::Field;

/// A value; objects are walked into, lists are skipped.
#[derive(Clone, Debug, Default)]
pub(super) enum Scalar<'a> {
    #[default]
    Nothing,
    Text(Cow<'a, str>),
    Number(f64),
}

/// The fields of a line.
pub(super) struct Flat<'a> {
    /// Each with the rank of the name that it stood under.
    fields: [(u8, Scalar<'a>); Field::COUNT],
    /// The forwarding header's name.
    header: &'a str,
}

impl<'a> Flat<'a> {
    /// Reads an object. `header` is the forwarding header's name, in lower case.
    pub(super) fn read(line: &'a str, header: &'a str) -> Result<Self, String> {
        let mut flat = Self { fields: std::array::from_fn(|_| (u8::MAX, Scalar::Nothing)), header };
        let bad = |e: serde_json::Error| format!("is no JSON object (column {})", e.column());
        let mut json = serde_json::Deserializer::from_str(line);
        let walk = Walk { flat: &mut flat, name: &mut String::new() };
        json.deserialize_map(walk).map_err(bad)?;
        json.end().map_err(bad)?;
        Ok(flat)
    }

    pub(super) fn get(&self, field: Field) -> &Scalar<'a> {
        &self.fields[field as usize].1
    }

    /// The text, or nothing.
    pub(super) fn text(&self, field: Field) -> &str {
        match self.get(field) {
            Scalar::Text(text) => text,
            _ => "",
        }
    }

    /// The number, also one that stands as text.
    pub(super) fn number(&self, field: Field) -> Loose {
        Loose(match self.get(field) {
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Number(n) => Some(*n),
            Scalar::Nothing => None,
        })
    }

    pub(super) fn is_ecs(&self) -> bool {
        self.fields[Field::Ecs as usize].0 < u8::MAX
    }

    /// Whether it has a name as W3C writes them.
    pub(super) fn is_w3c(&self) -> bool {
        self.fields[Field::W3c as usize].0 < u8::MAX
    }

    fn set(&mut self, name: &str, value: Scalar<'a>) {
        let empty = match &value {
            Scalar::Nothing => true,
            Scalar::Text(text) => text.is_empty() || text == "-",
            Scalar::Number(_) => false,
        };
        if empty {
            return;
        }
        if ["c-", "cs-", "sc-"].iter().any(|prefix| name.starts_with(prefix)) {
            self.fields[Field::W3c as usize].0 = 0;
        }
        if is_variable(name, self.header) {
            self.put(Field::Header, 0, value.clone());
        }
        if let Some((field, rank)) = Field::of(name) {
            self.put(field, rank, value);
        }
    }

    fn put(&mut self, field: Field, rank: u8, value: Scalar<'a>) {
        let slot = &mut self.fields[field as usize];
        // Of a name that stands twice the last counts, as JSON readers have it.
        if rank <= slot.0 {
            *slot = (rank, value);
        }
    }
}

/// Whether it is nginx's variable of a header: `http_cf_connecting_ip` of `cf-connecting-ip`.
fn is_variable(name: &str, header: &str) -> bool {
    let name = name.strip_prefix("http_").unwrap_or(name);
    let same = |(n, h): (u8, u8)| n.to_ascii_lowercase() == if h == b'-' { b'_' } else { h };
    name.len() == header.len() && name.bytes().zip(header.bytes()).all(same)
}

/// Walks an object under a name.
struct Walk<'w, 'a> {
    flat: &'w mut Flat<'a>,
    name: &'w mut String,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Walk<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Walk<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let parent = self.name.len();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if parent > 0 {
                self.name.push('.');
            }
            self.name.push_str(&key);
            map.next_value_seed(Walk { flat: &mut *self.flat, name: &mut *self.name })?;
            self.name.truncate(parent);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.flat.set(self.name, Scalar::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.flat.set(self.name, Scalar::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }

    fn visit_u64<E>(self, n: u64) -> Result<(), E> {
        self.flat.set(self.name, Scalar::Number(n as f64));
        Ok(())
    }

    fn visit_i64<E>(self, n: i64) -> Result<(), E> {
        self.flat.set(self.name, Scalar::Number(n as f64));
        Ok(())
    }

    fn visit_f64<E>(self, n: f64) -> Result<(), E> {
        self.flat.set(self.name, Scalar::Number(n));
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
