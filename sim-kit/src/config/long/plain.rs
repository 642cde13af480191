//! Rows in the plainest form of TOML: the header, then on each line a key and a value, which is a
//! string on one line, a whole number, `true`, `false`, or an inline table or array of these; then
//! the tables within the row, each under a header of its own. That is how a program writes a hundred
//! thousand rows. They are read where they stand, without the document that the library makes of
//! them first, which costs ten times what the row itself does.
//!
//! Whatever else TOML has, and every mistake, is nothing here: the library reads it then.

mod scan;

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use scan::{Header, Scan, unescaped};

/// How deep tables and arrays may lie in each other.
const DEPTH_MAX: u32 = 8;

/// Gives `keep` the rows of one piece, each under the header `[[name]]`; nothing when they are not
/// plain.
pub(super) fn rows<'t, R: Deserialize<'t>>(
    piece: &'t str,
    name: &str,
    mut keep: impl FnMut(R),
) -> Option<()> {
    let mut scan = Scan::new(piece);
    while !scan.at_end() {
        if scan.header()? != Header::of_array(name) {
            return None;
        }
        let scan = &mut scan;
        let row = Under {
            scan,
            name,
            depth: 0,
        };
        keep(R::deserialize(row).ok()?);
    }
    Some(())
}

/// This is not plain, or not what is expected: the library will say what it is.
#[derive(Debug, thiserror::Error)]
#[error("not plain")]
struct NotPlain;

impl de::Error for NotPlain {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The lines under a header, and the tables within it.
struct Under<'s, 't, 'n> {
    scan: &'s mut Scan<'t>,
    name: &'n str,
    depth: u32,
}

impl<'de> Deserializer<'de> for Under<'_, 'de, '_> {
    type Error = NotPlain;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        let keys_from = self.scan.enter();
        let value = visitor.visit_map(Lines {
            scan: &mut *self.scan,
            name: self.name,
            depth: self.depth,
            keys_from,
            within: None,
        })?;
        self.scan.leave(keys_from);
        Ok(value)
    }

    /// What stands there is there.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Lines<'s, 't, 'n> {
    scan: &'s mut Scan<'t>,
    name: &'n str,
    depth: u32,
    keys_from: usize,
    /// The header of a table within this one, when its name was the key.
    within: Option<Header<'t>>,
}

impl<'t> Lines<'_, 't, '_> {
    /// The next key, or `Some(None)` at the end.
    #[allow(clippy::option_option, reason = "what is not plain, and the end")]
    fn key(&mut self) -> Option<Option<&'t str>> {
        if self.scan.at_end() {
            return Some(None);
        }
        let key = if self.scan.at_header() {
            let header = self.scan.peeked_header()?;
            let below = header.name.strip_prefix(self.name);
            let Some(key) = below.and_then(|rest| rest.strip_prefix('.')) else {
                return Some(None);
            };
            if key.is_empty() || key.contains('.') || self.depth == DEPTH_MAX {
                return None;
            }
            self.within = Some(header);
            key
        } else {
            self.scan.key()?
        };
        self.scan.new_key(self.keys_from, key).map(Some)
    }
}

impl<'t> MapAccess<'t> for Lines<'_, 't, '_> {
    type Error = NotPlain;

    fn next_key_seed<K: DeserializeSeed<'t>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NotPlain> {
        let key = self.key().ok_or(NotPlain)?;
        key.map(|key| seed.deserialize(BorrowedStrDeserializer::new(key)))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, NotPlain> {
        let scan = &mut *self.scan;
        let Some(Header { array, name }) = self.within.take() else {
            let value = seed.deserialize(Inline { scan, depth: 0 })?;
            self.scan.line_end().ok_or(NotPlain)?;
            return Ok(value);
        };
        let depth = self.depth + 1;
        if array {
            return seed.deserialize(Tables { scan, name, depth });
        }
        scan.header().ok_or(NotPlain)?;
        seed.deserialize(Under { scan, name, depth })
    }
}

