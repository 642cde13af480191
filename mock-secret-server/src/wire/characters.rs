//! Names, characters and references of XML 1.0.

use std::borrow::Cow;

/// Whether a byte may stand anywhere in a name.
const ANYWHERE: [bool; 256] = {
    let mut anywhere = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        #[allow(clippy::cast_possible_truncation, reason = "below 128")]
        let one = byte as u8;
        anywhere[byte] = one.is_ascii_alphabetic() || one == b'_';
        byte += 1;
    }
    anywhere
};

/// The prefix, empty when there is none, and the part after it; nothing when this is not a name.
/// Every tag and every attribute passes through here, and nearly all names are letters only.
pub(super) fn split_name(name: &str) -> Option<(&str, &str)> {
    let letters = |part: &str| {
        // No early exit: a name is short.
        let all = part
            .bytes()
            .fold(true, |all, byte| all & ANYWHERE[usize::from(byte)]);
        all && !part.is_empty()
    };
    if letters(name) {
        return Some(("", name));
    }
    let colon = memchr::memchr(b':', name.as_bytes());
    let (prefix, local) = colon.map_or(("", name), |at| (&name[..at], &name[at + 1..]));
    let is_part = |part| letters(part) || is_ncname(part);
    ((colon.is_none() || is_part(prefix)) && is_part(local)).then_some((prefix, local))
}

/// A name without a colon. The tables are those of XML 1.0, fifth edition, without the characters
/// beyond the basic plane: the platform reads by an older edition that has none of them.
pub(super) fn is_ncname(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(starts_a_name) && characters.all(continues_a_name)
}

fn starts_a_name(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphabetic() || character == '_';
    }
    matches!(character,
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}'
        | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}')
}

fn continues_a_name(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    }
    starts_a_name(character)
        || matches!(character, '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Where the first control character stands that is no tab, line feed or carriage return.
pub(super) fn control(text: &str) -> Option<usize> {
    // Without an early exit the compiler looks at many bytes at once, and most texts have none.
    let least = text.bytes().fold(u8::MAX, u8::min);
    if least >= 0x20 {
        return None;
    }
    let forbidden = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    text.bytes().position(forbidden)
}

/// Nothing but white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Where the first of the two characters stands that look like characters and are none: U+FFFE
/// and U+FFFF. Their first byte is rare.
pub(super) fn noncharacter(text: &str) -> Option<usize> {
    memchr::memchr_iter(0xef, text.as_bytes())
        .find(|&at| matches!(text.as_bytes()[at..], [_, 0xbf, 0xbe | 0xbf, ..]))
}

/// Character data as it may stand between tags. Forbidden characters were looked for before.
pub(super) fn is_character_data(text: &str) -> bool {
    memchr::memchr(b']', text.as_bytes()).is_none() || !text.contains("]]>")
}

/// What `&name;` stands for: the five entities of XML and character references.
pub(super) fn entity(name: &str) -> Option<Cow<'static, str>> {
    Some(Cow::Borrowed(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = number
                .strip_prefix('x')
                .map_or((number, 10), |hex| (hex, 16));
            let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let code = plain
                .then(|| u32::from_str_radix(digits, radix).ok())
                .flatten()?;
            let character = char::from_u32(code).filter(|&character| is_xml_char(character))?;
            return Some(Cow::Owned(character.to_string()));
        }
    }))
}

fn is_xml_char(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => character >= ' ',
    }
}

/// An attribute's value without references; `None` when it cannot be one.
pub(super) fn unescaped(raw: &str) -> Option<Cow<'_, str>> {
    if is_plain(raw) {
        return Some(Cow::Borrowed(raw));
    }
    let mut out = String::with_capacity(raw.len());
    for piece in pieces(raw)? {
        out.push_str(&piece?);
    }
    Some(Cow::Owned(out))
}

/// No reference and no markup.
fn is_plain(raw: &str) -> bool {
    memchr::memchr2(b'&', b'<', raw.as_bytes()).is_none()
}

/// Texts and resolved references by turns.
fn pieces(raw: &str) -> Option<impl Iterator<Item = Option<Cow<'_, str>>>> {
    if memchr::memchr(b'<', raw.as_bytes()).is_some() {
        return None;
    }
    let mut parts = raw.split('&');
    let first = parts.next().unwrap_or("");
    let rest = parts.flat_map(|part| {
        let (name, text) = part.split_once(';').unwrap_or(("", ""));
        [entity(name), Some(Cow::Borrowed(text))]
    });
    Some(std::iter::once(Some(Cow::Borrowed(first))).chain(rest))
}
