//! Rows in the plainest form of TOML: the header, then on each line a key and a value, which is a
//! string without escapes, a whole number, `true`, `false`, or an inline table or array of these.
//! That is how a program writes a hundred thousand rows. They are read without the document that
//! the library makes of them first, which costs ten times what the row itself does.
//!
//! Whatever else TOML has, and every mistake, is nothing here: the library reads it then.

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// How deep tables and arrays may lie in each other.
const DEPTH_MAX: u32 = 8;

/// The rows of one piece, each under the header `[[…]]`; nothing when they are not plain.
pub(super) fn rows<R: DeserializeOwned>(piece: &str, header: &str) -> Option<Vec<R>> {
    let mut scan = Scan { rest: piece };
    let mut rows = Vec::new();
    scan.blank_lines();
    while !scan.rest.is_empty() {
        scan.word(header)?;
        scan.line_end()?;
        let row = scan.row()?.into_iter();
        rows.push(R::deserialize(MapDeserializer::<_, Error>::new(row)).ok()?);
    }
    Some(rows)
}

/// A value.
#[derive(Debug)]
enum Plain<'t> {
    Text(&'t str),
    Whole(i64),
    Flag(bool),
    Table(Entries<'t>),
    List(Vec<Plain<'t>>),
}

type Entries<'t> = Vec<(&'t str, Plain<'t>)>;

/// What has not been read yet.
struct Scan<'t> {
    rest: &'t str,
}

impl<'t> Scan<'t> {
    fn next(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    /// Passes over `length` bytes, at the end of which a character ends.
    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> &'t str {
        let bytes = self.rest.bytes();
        self.take(bytes.take_while(|&byte| fits(byte)).count())
    }

    fn space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Passes over `word`, and the space behind it.
    fn word(&mut self, word: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        self.space();
        Some(())
    }

    fn line_end(&mut self) -> Option<()> {
        if !self.rest.is_empty() {
            let line = self.rest.strip_prefix('\r').unwrap_or(self.rest);
            self.rest = line.strip_prefix('\n')?;
        }
        self.blank_lines();
        Some(())
    }

    /// Stands at the first word of a line, or at the end, after this.
    fn blank_lines(&mut self) {
        loop {
            self.space();
            let line = self.rest.strip_prefix('\r').unwrap_or(self.rest);
            match line.strip_prefix('\n') {
                Some(next) => self.rest = next,
                None => return,
            }
        }
    }

    /// The lines up to the next header.
    fn row(&mut self) -> Option<Entries<'t>> {
        let mut entries = Entries::with_capacity(8);
        while self.next().is_some_and(|byte| byte != b'[') {
            self.entry(&mut entries, 0)?;
            self.line_end()?;
        }
        Some(entries)
    }

    fn entry(&mut self, entries: &mut Entries<'t>, depth: u32) -> Option<()> {
        let key = self.key()?;
        self.space();
        self.word("=")?;
        let value = self.value(depth)?;
        if entries.iter().any(|(other, _)| *other == key) {
            return None;
        }
        entries.push((key, value));
        Some(())
    }

    fn key(&mut self) -> Option<&'t str> {
        if let Some(b'"' | b'\'') = self.next() {
            return self.quoted();
        }
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        Some(self.take_while(bare)).filter(|key| !key.is_empty())
    }

    fn quoted(&mut self) -> Option<&'t str> {
        let quote = self.next()?;
        self.take(1);
        let escapes = quote == b'"';
        let text = self
            .take_while(|byte| byte != quote && (byte >= b' ' || byte == b'\t') && byte != 0x7f);
        if self.next()? != quote || escapes && text.contains('\\') {
            return None;
        }
        self.take(1);
        Some(text)
    }

    /// A value and the space behind it.
    fn value(&mut self, depth: u32) -> Option<Plain<'t>> {
        let value = match self.next()? {
            b'"' | b'\'' => Plain::Text(self.quoted()?),
            b't' => self.word("true").map(|()| Plain::Flag(true))?,
            b'f' => self.word("false").map(|()| Plain::Flag(false))?,
            b'1'..=b'9' => {
                let digits = self.take_while(|byte| byte.is_ascii_digit());
                Plain::Whole(digits.parse().ok()?)
            }
            _ if depth == DEPTH_MAX => return None,
            b'{' => {
                let mut entries = Entries::with_capacity(4);
                self.listed("{", "}", |scan| scan.entry(&mut entries, depth + 1))?;
                Plain::Table(entries)
            }
            b'[' => {
                let mut values = Vec::new();
                self.listed("[", "]", |scan| {
                    values.push(scan.value(depth + 1)?);
                    Some(())
                })?;
                Plain::List(values)
            }
            _ => return None,
        };
        self.space();
        Some(value)
    }

    /// What stands between two brackets, with commas in between.
    fn listed(
        &mut self,
        open: &str,
        close: &str,
        mut one: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.word(open)?;
        if self.word(close).is_some() {
            return Some(());
        }
        loop {
            one(self)?;
            if self.word(",").is_none() {
                return self.word(close);
            }
        }
    }
}

impl<'de> IntoDeserializer<'de, Error> for Plain<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Plain<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => visitor.visit_borrowed_str(text),
            Self::Whole(number) => visitor.visit_i64(number),
            Self::Flag(flag) => visitor.visit_bool(flag),
            Self::Table(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
            Self::List(values) => visitor.visit_seq(SeqDeserializer::new(values.into_iter())),
        }
    }

    /// What stands there is there.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => {
                let text: serde::de::value::StrDeserializer<'_, Error> = text.into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            other => other.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use toml::Value;

    use super::*;

    const HEADER: &str = "[[rows]]";

    fn plain(text: &str) -> Option<Vec<Value>> {
        rows(text, HEADER)
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
        ] {
            let read = plain(text);
            assert!(read.is_some(), "{text}");
            assert_eq!(read, by_the_library(text), "{text}");
        }
    }

    #[test]
    fn whatever_is_not_plain_is_nothing() {
        for line in [
            "a = \"\\n\"",
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
            "[rows.a]",
            "[[rows.a]]",
            "[[other]]",
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
