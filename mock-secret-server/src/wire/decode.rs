//! From body bytes to text, in whatever encoding the request names (soap:§1.5).

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The body as text without a byte order mark; `None` when it is not valid in the encoding that
/// the document itself claims.
///
/// The order is the platform's: a byte order mark, the `charset` of the content type, the XML
/// declaration, UTF-8. A charset from the header replaces what does not fit instead of failing,
/// as a .NET StreamReader does (documented soap:NETFX).
pub(crate) fn decode<'b>(body: &'b [u8], charset: Option<&str>) -> Option<Cow<'b, str>> {
    let marked = Encoding::for_bom(body);
    if let Some((encoding, length)) = marked {
        return convert(encoding, &body[length..], charset.is_some());
    }
    if let Some(encoding) = charset.and_then(|label| Encoding::for_label(label.trim().as_bytes())) {
        return convert(encoding, body, true);
    }
    convert(declared(body), body, false)
}

fn convert<'b>(encoding: &'static Encoding, body: &'b [u8], replace: bool) -> Option<Cow<'b, str>> {
    if replace {
        return Some(encoding.decode_without_bom_handling(body).0);
    }
    encoding.decode_without_bom_handling_and_without_replacement(body)
}

/// The encoding by the first bytes and the XML declaration.
fn declared(body: &[u8]) -> &'static Encoding {
    match body {
        [b'<', 0, ..] => return UTF_16LE,
        [0, b'<', ..] => return UTF_16BE,
        _ => {}
    }
    let head = &body[..body.len().min(200)];
    let declaration = head
        .starts_with(b"<?xml")
        .then(|| memchr::memchr(b'>', head))
        .flatten()
        .and_then(|end| std::str::from_utf8(&head[..end]).ok());
    let label = declaration.and_then(|text| {
        let value = text
            .split_once("encoding")?
            .1
            .trim_start()
            .strip_prefix('=')?
            .trim_start();
        let quote = value
            .chars()
            .next()
            .filter(|quote| matches!(quote, '"' | '\''))?;
        value[1..].split(quote).next()
    });
    match label.and_then(|label| Encoding::for_label(label.as_bytes())) {
        // One byte a character was just read, so a claim of two is not believed.
        Some(encoding) if encoding != UTF_16LE && encoding != UTF_16BE => encoding,
        _ => UTF_8,
    }
}

/// The `charset` parameter of a content type, unquoted.
pub(crate) fn charset(content_type: &str) -> Option<&str> {
    parameter(content_type, "charset")
}

/// A parameter of a content type by its name in any case, unquoted.
pub(crate) fn parameter<'t>(content_type: &'t str, name: &str) -> Option<&'t str> {
    content_type.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"'))
    })
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
        ];
        for (body, charset, text) in cases {
            assert_eq!(decode(body, *charset).as_deref(), Some(*text));
        }
        assert_eq!(decode(b"<\xe9/>", None), None);
    }

    #[test]
    fn parameters_of_a_content_type_are_unquoted() {
        assert_eq!(charset("text/xml; Charset=\"UTF-8\"; a=b"), Some("UTF-8"));
        assert_eq!(charset("text/xml"), None);
        assert_eq!(
            parameter("application/soap+xml; action=\"urn:x\"", "action"),
            Some("urn:x")
        );
    }
}
