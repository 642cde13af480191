//! Names, characters and references of XML 1.0.

use std::borrow::Cow;

/// The part after the prefix, or nothing when the name is not one.
pub(super) fn local_name(name: &str) -> Option<&str> {
    let local = match name.split_once(':') {
        Some((prefix, local)) if is_ncname(prefix) => local,
        Some(_) => return None,
        None => name,
    };
    is_ncname(local).then_some(local)
}

fn is_ncname(name: &str) -> bool {
    let later = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_-.".contains(&byte);
    let first = name.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte >= 0x80 || byte == b'_')
        && name.bytes().all(later)
}

/// No control character but tab, line feed and carriage return.
pub(super) fn is_allowed(byte: u8) -> bool {
    byte >= 0x20 || byte == b'\t' || byte == b'\n' || byte == b'\r'
}

/// Nothing but white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Character data as it may stand between tags. Control characters were looked for before.
pub(super) fn is_character_data(text: &str) -> bool {
    // Both suspects start with a rare byte: one scan settles almost every text.
    memchr::memchr2(b']', 0xef, text.as_bytes()).is_none()
        || !(text.contains("]]>") || text.contains(['\u{fffe}', '\u{ffff}']))
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

/// An attribute's value without references; `None` when one is unknown or a `<` stands in it.
pub(super) fn unescaped(raw: &str) -> Option<String> {
    if raw.contains('<') {
        return None;
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, reference)) = rest.split_once('&') {
        let (name, tail) = reference.split_once(';')?;
        out.push_str(plain);
        out.push_str(&entity(name)?);
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}
