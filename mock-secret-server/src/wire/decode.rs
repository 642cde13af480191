//! From body bytes to text, in whatever encoding the request names (soap:§1.5).

mod charset;

use std::borrow::Cow;

use self::charset::Charset;
use super::xml::Malformed;

/// The body as text without a byte order mark.
///
/// The order is the platform's: a byte order mark, the `charset` of the content type, the XML
/// declaration, UTF-8. A charset from the header replaces what does not fit instead of failing,
/// and the declaration is not looked at then, as with a .NET StreamReader (documented soap:NETFX).
/// A charset that the platform does not know counts as none (assumed).
///
/// # Errors
/// When the body is not valid in the encoding that the document itself claims, or when nobody knows
/// that encoding: the platform's reader throws (assumed soap:§1.5).
pub(crate) fn decode<'b>(body: &'b [u8], label: Option<&str>) -> Result<Cow<'b, str>, Malformed> {
    let named = label.and_then(Charset::of);
    if let Some((charset, length)) = Charset::of_mark(body) {
        let body = &body[length..];
        if named.is_some() {
            return Ok(charset.replacing(body));
        }
        let text = charset.exact(body).ok_or(Malformed::Encoding)?;
        declared(text.as_bytes(), charset.is_wide())?;
        return Ok(text);
    }
    match named {
        Some(charset) => Ok(charset.replacing(body)),
        None => declared(body, false)?
            .exact(body)
            .ok_or(Malformed::Encoding),
    }
}

/// A part of a form, without percent-encoding, in the charset of its content type.
pub(crate) fn decode_form<'b>(part: Cow<'b, [u8]>, label: Option<&str>) -> Cow<'b, str> {
    let charset = label.and_then(Charset::of).unwrap_or(Charset::UTF_8);
    match part {
        Cow::Borrowed(bytes) => charset.replacing(bytes),
        Cow::Owned(bytes) => Cow::Owned(charset.replacing(&bytes).into_owned()),
    }
}

/// The encoding by the first bytes and the XML declaration.
fn declared(body: &[u8], is_wide: bool) -> Result<Charset, Malformed> {
    if let Some(charset) = Charset::of_first_bytes(body) {
        return Ok(charset);
    }
    let head = &body[..body.len().min(200)];
    let declaration = head
        .starts_with(b"<?xml")
        .then(|| memchr::memchr(b'>', head))
        .flatten()
        .and_then(|end| std::str::from_utf8(&head[..end]).ok());
    let Some((at, label)) = declaration.and_then(encoding_of) else {
        return Ok(Charset::UTF_8);
    };
    match Charset::of(label) {
        // One byte a character was just read, so the document cannot be what it claims.
        Some(charset) if charset.is_wide() && !is_wide => Err(Malformed::NoByteOrderMark),
        Some(charset) => Ok(charset),
        None => Err(Malformed::UnknownEncoding {
            label: label.to_owned(),
            column: at + 1,
        }),
    }
}

/// The label in a declaration and where it stands.
fn encoding_of(declaration: &str) -> Option<(usize, &str)> {
    let value = declaration.split_once("encoding")?.1.trim_start();
    let value = value.strip_prefix('=')?.trim_start();
    let quote = value
        .chars()
        .next()
        .filter(|quote| matches!(quote, '"' | '\''))?;
    let label = value[1..].split(quote).next()?;
    Some((declaration.len() - value.len() + 1, label))
}

/// A content type, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContentType<'t> {
    /// What stands before the parameters.
    pub(crate) base: &'t str,
    /// The parameter `charset`, unquoted.
    pub(crate) charset: Option<&'t str>,
    /// The parameter `action`, unquoted.
    pub(crate) action: Option<&'t str>,
}

