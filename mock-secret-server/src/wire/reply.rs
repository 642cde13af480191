//! Result documents, written as text by the rules of the .NET XmlSerializer (soap:§1.6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sim_kit::clock::SimTime;

use super::{Version, XSD, XSI};
use crate::schema::{Operation, TARGET_NAMESPACE};

/// A document being written.
#[derive(Debug)]
pub(crate) struct Writer {
    out: String,
    /// Depth of indentation; SOAP replies have none.
    indent: Option<usize>,
}

impl Writer {
    /// A SOAP reply on one line: opens everything down to the result element.
    pub(crate) fn soap(version: Version, operation: &Operation) -> Self {
        let mut out = String::with_capacity(1024);
        let name = operation.name;
        for part in [
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"",
            version.namespace(),
            "\" xmlns:xsi=\"",
            XSI,
            "\" xmlns:xsd=\"",
            XSD,
            "\"><soap:Body><",
            name,
            "Response xmlns=\"",
            TARGET_NAMESPACE,
            "\"><",
            name,
            "Result>",
        ] {
            out.push_str(part);
        }
        Self { out, indent: None }
    }

    /// Closes everything and gives the document.
    pub(crate) fn finish_soap(mut self, operation: &Operation) -> String {
        let name = operation.name;
        for part in [
            "</",
            name,
            "Result></",
            name,
            "Response></soap:Body></soap:Envelope>",
        ] {
            self.out.push_str(part);
        }
        self.out
    }

    /// The reply of an HTTP binding: the result alone, named by its type, indented.
    pub(crate) fn plain(operation: &Operation) -> Self {
        let mut out = String::with_capacity(512);
        for part in [
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<",
            operation.result,
            " xmlns:xsi=\"",
            XSI,
            "\" xmlns:xsd=\"",
            XSD,
            "\" xmlns=\"",
            TARGET_NAMESPACE,
            "\">",
        ] {
            out.push_str(part);
        }
        Self {
            out,
            indent: Some(1),
        }
    }

    /// Closes the result and gives the document.
    pub(crate) fn finish_plain(mut self, operation: &Operation) -> String {
        for part in ["\r\n</", operation.result, ">"] {
            self.out.push_str(part);
        }
        self.out
    }

    /// An element with content. An array without items, and a record that wrote nothing, become
    /// an empty element.
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.tag(name);
        let start = self.out.len();
        self.out.push('>');
        self.indent = self.indent.map(|depth| depth + 1);
        content(self);
        self.indent = self.indent.map(|depth| depth - 1);
        if self.out.len() == start + 1 {
            self.out.truncate(start);
            self.out.push_str(" />");
            return;
        }
        self.new_line();
        self.close(name);
    }

    /// A string; null is left out, empty is an empty element.
    pub(crate) fn text<'t>(&mut self, name: &str, value: impl Into<Option<&'t str>>) {
        let Some(value) = value.into() else { return };
        self.tag(name);
        if value.is_empty() {
            self.out.push_str(" />");
            return;
        }
        self.out.push('>');
        escape_text(&mut self.out, value);
        self.close(name);
    }

    /// An `int`.
    pub(crate) fn int(&mut self, name: &str, value: i32) {
        let mut digits = [0_u8; 11];
        self.scalar(name, decimal(value, &mut digits));
    }

    /// A `boolean`.
    pub(crate) fn boolean(&mut self, name: &str, value: bool) {
        self.scalar(name, if value { "true" } else { "false" });
    }

    /// A nullable `int`.
    pub(crate) fn nullable_int(&mut self, name: &str, value: Option<i32>) {
        match value {
            Some(value) => self.int(name, value),
            None => self.nil(name),
        }
    }

    /// A nullable `boolean`.
    pub(crate) fn nullable_boolean(&mut self, name: &str, value: Option<bool>) {
        match value {
            Some(value) => self.boolean(name, value),
            None => self.nil(name),
        }
    }

    /// A `dateTime` in UTC without an offset, as a database gives it; milliseconds only when they
    /// are not zero.
    pub(crate) fn date_time(&mut self, name: &str, value: SimTime) {
        let text = value.to_rfc3339();
        let text = text.trim_end_matches('Z');
        let text = match text.split_once('.') {
            Some((seconds, fraction)) if fraction.bytes().all(|digit| digit == b'0') => seconds,
            Some(_) => text.trim_end_matches('0'),
            None => text,
        };
        self.scalar(name, text);
    }

    /// A nullable `dateTime`.
    pub(crate) fn nullable_date_time(&mut self, name: &str, value: Option<SimTime>) {
        match value {
            Some(value) => self.date_time(name, value),
            None => self.nil(name),
        }
    }

    /// A `base64Binary` on one line; no bytes are an empty element.
    pub(crate) fn base64(&mut self, name: &str, value: &[u8]) {
        if value.is_empty() {
            self.text(name, "");
            return;
        }
        self.tag(name);
        self.out.push('>');
        STANDARD.encode_string(value, &mut self.out);
        self.close(name);
    }

    /// `Errors`, which is always there.
    pub(crate) fn errors(&mut self, texts: &[&str]) {
        self.element("Errors", |errors| {
            for text in texts {
                errors.item(Some(text));
            }
        });
    }

    /// An item of an array of strings, which may be null.
    pub(crate) fn item(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text("string", value),
            None => self.nil("string"),
        }
    }

    /// The null of a nullable value.
    pub(crate) fn nil(&mut self, name: &str) {
        self.tag(name);
        self.out.push_str(" xsi:nil=\"true\" />");
    }

    fn scalar(&mut self, name: &str, value: &str) {
        self.tag(name);
        self.out.push('>');
        self.out.push_str(value);
        self.close(name);
    }

    fn tag(&mut self, name: &str) {
        self.new_line();
        self.out.push('<');
        self.out.push_str(name);
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn new_line(&mut self) {
        if let Some(depth) = self.indent {
            self.out.push_str("\r\n");
            for _ in 0..depth {
                self.out.push_str("  ");
            }
        }
    }
}