/// Tables within a row, each under the header `[[name]]`.
struct Tables<'s, 't> {
    scan: &'s mut Scan<'t>,
    name: &'t str,
    depth: u32,
}

impl<'de> Deserializer<'de> for Tables<'_, 'de> {
    type Error = NotPlain;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        visitor.visit_seq(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'t> SeqAccess<'t> for Tables<'_, 't> {
    type Error = NotPlain;

    fn next_element_seed<T: DeserializeSeed<'t>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NotPlain> {
        if self.scan.peeked_header() != Some(Header::of_array(self.name)) {
            return Ok(None);
        }
        self.scan.header().ok_or(NotPlain)?;
        let table = Under {
            scan: &mut *self.scan,
            name: self.name,
            depth: self.depth,
        };
        seed.deserialize(table).map(Some)
    }
}

/// A value behind its key.
struct Inline<'s, 't> {
    scan: &'s mut Scan<'t>,
    depth: u32,
}

impl<'t> Inline<'_, 't> {
    fn listed<T>(
        self,
        opens: &str,
        read: impl FnOnce(&mut Listed<'_, 't>) -> Result<T, NotPlain>,
    ) -> Result<T, NotPlain> {
        if self.depth == DEPTH_MAX {
            return Err(NotPlain);
        }
        self.scan.word(opens).ok_or(NotPlain)?;
        let keys_from = self.scan.enter();
        let mut listed = Listed {
            scan: &mut *self.scan,
            depth: self.depth + 1,
            keys_from,
            first: true,
        };
        let value = read(&mut listed)?;
        self.scan.leave(keys_from);
        Ok(value)
    }
}