impl<'t> ContentType<'t> {
    /// Reads the header's value; names are known in any case, and the first of one name counts.
    pub(crate) fn of(value: &'t str) -> Self {
        let mut parts = value.split(';');
        let base = parts.next().unwrap_or("").trim();
        let mut read = Self {
            base,
            ..Self::default()
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let name = name.trim();
            let place = if name.eq_ignore_ascii_case("charset") {
                &mut read.charset
            } else if name.eq_ignore_ascii_case("action") {
                &mut read.action
            } else {
                continue;
            };
            place.get_or_insert(value.trim().trim_matches('"'));
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_found_where_the_request_names_them() {
        let utf16: Vec<u8> = "<é/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases: &[(&[u8], Option<&str>, &str)] = &[
            ("<é/>".as_bytes(), None, "<é/>"),
            (b"\xef\xbb\xbf<a/>", None, "<a/>"),
            (b"<\xe9/>", Some("iso-8859-1"), "<é/>"),
            (
                b"<?xml version='1.0' encoding='ISO-8859-1'?><\xe9/>",
                None,
                "<?xml version='1.0' encoding='ISO-8859-1'?><é/>",
            ),
            (&utf16, None, "<é/>"),
            (&utf16, Some("utf-16"), "<é/>"),
            (b"<\xe9/>", Some("utf-8"), "<\u{fffd}/>"),
            (b"<a/>", Some("no-such-charset"), "<a/>"),
            // Latin-1 has control characters where windows-1252 has typography.
            (b"\x80\x9f\xe9", Some("iso-8859-1"), "\u{80}\u{9f}é"),
            (b"\x80\xe9", Some("windows-1252"), "€é"),
            (b"\x80\xfd", Some("iso-8859-9"), "\u{80}ı"),
            (b"\x80\xfd", Some("windows-1254"), "€ı"),
            (b"a\xe9", Some("us-ascii"), "a?"),
            (b"\x82\xe1", Some("ibm850"), "éß"),
            (b"\x82\xe1", Some("IBM437"), "éß"),
            (b"\xd5", Some("cp858"), "€"),
            (
                b"<?xml version='1.0' encoding='ibm437'?>\x82",
                None,
                "<?xml version='1.0' encoding='ibm437'?>é",
            ),
            (b"\xff\xfe\0\0<\0\0\0", None, "<"),
            (b"\0\0\xfe\xff\0\x01\xf6\0", None, "\u{1f600}"),
            (b"<\0\0\0\xe9\0\0\0", None, "<é"),
            (b"\0\0\0<", None, "<"),
            (b"<\0\0\0", Some("utf-32"), "<"),
            (b"\0\0\0<\0\0", Some("UTF-32BE"), "<\u{fffd}"),
        ];
        for (body, charset, text) in cases {
            assert_eq!(decode(body, *charset).as_deref(), Ok(*text), "{charset:?}");
        }
    }

    #[test]
    fn what_is_not_in_its_own_encoding_is_no_document() {
        let unknown = Malformed::UnknownEncoding {
            label: "x-none".into(),
            column: 31,
        };
        let cases: &[(&[u8], Malformed)] = &[
            (b"<\xe9/>", Malformed::Encoding),
            (b"<\0\0\0\0\xd8\0\0", Malformed::Encoding),
            (
                b"<?xml version='1.0' encoding='x-none'?><a/>",
                unknown.clone(),
            ),
            (
                b"\xef\xbb\xbf<?xml version='1.0' encoding='x-none'?><a/>",
                unknown,
            ),
            (
                b"<?xml version='1.0' encoding='utf-16'?><a/>",
                Malformed::NoByteOrderMark,
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(decode(body, None).as_ref(), Err(expected));
            assert!(decode(body, Some("utf-8")).is_ok(), "the header decides");
        }
    }

    #[test]
    fn parameters_of_a_content_type_are_unquoted() {
        let read = ContentType::of(" text/xml ; Charset=\"UTF-8\"; a=b; charset=none");
        assert_eq!((read.base, read.charset), ("text/xml", Some("UTF-8")));
        assert_eq!(read.action, None);
        let read = ContentType::of("application/soap+xml; ACTION=\"urn:x\";");
        assert_eq!((read.charset, read.action), (None, Some("urn:x")));
        assert_eq!(ContentType::of(""), ContentType::default());
    }
}