/// Escapes character data as XmlTextWriter does: markup, and the characters that XML 1.0 has no place
/// for, which become references (assumed for U+FFFE and U+FFFF). A carriage return goes out as it is,
/// so that a client reads the end of a line as a line feed (documented soap:NETFX).
pub(crate) fn escape_text(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        out.push_str(&rest[..at]);
        let mut length = 1;
        match rest.as_bytes()[at..] {
            [b'&', ..] => out.push_str("&amp;"),
            [b'<', ..] => out.push_str("&lt;"),
            [b'>', ..] => out.push_str("&gt;"),
            [0xef, middle, last, ..] => {
                length = 3;
                match (middle, last) {
                    (0xbf, 0xbe) => out.push_str("&#xFFFE;"),
                    (0xbf, 0xbf) => out.push_str("&#xFFFF;"),
                    _ => out.push_str(&rest[at..at + length]),
                }
            }
            [control, ..] => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.push_str("&#x");
                if control >= 16 {
                    out.push(char::from(HEX[usize::from(control >> 4)]));
                }
                out.push(char::from(HEX[usize::from(control & 15)]));
                out.push(';');
            }
            [] => break,
        }
        rest = &rest[at + length..];
    }
    out.push_str(rest);
}

fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'>' | 0xef)
        || (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// Decimal digits of a number, without the formatting machinery.
fn decimal(value: i32, digits: &mut [u8; 11]) -> &str {
    let mut rest = value.unsigned_abs();
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    std::str::from_utf8(&digits[at..]).unwrap_or("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer {
            out: String::new(),
            indent: None,
        };
        write(&mut writer);
        writer.out
    }

    #[test]
    fn every_value_is_written_as_the_serializer_writes_it() {
        let at = |ms: i64| SimTime(1_503_318_141_000 + ms);
        let cases: [(String, &str); 20] = [
            (written(|w| w.text("Name", None)), ""),
            (written(|w| w.text("Name", "")), "<Name />"),
            (
                written(|w| w.text("Name", "p&w<>\"'")),
                "<Name>p&amp;w&lt;&gt;\"'</Name>",
            ),
            (
                written(|w| w.text("Name", "a\r\n\tb")),
                "<Name>a\r\n\tb</Name>",
            ),
            (
                written(|w| w.text("Name", "\u{1}\u{1f}")),
                "<Name>&#x1;&#x1F;</Name>",
            ),
            (
                written(|w| w.text("Name", "\u{fffd}\u{fffe}\u{ffff}\u{feff}")),
                "<Name>\u{fffd}&#xFFFE;&#xFFFF;\u{feff}</Name>",
            ),
            (written(|w| w.item(None)), "<string xsi:nil=\"true\" />"),
            (written(|w| w.item(Some(""))), "<string />"),
            (written(|w| w.errors(&[])), "<Errors />"),
            (
                written(|w| w.errors(&["no"])),
                "<Errors><string>no</string></Errors>",
            ),
            (
                written(|w| w.nullable_boolean("IsCheckedOut", None)),
                "<IsCheckedOut xsi:nil=\"true\" />",
            ),
            (written(|w| w.nullable_int("Id", Some(7))), "<Id>7</Id>"),
            (written(|w| w.int("Id", i32::MIN)), "<Id>-2147483648</Id>"),
            (written(|w| w.int("Id", 0)), "<Id>0</Id>"),
            (
                written(|w| w.boolean("Active", true)),
                "<Active>true</Active>",
            ),
            (
                written(|w| w.base64("FileAttachment", b"")),
                "<FileAttachment />",
            ),
            (
                written(|w| w.base64("FileAttachment", b"abcd")),
                "<FileAttachment>YWJjZA==</FileAttachment>",
            ),
            (
                written(|w| w.date_time("D", at(234))),
                "<D>2017-08-21T12:22:21.234</D>",
            ),
            (
                written(|w| w.date_time("D", at(230))),
                "<D>2017-08-21T12:22:21.23</D>",
            ),
            (
                written(|w| w.date_time("D", at(0))),
                "<D>2017-08-21T12:22:21</D>",
            ),
        ];
        for (written, expected) in cases {
            assert_eq!(written, expected);
        }
    }
}