impl<'de> Deserializer<'de> for Inline<'_, 'de> {
    type Error = NotPlain;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        match self.scan.next().ok_or(NotPlain)? {
            b'"' | b'\'' => {
                let (text, escapes) = self.scan.quoted().ok_or(NotPlain)?;
                if escapes {
                    visitor.visit_string(unescaped(text).ok_or(NotPlain)?)
                } else {
                    visitor.visit_borrowed_str(text)
                }
            }
            b'{' => self.listed("{", |entries| visitor.visit_map(entries)),
            b'[' => self.listed("[", |values| visitor.visit_seq(values)),
            b't' => {
                self.scan.word("true").ok_or(NotPlain)?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.scan.word("false").ok_or(NotPlain)?;
                visitor.visit_bool(false)
            }
            _ => visitor.visit_i64(self.scan.whole().ok_or(NotPlain)?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotPlain> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPlain> {
        match self.scan.quoted().ok_or(NotPlain)? {
            (text, false) => {
                BorrowedStrDeserializer::new(text).deserialize_enum(name, variants, visitor)
            }
            _ => Err(NotPlain),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// What stands between two brackets, with commas in between.
struct Listed<'s, 't> {
    scan: &'s mut Scan<'t>,
    depth: u32,
    keys_from: usize,
    first: bool,
}

impl<'t> Listed<'_, 't> {
    /// Whether there is another one, up to which this passes; at the end it passes over the bracket.
    fn another(&mut self, closes: &str) -> Result<bool, NotPlain> {
        let first = std::mem::replace(&mut self.first, false);
        if self.scan.word(closes).is_some() {
            return Ok(false);
        }
        if !first {
            self.scan.word(",").ok_or(NotPlain)?;
        }
        Ok(true)
    }

    fn value(&mut self) -> Inline<'_, 't> {
        Inline {
            scan: &mut *self.scan,
            depth: self.depth,
        }
    }
}

impl<'t> MapAccess<'t> for &mut Listed<'_, 't> {
    type Error = NotPlain;

    fn next_key_seed<K: DeserializeSeed<'t>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NotPlain> {
        if !self.another("}")? {
            return Ok(None);
        }
        let key = self.scan.key().ok_or(NotPlain)?;
        let key = self.scan.new_key(self.keys_from, key).ok_or(NotPlain)?;
        seed.deserialize(BorrowedStrDeserializer::new(key))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, NotPlain> {
        seed.deserialize(self.value())
    }
}

impl<'t> SeqAccess<'t> for &mut Listed<'_, 't> {
    type Error = NotPlain;

    fn next_element_seed<T: DeserializeSeed<'t>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NotPlain> {
        if !self.another("]")? {
            return Ok(None);
        }
        seed.deserialize(self.value()).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use toml::Value;

    use super::*;

    fn plain(text: &str) -> Option<Vec<Value>> {
        let mut all = Vec::new();
        rows(text, "rows", |row| all.push(row))?;
        Some(all)
    }

    fn by_the_library(text: &str) -> Option<Vec<Value>> {
        let mut document: toml::Table = toml::from_str(text).ok()?;
        match document.remove("rows")? {
            Value::Array(rows) => Some(rows),
            _ => None,
        }
    }

    #[test]
    fn plain_rows_read_as_the_library_reads_them() {
        for text in [
            "[[rows]]\n",
            "[[rows]]\na = 1\n\n  [[rows]]  \n\tb-2 =\"x\"\t\n[[rows]]",
            "[[rows]]\r\na = true\r\n\r\nb = false\r\n",
            "[[rows]]\na = { \"b c\" = 'd\\e', e = { f = [ 1, 22 ] } }\ng = []\nh = {}\ni = ''",
            "[[rows]]\nname = \"ünïcode # no comment [[rows]]\"\n",
            "[[rows]]\nname = \"ACME\\\\bob said \\\"\\tü\\n\\\\\"\nid = 0\n",
            "[[rows]]\na = 1\n[rows.b]\nc = 1\n[rows.b.d]\n\n[rows.bb]\nc = 2\n[[rows]]\n",
            "[[rows]]\na = 1\n [[rows.b]] \nc = 1\n[[rows.b.d]]\n[[rows.b.d]]\ne = 1\n\
             [[rows.b]]\nc = 2\n[[rows]]\na = 2\n[[rows.b]]\n",
        ] {
            let read = plain(text);
            assert!(read.is_some(), "{text}");
            assert_eq!(read, by_the_library(text), "{text}");
        }
    }

    #[test]
    fn whatever_is_not_plain_is_nothing() {
        for line in [
            "a = \"\\u00e9\"",
            "a = \"\\x\"",
            "a = \"x\\\"",
            "\"a\\n\" = 1",
            "a = 1 # why",
            "# why",
            "a.b = 1",
            "a = 1.5",
            "a = 01",
            "a = -1",
            "a = 1_000",
            "a = 99999999999999999999",
            "a = 1979-05-27",
            "a = truest",
            "a = \"x",
            "a = \"x\" b = 1",
            "a = \"\u{7f}\"",
            "a = \"\u{1}\"",
            "a = [1,\n2]",
            "a = [1,]",
            "a = { b = 1, b = 2 }",
            "a = 1\na = 2",
            "a = 1\n\"a\" = 2",
            "= 1",
            "a",
            "a =",
            "[rows.a.b]",
            "[rows.a]\n[[rows.a]]",
            "[[rows.a]]\n[[rows.b]]\n[[rows.a]]",
            "a = 1\n[rows.a]",
            "[[rows.a]] b = 1",
            "[[rows.\"a\"]]",
            "[ rows.a ]",
            "[[other]]",
            "[[rowss]]",
            "[rows]",
            "[[rows]] a = 1",
            "a = \"\"\"\"\"\"",
            "a = [[[[[[[[[[1]]]]]]]]]]",
        ] {
            let text = format!("[[rows]]\n{line}\n");
            assert_eq!(plain(&text), None, "{text}");
        }
        assert_eq!(plain("a = 1\n[[rows]]\n"), None);
    }
}
