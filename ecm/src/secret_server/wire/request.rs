//! Requests, byte for byte as the vendor's .NET proxy writes them: one line, `<a />` for empty,
//! absent for null, `xsi:nil` for a null value type (recorded soap:§1.6, §2.3).

use std::fmt;
use std::ops::BitOr;

use bytes::Bytes;

use crate::secret::Secret;
use crate::secret_server::xml;
use crate::wiped::Wiped;

/// A request ready to send. `Debug` shows the operation only, since the body holds secrets.
pub(in crate::secret_server) struct Request<'a> {
    /// The operation's name, as in the SOAPAction.
    pub(in crate::secret_server) operation: &'static str,
    /// The password or token in the body; version_get has none.
    confided: Option<&'a Secret>,
    body: Wiped<Vec<u8>>,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Request({})", self.operation)
    }
}

/// An answer to a hurdle that GetSecret put up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::secret_server) struct CodeResponse {
    /// Echo of `SecretError.ErrorCode`.
    pub(in crate::secret_server) error_code: String,
    /// Why the secret is wanted.
    pub(in crate::secret_server) comment: String,
    /// Usually a ticket number.
    pub(in crate::secret_server) additional_comment: Option<String>,
}

/// The tags of one element, each in one piece.
struct Tags {
    open: &'static str,
    close: &'static str,
    empty: &'static str,
    nil: &'static str,
}

macro_rules! tags {
    ($name:literal) => {
        &Tags {
            open: concat!("<", $name, ">"),
            close: concat!("</", $name, ">"),
            empty: concat!("<", $name, " />"),
            nil: concat!("<", $name, " xsi:nil=\"true\" />"),
        }
    };
}

impl<'a> Request<'a> {
    pub(in crate::secret_server) fn authenticate(
        username: &str,
        password: &'a Secret,
        organization: &str,
        domain: &str,
    ) -> Self {
        Self::write("Authenticate", |out| {
            out.text(tags!("username"), username);
            out.secret(tags!("password"), password);
            out.text(tags!("organization"), organization);
            out.text(tags!("domain"), domain);
        })
    }

    pub(in crate::secret_server) fn impersonate_user(
        token: &'a Secret,
        username: &str,
        organization: &str,
        domain: &str,
    ) -> Self {
        Self::write("ImpersonateUser", |out| {
            out.secret(tags!("token"), token);
            out.text(tags!("username"), username);
            out.text(tags!("organization"), organization);
            out.text(tags!("domain"), domain);
        })
    }

    pub(in crate::secret_server) fn search_secrets_by_field_value(
        token: &'a Secret,
        field_name: &str,
        search_term: &str,
        show_restricted: bool,
    ) -> Self {
        Self::write("SearchSecretsByFieldValue", |out| {
            out.secret(tags!("token"), token);
            out.text(tags!("fieldName"), field_name);
            out.text(tags!("searchTerm"), search_term);
            out.boolean(tags!("showDeleted"), false);
            out.boolean(tags!("showRestricted"), show_restricted);
        })
    }

    pub(in crate::secret_server) fn get_secret(
        token: &'a Secret,
        secret_id: i32,
        responses: &[CodeResponse],
    ) -> Self {
        Self::write("GetSecret", |out| {
            out.secret(tags!("token"), token);
            out.integer(tags!("secretId"), secret_id);
            out.nil(tags!("loadSettingsAndPermissions"));
            if !responses.is_empty() {
                out.inside(tags!("codeResponses"), |out| {
                    for response in responses {
                        out.inside(tags!("CodeResponse"), |out| {
                            out.text(tags!("ErrorCode"), &response.error_code);
                            out.text(tags!("Comment"), &response.comment);
                            if let Some(additional) = &response.additional_comment {
                                out.text(tags!("AdditionalComment"), additional);
                            }
                            out.nil(tags!("TicketSystemId"));
                        });
                    }
                });
            }
        })
    }

    pub(in crate::secret_server) fn download_file_attachment_by_item_id(
        token: &'a Secret,
        secret_id: i32,
        secret_item_id: i32,
    ) -> Self {
        Self::write("DownloadFileAttachmentByItemId", |out| {
            out.secret(tags!("token"), token);
            out.integer(tags!("secretId"), secret_id);
            out.integer(tags!("secretItemId"), secret_item_id);
        })
    }

