//! The attributes of a tag, and of the XML declaration, as they are written.

use super::super::characters::is_blank;

/// One attribute, its value without quotes and with its references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attribute<'t> {
    pub(super) name: &'t str,
    pub(super) value: &'t str,
}

/// Goes through what stands between a tag's name and its end. Names and values are not looked at;
/// white space, equals signs and quotes must be where XML wants them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes<'t> {
    rest: &'t str,
}

/// White space, an equals sign or a quote is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unseparated;

impl<'t> Attributes<'t> {
    pub(super) fn of(raw: &'t str) -> Self {
        Self { rest: raw }
    }

    fn read(rest: &'t str) -> Option<(Attribute<'t>, &'t str)> {
        let trimmed = trim_start(rest);
        if trimmed.len() == rest.len() {
            return None;
        }
        let end = trimmed
            .bytes()
            .position(|byte| byte == b'=' || is_space(byte))?;
        let (name, rest) = trimmed.split_at(end);
        let rest = trim_start(trim_start(rest).strip_prefix('=')?);
        let quote = rest
            .bytes()
            .next()
            .filter(|quote| matches!(quote, b'"' | b'\''))?;
        let rest = &rest[1..];
        let end = memchr::memchr(quote, rest.as_bytes())?;
        Some((
            Attribute {
                name,
                value: &rest[..end],
            },
            &rest[end + 1..],
        ))
    }
}

impl<'t> Iterator for Attributes<'t> {
    type Item = Result<Attribute<'t>, Unseparated>;

    fn next(&mut self) -> Option<Self::Item> {
        if is_blank(self.rest) {
            return None;
        }
        let Some((attribute, rest)) = Self::read(self.rest) else {
            self.rest = "";
            return Some(Err(Unseparated));
        };
        self.rest = rest;
        Some(Ok(attribute))
    }
}

fn trim_start(text: &str) -> &str {
    let blank = text.bytes().take_while(|byte| is_space(*byte)).count();
    &text[blank..]
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// What nearly every client writes.
const USUAL_DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";

/// Whether this is an XML declaration: version 1.0, then an encoding's name, then `standalone`.
pub(super) fn is_declaration(text: &str) -> bool {
    if text == USUAL_DECLARATION {
        return true;
    }
    let inner = text
        .strip_prefix("<?xml")
        .and_then(|text| text.strip_suffix("?>"));
    let Some(inner) = inner else { return false };
    let mut last = 0;
    for attribute in Attributes::of(inner) {
        let Ok(Attribute { name, value }) = attribute else {
            return false;
        };
        let (place, sound) = match name {
            "version" => (1, value == "1.0"),
            "encoding" => (2, is_encoding_name(value)),
            "standalone" => (3, matches!(value, "yes" | "no")),
            _ => return false,
        };
        if !sound || place <= last || (last == 0 && place != 1) {
            return false;
        }
        last = place;
    }
    last > 0
}

fn is_encoding_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
