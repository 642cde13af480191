//! Distinguished names in their string form (RFC 4514), read by hand: the one thing wanted of them
//! is the domain, and what a directory sends is not always tidy.

/// Attribute types that carry one label of a domain: the short name and its object identifier.
const DOMAIN_COMPONENT: [&str; 2] = ["dc", "0.9.2342.19200300.100.1.25"];

/// The DNS domain spelled by the `dc` parts of a distinguished name, `None` when it has none.
///
/// Multi-valued RDNs, any letter case, white space around the signs, escapes (`\,`, `\2C`), quoted
/// and hexadecimal values are understood; empty `dc` parts are passed over.
///
/// # Errors
/// A sentence fragment that says what is not a distinguished name about `text`.
pub(super) fn domain_of(text: &str) -> Result<Option<String>, &'static str> {
    let mut labels = Vec::new();
    for part in split_parts(text)? {
        let (kind, value) = part.split_once('=').ok_or("a part has no `=`")?;
        let kind = kind.trim();
        if kind.is_empty() {
            return Err("a part has no attribute type");
        }
        // Nothing else is wanted of the name, so nothing else has to be understood.
        let is_domain = |known: &&str| kind.eq_ignore_ascii_case(known);
        if !DOMAIN_COMPONENT.iter().any(is_domain) {
            continue;
        }
        let value = value_of(value)?;
        let label = value.trim_matches(|end: char| end == '.' || end.is_whitespace());
        if !label.is_empty() {
            labels.push(label.to_owned());
        }
    }
    Ok((!labels.is_empty()).then(|| labels.join(".")))
}

/// Splits at commas, semicolons (RFC 2253 writers) and plus signs that are neither escaped nor
/// inside quotes. Escapes and quotes stay in the parts.
fn split_parts(text: &str) -> Result<Vec<&str>, &'static str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let (mut escaped, mut quoted) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            // A quotation is a whole value; elsewhere the sign stands for itself.
            '"' if quoted => quoted = false,
            '"' if text[start..at].trim_end().ends_with('=') => quoted = true,
            ',' | ';' | '+' if !quoted => {
                parts.push(&text[start..at]);
                start = at + character.len_utf8();
            }
            _ => {}
        }
    }
    if escaped {
        return Err("it ends inside an escape");
    }
    if quoted {
        return Err("it ends inside a quotation");
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    Ok(parts)
}

/// The text of a value: escaped, in quotes (`"Sales, EMEA"`, RFC 2253) or in hexadecimal (`#…`).
fn value_of(written: &str) -> Result<String, &'static str> {
    let trimmed = written.trim();
    if let Some(digits) = trimmed.strip_prefix('#') {
        return from_hexadecimal(digits);
    }
    let Some(rest) = trimmed.strip_prefix('"') else {
        return unescape(written);
    };
    let inside = rest
        .strip_suffix('"')
        .ok_or("something stands behind a quotation")?;
    // With its quotes, so that white space next to them stays.
    let mut value = unescape(&format!("\"{inside}\""))?;
    value.pop();
    value.remove(0);
    Ok(value)
}

/// The string whose BER encoding is spelled in hexadecimal: one of the types that hold text, with
/// a short length.
fn from_hexadecimal(digits: &str) -> Result<String, &'static str> {
    const WRONG: &str = "a hexadecimal value is not the encoding of a string";
    /// OCTET STRING, UTF8String, PrintableString, TeletexString, IA5String.
    const TEXT_TAGS: [u8; 5] = [0x04, 0x0c, 0x13, 0x14, 0x16];
    let nibbles = digits
        .bytes()
        .map(hex)
        .collect::<Option<Vec<_>>>()
        .ok_or(WRONG)?;
    if nibbles.len() % 2 != 0 {
        return Err(WRONG);
    }
    let bytes: Vec<_> = nibbles
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    match bytes.split_first_chunk::<2>() {
        Some(([tag, length], content))
            if TEXT_TAGS.contains(tag)
                && *length < 0x80
                && usize::from(*length) == content.len() =>
        {
            String::from_utf8(content.to_vec()).map_err(|_| WRONG)
        }
        _ => Err(WRONG),
    }
}