    pub(in crate::secret_server) fn check_in(token: &'a Secret, secret_id: i32) -> Self {
        Self::write("CheckIn", |out| {
            out.secret(tags!("token"), token);
            out.integer(tags!("secretId"), secret_id);
        })
    }

    pub(in crate::secret_server) fn get_token_is_valid(token: &'a Secret) -> Self {
        Self::write("GetTokenIsValid", |out| out.secret(tags!("token"), token))
    }

    /// Needs no token and changes nothing: tells whether the service answers at an address.
    pub(in crate::secret_server) fn version_get() -> Self {
        Self::write("VersionGet", |_| {})
    }

    /// The value of the SOAPAction header, quoted (recorded soap:§1.9).
    pub(in crate::secret_server) fn soap_action(&self) -> String {
        ["\"", xml::VAULT, "/", self.operation, "\""].concat()
    }

    /// The secret that the body holds.
    pub(in crate::secret_server) fn confided(&self) -> Option<&'a Secret> {
        self.confided
    }

    /// The body; its buffer is zeroed when the last reader is done with it.
    pub(in crate::secret_server) fn into_body(self) -> Bytes {
        Bytes::from_owner(self.body)
    }

    /// Writes twice, first to know how long the body is: a buffer that is too large costs time to
    /// zero.
    fn write(operation: &'static str, parameters: impl Fn(&mut Writer<'a>)) -> Self {
        let mut measured = Writer::default();
        parameters(&mut measured);
        let (opening, closing) = match measured.bytes {
            0 => ([HEAD, operation, EMPTY], ["", "", TAIL]),
            _ => ([HEAD, operation, OPEN], ["</", operation, CLOSE]),
        };
        let around: usize = opening
            .iter()
            .chain(&closing)
            .map(|piece| piece.len())
            .sum();
        let mut out = Writer {
            body: Some(Wiped::new(Vec::with_capacity(measured.bytes + around))),
            ..Writer::default()
        };
        out.raw(&opening);
        parameters(&mut out);
        out.raw(&closing);
        Self {
            operation,
            confided: out.confided,
            body: out.body.unwrap_or_default(),
        }
    }
}

const HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
    "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"",
    " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soap:Body><",
);
/// What follows the operation's name in its tags, if it has parameters or not.
const OPEN: &str = " xmlns=\"urn:thesecretserver.com\">";
const CLOSE: &str = "></soap:Body></soap:Envelope>";
const EMPTY: &str = " xmlns=\"urn:thesecretserver.com\" />";
const TAIL: &str = "</soap:Body></soap:Envelope>";

#[derive(Default)]
struct Writer<'a> {
    /// What is written; nothing while its length is measured, without what escapes add.
    body: Option<Wiped<Vec<u8>>>,
    bytes: usize,
    confided: Option<&'a Secret>,
}

impl<'a> Writer<'a> {
    fn secret(&mut self, tags: &Tags, value: &'a Secret) {
        self.text(tags, value.expose());
        self.confided = Some(value);
    }

    fn text(&mut self, tags: &Tags, value: &str) {
        if value.is_empty() {
            return self.raw(&[tags.empty]);
        }
        self.raw(&[tags.open]);
        self.escaped(value);
        self.raw(&[tags.close]);
    }

    fn integer(&mut self, tags: &Tags, value: i32) {
        self.raw(&[tags.open, &value.to_string(), tags.close]);
    }

    fn boolean(&mut self, tags: &Tags, value: bool) {
        let value = if value { "true" } else { "false" };
        self.raw(&[tags.open, value, tags.close]);
    }

    fn nil(&mut self, tags: &Tags) {
        self.raw(&[tags.nil]);
    }

    fn inside(&mut self, tags: &Tags, content: impl FnOnce(&mut Self)) {
        self.raw(&[tags.open]);
        content(self);
        self.raw(&[tags.close]);
    }

    fn raw(&mut self, pieces: &[&str]) {
        for piece in pieces {
            match &mut self.body {
                Some(body) => body.extend_from_slice(piece.as_bytes()),
                None => self.bytes += piece.len(),
            }
        }
    }

