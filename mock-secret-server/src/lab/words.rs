//! Texts and small tables of a row, as they stand in the lab file.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// A text that is borrowed from the file where it stands there as it is.
#[derive(Debug)]
pub(super) struct Word<'t>(Cow<'t, str>);

impl Deref for Word<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 't, 't> Deserialize<'de> for Word<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Characters)
    }
}

struct Characters;

impl<'de> Visitor<'de> for Characters {
    type Value = Word<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Word(text.into()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Word(text.into()))
    }
}

/// Values in the order of their names. A row of a lab has few of them and a lab has many
/// rows, so that a map's node for each would be most of what reading it takes.
#[derive(Debug)]
pub(super) struct ByName<'t, V>(Vec<(Word<'t>, V)>);

impl<'t, V> ByName<'t, V> {
    pub(super) fn names(&self) -> impl Iterator<Item = &Word<'t>> {
        self.0.iter().map(|(name, _)| name)
    }

    pub(super) fn into_values(self) -> impl Iterator<Item = V> {
        self.0.into_iter().map(|(_, value)| value)
    }
}

impl<V> Default for ByName<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de: 't, 't, V: Deserialize<'de>> Deserialize<'de> for ByName<'t, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
    type Value = ByName<'de, V>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        entries.sort_unstable_by(|one: &(Word<'_>, V), other| one.0.cmp(&other.0));
        Ok(ByName(entries))
    }
}