/// Undoes escapes: `\` and a special character, or `\` and two hexadecimal digits for one byte of
/// UTF-8. White space at the ends counts only when escaped.
fn unescape(value: &str) -> Result<String, &'static str> {
    let value = value.trim_start();
    let mut bytes = Vec::with_capacity(value.len());
    // Length up to which white space at the end was escaped and so belongs to the value.
    let mut kept = 0;
    let mut rest = value.as_bytes().iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let first = rest.next().ok_or("it ends inside an escape")?;
        match (hex(first), rest.peek().copied().and_then(hex)) {
            (Some(high), Some(low)) => {
                rest.next();
                bytes.push(high << 4 | low);
            }
            _ => bytes.push(first),
        }
        kept = bytes.len();
    }
    while bytes.len() > kept && bytes.last().is_some_and(u8::is_ascii_whitespace) {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| "an escaped value is not UTF-8")
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Option<&str>, &'static str>) {
        assert_eq!(
            domain_of(text),
            expected.map(|found| found.map(str::to_owned)),
            "{text}"
        );
    }

    #[test]
    fn domains_are_read_from_tidy_and_untidy_names() {
        check(
            "uid=joe.user,ou=HelpDesk,dc=acme-inc,dc=com",
            Ok(Some("acme-inc.com")),
        );
        check(
            "CN=Joe,DC=corp,DC=acme,DC=example",
            Ok(Some("corp.acme.example")),
        );
        check(
            "cn = Joe User , dC = corp , Dc = example",
            Ok(Some("corp.example")),
        );
        check(
            "cn=User\\, Joe,dc=acme,dc=example",
            Ok(Some("acme.example")),
        );
        check("cn=Joe\\+dc=evil,dc=acme", Ok(Some("acme")));
        check(
            "cn=Joe+uid=joe,dc=acme+o=Acme,dc=example",
            Ok(Some("acme.example")),
        );
        check("cn=Joe;dc=acme;dc=example", Ok(Some("acme.example")));
        check("cn=Joe,dc=\\61cme,dc=example", Ok(Some("acme.example")));
        check(
            "cn=J\\C3\\B6,dc=b\\C3\\BCro,dc=example",
            Ok(Some("büro.example")),
        );
        check("cn=Joe,0.9.2342.19200300.100.1.25=acme", Ok(Some("acme")));
        check(
            "cn=Joe,dc=,dc=acme,dc= ,dc=example",
            Ok(Some("acme.example")),
        );
        check("cn=Joe,dc=acme.,dc=example", Ok(Some("acme.example")));
    }

    #[test]
    fn values_in_quotes_and_in_hexadecimal_are_read() {
        check(
            "CN=Joe,OU=\"Sales, EMEA; +1\",DC=acme,DC=example",
            Ok(Some("acme.example")),
        );
        check(
            "cn=Joe,dc = \"acme\" ,dc=\"exam\\70le\"",
            Ok(Some("acme.example")),
        );
        check("cn=5\" disk,dc=acme", Ok(Some("acme")));
        check(
            "cn=Joe,dc=\"acme,dc=example",
            Err("it ends inside a quotation"),
        );
        check(
            "cn=Joe,dc=\"acme\"x",
            Err("something stands behind a quotation"),
        );
        check("cn=Joe,dc=#040461636d65,dc=#16026f6b", Ok(Some("acme.ok")));
        check("cn=#1e020041,dc=acme", Ok(Some("acme")));
        for wrong in [
            "#04034142",
            "#0402414",
            "#04xx",
            "#",
            "#300461636d65",
            "#0402fffe",
        ] {
            check(
                &format!("cn=Joe,dc={wrong}"),
                Err("a hexadecimal value is not the encoding of a string"),
            );
        }
    }

    #[test]
    fn a_name_without_domain_parts_has_no_domain() {
        check("", Ok(None));
        check("cn=Joe,ou=People,o=Acme", Ok(None));
        check("cn=Joe\\ ,ou=People", Ok(None));
        check("cn=dc\\=acme", Ok(None));
    }

    #[test]
    fn what_is_no_distinguished_name_is_said() {
        check("joe.user", Err("a part has no `=`"));
        check("=joe", Err("a part has no attribute type"));
        check("cn=Joe,dc=acme\\", Err("it ends inside an escape"));
        check("cn=Joe,dc=\\FF", Err("an escaped value is not UTF-8"));
    }

    #[test]
    fn only_escaped_white_space_at_the_end_belongs_to_a_value() {
        assert_eq!(unescape(" x  "), Ok("x".into()));
        assert_eq!(unescape(" x\\ "), Ok("x ".into()));
    }
}
