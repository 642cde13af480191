//! Requests, byte for byte as the vendor's .NET proxy writes them: one line, `<a />` for empty,
//! absent for null, `xsi:nil` for a null value type (recorded soap:§1.6, §2.3).

use std::fmt;

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::secret_server::xml;

/// A request ready to send. `Debug` shows the operation only, since the body holds secrets.
pub(in crate::secret_server) struct Request {
    /// The operation's name, as in the SOAPAction.
    pub(in crate::secret_server) operation: &'static str,
    /// The password or token in the body; version_get has none.
    confided: Option<Secret>,
    body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Request {
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

impl Request {
    pub(in crate::secret_server) fn authenticate(
        username: &str,
        password: &Secret,
        organization: &str,
        domain: &str,
    ) -> Self {
        Self::write("Authenticate", |out| {
            out.text("username", username);
            out.secret("password", password);
            out.text("organization", organization);
            out.text("domain", domain);
        })
    }

    pub(in crate::secret_server) fn impersonate_user(
        token: &Secret,
        username: &str,
        organization: &str,
        domain: &str,
    ) -> Self {
        Self::write("ImpersonateUser", |out| {
            out.secret("token", token);
            out.text("username", username);
            out.text("organization", organization);
            out.text("domain", domain);
        })
    }

    pub(in crate::secret_server) fn search_secrets_by_field_value(
        token: &Secret,
        field_name: &str,
        search_term: &str,
        show_restricted: bool,
    ) -> Self {
        Self::write("SearchSecretsByFieldValue", |out| {
            out.secret("token", token);
            out.text("fieldName", field_name);
            out.text("searchTerm", search_term);
            out.boolean("showDeleted", false);
            out.boolean("showRestricted", show_restricted);
        })
    }

    pub(in crate::secret_server) fn get_secret(
        token: &Secret,
        secret_id: i32,
        responses: &[CodeResponse],
    ) -> Self {
        Self::write("GetSecret", |out| {
            out.secret("token", token);
            out.integer("secretId", secret_id);
            out.nil("loadSettingsAndPermissions");
            if !responses.is_empty() {
                out.inside("codeResponses", |out| {
                    for response in responses {
                        out.inside("CodeResponse", |out| {
                            out.text("ErrorCode", &response.error_code);
                            out.text("Comment", &response.comment);
                            if let Some(additional) = &response.additional_comment {
                                out.text("AdditionalComment", additional);
                            }
                            out.nil("TicketSystemId");
                        });
                    }
                });
            }
        })
    }

    pub(in crate::secret_server) fn download_file_attachment_by_item_id(
        token: &Secret,
        secret_id: i32,
        secret_item_id: i32,
    ) -> Self {
        Self::write("DownloadFileAttachmentByItemId", |out| {
            out.secret("token", token);
            out.integer("secretId", secret_id);
            out.integer("secretItemId", secret_item_id);
        })
    }

    pub(in crate::secret_server) fn check_in(token: &Secret, secret_id: i32) -> Self {
        Self::write("CheckIn", |out| {
            out.secret("token", token);
            out.integer("secretId", secret_id);
        })
    }

    pub(in crate::secret_server) fn get_token_is_valid(token: &Secret) -> Self {
        Self::write("GetTokenIsValid", |out| out.secret("token", token))
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
    pub(in crate::secret_server) fn confided(&self) -> Option<&Secret> {
        self.confided.as_ref()
    }

    /// The body; its buffer is zeroed when the last reader is done with it.
    pub(in crate::secret_server) fn into_body(self) -> Bytes {
        Bytes::from_owner(self.body)
    }

    /// Writes twice, first to know how long the body is: a buffer that is too large costs time to
    /// zero.
    fn write<'a>(operation: &'static str, parameters: impl Fn(&mut Writer<'a>)) -> Self {
        let mut measured = Writer::default();
        parameters(&mut measured);
        let (end, closing) = match measured.bytes {
            0 => (" />", ["", "", "", TAIL]),
            _ => (">", ["</", operation, ">", TAIL]),
        };
        let opening = [HEAD, "<", operation, " xmlns=\"", xml::VAULT, "\"", end];
        measured.raw(&opening);
        measured.raw(&closing);
        let mut out = Writer {
            body: Some(Zeroizing::new(Vec::with_capacity(measured.bytes))),
            ..Writer::default()
        };
        out.raw(&opening);
        parameters(&mut out);
        out.raw(&closing);
        Self {
            operation,
            confided: out.confided.cloned(),
            body: out.body.unwrap_or_default(),
        }
    }
}

const HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
    "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"",
    " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soap:Body>",
);
const TAIL: &str = "</soap:Body></soap:Envelope>";

#[derive(Default)]
struct Writer<'a> {
    /// What is written; nothing while its length is measured, without what escapes add.
    body: Option<Zeroizing<Vec<u8>>>,
    bytes: usize,
    confided: Option<&'a Secret>,
}

impl<'a> Writer<'a> {
    fn secret(&mut self, name: &str, value: &'a Secret) {
        self.text(name, value.expose());
        self.confided = Some(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return self.raw(&["<", name, " />"]);
        }
        self.raw(&["<", name, ">"]);
        self.escaped(value);
        self.close(name);
    }

    fn integer(&mut self, name: &str, value: i32) {
        self.text(name, &value.to_string());
    }

    fn boolean(&mut self, name: &str, value: bool) {
        self.text(name, if value { "true" } else { "false" });
    }

    fn nil(&mut self, name: &str) {
        self.raw(&["<", name, " xsi:nil=\"true\" />"]);
    }

    fn inside(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.raw(&["<", name, ">"]);
        content(self);
        self.close(name);
    }

    fn close(&mut self, name: &str) {
        self.raw(&["</", name, ">"]);
    }

    fn raw(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.bytes += piece.len();
            if let Some(body) = &mut self.body {
                body.extend_from_slice(piece.as_bytes());
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
        let mut rest = value.as_bytes();
        let mut next = xml::position(rest, is_escaped);
        if next.is_some() {
            make_room(
                body,
                value
                    .bytes()
                    .filter_map(escape)
                    .map(|to| to.len() - 1)
                    .sum(),
            );
        }
        while let Some(at) = next {
            let (plain, after) = rest.split_at(at);
            body.extend_from_slice(plain);
            body.extend_from_slice(escape(after[0]).unwrap_or_default().as_bytes());
            rest = &after[1..];
            next = xml::position(rest, is_escaped);
        }
        body.extend_from_slice(rest);
    }
}

/// Room for `more` bytes than were measured. By hand, since a vector that grows leaves secrets
/// behind.
fn make_room(body: &mut Zeroizing<Vec<u8>>, more: usize) {
    let mut longer = Zeroizing::new(Vec::with_capacity(body.capacity() + more));
    longer.extend_from_slice(body);
    *body = longer;
}

/// Only characters of one byte are.
fn is_escaped(byte: u8) -> bool {
    let control = (byte < b' ') & (byte != b'\n') & (byte != b'\t') | (byte == 0x7f);
    control | (byte == b'&') | (byte == b'<') | (byte == b'>')
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