    /// The escapes of .NET's writer for text: quotes stay, carriage returns and control characters
    /// become references.
    fn escaped(&mut self, value: &str) {
        let Some(body) = &mut self.body else {
            self.bytes += value.len();
            return;
        };
        // To the end, since without a branch for each byte many are looked at together.
        let any = value.bytes().map(may_be_escaped).fold(false, BitOr::bitor);
        if !any {
            return body.extend_from_slice(value.as_bytes());
        }
        let escapes = value.bytes().filter_map(escape);
        make_room(body, escapes.map(|escape| escape.len() - 1).sum());
        for byte in value.bytes() {
            match escape(byte) {
                Some(escape) => body.extend_from_slice(escape.as_bytes()),
                None => body.push(byte),
            }
        }
    }
}

/// Room for `more` bytes than were measured. By hand, since a vector that grows leaves secrets
/// behind.
fn make_room(body: &mut Wiped<Vec<u8>>, more: usize) {
    let mut longer = Wiped::new(Vec::with_capacity(body.capacity() + more));
    longer.extend_from_slice(body);
    *body = longer;
}

/// Whether to look closer, by as few tests as can be; only characters of one byte are escaped.
fn may_be_escaped(byte: u8) -> bool {
    // The two brackets differ in this bit only.
    const BRACKETS_DIFFER: u8 = b'<' ^ b'>';
    (byte < b' ') | (byte == 0x7f) | (byte == b'&') | ((byte | BRACKETS_DIFFER) == b'>')
}

/// What is written for a byte that does not stand for itself.
fn escape(byte: u8) -> Option<&'static str> {
    /// The control characters below the space, two of which stand for themselves.
    const CONTROLS: [&str; 32] = [
        "&#x0;", "&#x1;", "&#x2;", "&#x3;", "&#x4;", "&#x5;", "&#x6;", "&#x7;", "&#x8;", "&#x9;",
        "&#xA;", "&#xB;", "&#xC;", "&#xD;", "&#xE;", "&#xF;", "&#x10;", "&#x11;", "&#x12;",
        "&#x13;", "&#x14;", "&#x15;", "&#x16;", "&#x17;", "&#x18;", "&#x19;", "&#x1A;", "&#x1B;",
        "&#x1C;", "&#x1D;", "&#x1E;", "&#x1F;",
    ];
    match byte {
        b'\n' | b'\t' => None,
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        0x7f => Some("&#x7F;"),
        _ => CONTROLS.get(usize::from(byte)).copied(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_byte_that_is_escaped_has_its_escape_and_is_looked_at() {
        for byte in 0..=u8::MAX {
            assert!(may_be_escaped(byte) || escape(byte).is_none(), "{byte}");
            let reference = format!("&#x{byte:X};");
            match byte {
                b'&' => assert_eq!(escape(byte), Some("&amp;")),
                b'<' => assert_eq!(escape(byte), Some("&lt;")),
                b'>' => assert_eq!(escape(byte), Some("&gt;")),
                b'\t' | b'\n' => assert_eq!(escape(byte), None),
                0..0x20 | 0x7f => assert_eq!(escape(byte), Some(reference.as_str())),
                _ => assert_eq!(escape(byte), None),
            }
        }
    }

    #[test]
    fn a_body_has_the_room_that_it_needs_and_no_more() {
        let long = format!("{}&{}é\u{7f}\r>", "x".repeat(70), "y".repeat(40));
        for token in [
            "",
            "t",
            "v2T0k3n:00ff",
            "a&b",
            "&",
            "\r\r\r",
            "\n\t",
            "a\n&",
            &long,
        ] {
            let token = Secret::from(token);
            let comment = CodeResponse {
                error_code: "COMMENT".into(),
                comment: "<why>".into(),
                additional_comment: Some("4711 & 4712".into()),
            };
            for request in [
                Request::authenticate("u", &token, "", "d&d"),
                Request::search_secrets_by_field_value(&token, "Machine", "srv01", true),
                Request::get_secret(&token, -7, &[comment]),
                Request::version_get(),
            ] {
                assert_eq!(request.body.capacity(), request.body.len(), "{request:?}");
            }
            let body = Request::get_token_is_valid(&token).body;
            let body = String::from_utf8(body.to_vec()).unwrap();
            let mut expected = token.expose().replace('&', "&amp;").replace('>', "&gt;");
            expected = expected.replace('\r', "&#xD;").replace('\u{7f}', "&#x7F;");
            let expected = match expected.as_str() {
                "" => "<token />".to_owned(),
                text => format!("<token>{text}</token>"),
            };
            assert!(body.contains(&expected), "{body}");
        }
    }
}
