//! The bytes of the conversation with Secret Server's `SSWebService.asmx`: SOAP 1.1,
//! document/literal wrapped, written the way the vendor's .NET proxy writes them (recorded
//! soap:§1.6, §2.3) and read namespace-aware from the schema (recorded soap:§2.1, §2.2).

mod request;

pub(super) use self::request::{CodeResponse, Request};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;

use super::xml::{self, Element, Node, Space, XmlError};
use crate::secret::Secret;
use crate::vault_http::Answer;
use crate::wiped::Wiped;

/// Why an answer is not the reply to the operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReplyError {
    #[error("it redirects to {0:?}")]
    Redirect(String),
    #[error("it has HTTP status {0}")]
    Status(StatusCode, PageTitle),
    #[error("it is a web page with HTTP status {0} instead of SOAP")]
    Html(StatusCode, PageTitle),
    #[error("it is a SOAP fault")]
    Fault { code: String, text: String },
    #[error("{0}")]
    NotXml(#[from] XmlError),
    #[error("{0}")]
    Malformed(&'static str),
    #[error("it has more than {0} results")]
    TooManyResults(usize),
}

/// The title of a web page that came instead of SOAP, empty when it has none.
pub(super) type PageTitle = String;

/// The reply of Authenticate and ImpersonateUser.
pub(super) struct TokenReply {
    pub(super) errors: Vec<String>,
    pub(super) token: Option<Secret>,
    /// Where the user approves; ImpersonateUser only.
    pub(super) authorize_url: Option<String>,
}

/// The reply of SearchSecretsByFieldValue.
pub(super) struct SearchReply {
    pub(super) errors: Vec<String>,
    pub(super) summaries: Vec<SecretSummary>,
}

/// One search result: no field of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretSummary {
    pub(super) secret_id: i32,
    pub(super) name: String,
    pub(super) template: String,
    pub(super) is_restricted: bool,
}

/// The reply of GetSecret.
pub(super) struct SecretReply {
    pub(super) errors: Vec<String>,
    pub(super) hurdle: Option<SecretError>,
    pub(super) secret: Option<SecretRecord>,
}

/// Why a restricted secret was not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretError {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) allows_response: bool,
    /// Title of a second question, usually for a ticket number; empty when it is not asked.
    pub(super) additional_comment_title: String,
}

/// A secret with its fields.
pub(super) struct SecretRecord {
    pub(super) id: i32,
    pub(super) name: String,
    pub(super) items: Vec<SecretItem>,
}

/// One field of a secret.
pub(super) struct SecretItem {
    pub(super) id: i32,
    pub(super) field_name: String,
    pub(super) display_name: String,
    pub(super) is_file: bool,
    pub(super) is_password: bool,
    pub(super) value: Secret,
}

/// The reply of DownloadFileAttachmentByItemId.
pub(super) struct FileReply {
    pub(super) errors: Vec<String>,
    /// What stands after the last dot of FileName, lower case; empty when there is none. The rest
    /// of the name is nobody's business.
    pub(super) extension: String,
    pub(super) content: Wiped<Vec<u8>>,
}

/// The `<OpResult>` of the answer to `operation`.
pub(super) fn result_of(operation: &str, answer: &Answer) -> Result<Element, ReplyError> {
    if answer.status.is_redirection() {
        return Err(ReplyError::Redirect(
            answer.location.clone().unwrap_or_default(),
        ));
    }
    let html = is_html(answer);
    let title = || {
        if html {
            page_title(&answer.body)
        } else {
            String::new()
        }
    };
    if answer.status != StatusCode::OK && answer.status != StatusCode::INTERNAL_SERVER_ERROR {
        return Err(ReplyError::Status(answer.status, title()));
    }
    if html {
        return Err(ReplyError::Html(answer.status, title()));
    }
    let document = xml::read(&answer.body)?;
    document.keep(|root| result_in(operation, root))
}

/// The result in an envelope.
fn result_in<'a>(operation: &str, envelope: Node<'a>) -> Result<Node<'a>, ReplyError> {
    let first = body_of(envelope)?
        .children()
        .next()
        .ok_or(ReplyError::Malformed("its Body is empty"))?;
    let is = |element: Node<'_>, what| element.name().strip_suffix(what) == Some(operation);
    match first.space() {
        Space::Soap11 | Space::Soap12 if first.name() == "Fault" => Err(fault(first)),
        Space::Vault if is(first, "Response") => first
            .children()
            .find(|child| child.space() == Space::Vault && is(*child, "Result") && !child.nil())
            .ok_or(ReplyError::Malformed(
                "the response element holds no result",
            )),
        Space::Vault => Err(ReplyError::Malformed("it answers another operation")),
        _ => Err(ReplyError::Malformed(
            "its Body holds an element of another namespace",
        )),
    }
}

/// Takes `secret`, which the request carried, out of the words of its answer: these are shown and
/// logged, and a vault, or a device before it, may quote what it refuses.
pub(super) fn conceal(secret: &Secret, result: &mut Result<Element, ReplyError>) {
    let texts: Vec<&mut String> = match result {
        Ok(result) => {
            result.conceal(&["Errors", "SecretError"], secret);
            return;
        }
        Err(ReplyError::Redirect(text)) => vec![text],
        Err(ReplyError::Status(_, title) | ReplyError::Html(_, title)) => vec![title],
        Err(ReplyError::Fault { code, text }) => vec![code, text],
        Err(ReplyError::NotXml(_) | ReplyError::Malformed(_) | ReplyError::TooManyResults(_)) => {
            return;
        }
    };
    for text in texts {
        *text = secret.concealed_in(text);
    }
}

pub(super) fn token_reply(result: &Element) -> Result<TokenReply, ReplyError> {
    let filled = |name| {
        let text = result.node().text_of(name)?.trim();
        (!text.is_empty()).then_some(text)
    };
    Ok(TokenReply {
        errors: errors_of(result)?,
        token: filled("Token").map(Secret::from),
        authorize_url: filled("AuthorizeURL").map(str::to_owned),
    })
}

/// The reply of an operation that answers nothing but errors, and of those whose payload does not
/// matter here.
pub(super) fn errors_of(result: &Element) -> Result<Vec<String>, ReplyError> {
    // Always present, since every client that was published reads it without looking (recorded
    // soap:§1.6); an answer without it says neither yes nor no.
    let errors = result
        .node()
        .child("Errors")
        .ok_or(ReplyError::Malformed("it has no Errors element"))?;
    Ok(errors
        .children_named("string")
        .filter(|text| !text.nil())
        .map(|text| text.text().trim().to_owned())
        .collect())
}

pub(super) fn search_reply(
    result: &Element,
    results_max: usize,
) -> Result<SearchReply, ReplyError> {
    let errors = errors_of(result)?;
    let Some(list) = result.node().child("SecretSummaries") else {
        return Ok(SearchReply {
            errors,
            summaries: Vec::new(),
        });
    };
    let found = || {
        list.children_named("SecretSummary")
            .filter(|summary| !summary.nil())
    };
    if found().count() > results_max {
        return Err(ReplyError::TooManyResults(results_max));
    }
    let summaries = found()
        .map(|summary| {
            Ok(SecretSummary {
                secret_id: integer(summary, "SecretId")?,
                name: text(summary, "SecretName"),
                template: text(summary, "SecretTypeName"),
                is_restricted: boolean(summary, "IsRestricted")?,
            })
        })
        .collect::<Result<_, ReplyError>>()?;
    Ok(SearchReply { errors, summaries })
}

pub(super) fn secret_reply(result: &Element) -> Result<SecretReply, ReplyError> {
    let present = |name| result.node().child(name).filter(|child| !child.nil());
    Ok(SecretReply {
        errors: errors_of(result)?,
        hurdle: present("SecretError").map(hurdle).transpose()?,
        secret: present("Secret").map(secret).transpose()?,
    })
}

fn hurdle(error: Node<'_>) -> Result<SecretError, ReplyError> {
    Ok(SecretError {
        code: text(error, "ErrorCode"),
        message: text(error, "ErrorMessage"),
        allows_response: boolean(error, "AllowsResponse")?,
        additional_comment_title: text(error, "AdditionalCommentTitle"),
    })
}

/// Most fields of a secret that are read; templates have about a dozen.
const ITEMS_MAX: usize = 200;

fn secret(secret: Node<'_>) -> Result<SecretRecord, ReplyError> {
    let items = secret.child("Items");
    let items = || {
        items
            .into_iter()
            .flat_map(|items| items.children_named("SecretItem"))
    };
    if items().count() > ITEMS_MAX {
        return Err(ReplyError::TooManyResults(ITEMS_MAX));
    }
    Ok(SecretRecord {
        id: integer(secret, "Id")?,
        name: text(secret, "Name"),
        items: items()
            .filter(|item| !item.nil())
            .map(item)
            .collect::<Result<_, _>>()?,
    })
}

fn item(item: Node<'_>) -> Result<SecretItem, ReplyError> {
    // Nil for an item that was never saved (recorded soap:§2.2); it has nothing to download.
    let id = match item.child("Id") {
        Some(id) if !id.nil() => integer(item, "Id")?,
        _ => 0,
    };
    Ok(SecretItem {
        id,
        field_name: text(item, "FieldName"),
        display_name: text(item, "FieldDisplayName"),
        is_file: boolean(item, "IsFile")?,
        is_password: boolean(item, "IsPassword")?,
        value: Secret::from(item.text_of("Value").unwrap_or_default()),
    })
}

pub(super) fn file_reply(result: &Element) -> Result<FileReply, ReplyError> {
    let given = result.node();
    let mut content = Wiped::new(Vec::new());
    if let Some(attachment) = given.text_of("FileAttachment") {
        STANDARD
            .decode_vec(&*in_one_line(attachment), &mut content)
            .map_err(|_| ReplyError::Malformed("the attachment is not base64"))?;
    }
    Ok(FileReply {
        errors: errors_of(result)?,
        extension: extension(given.text_of("FileName").unwrap_or_default()),
        content,
    })
}

/// Servers of this kind break base64 into lines.
fn in_one_line(base64: &str) -> Wiped<Vec<u8>> {
    let mut line = Wiped::new(Vec::with_capacity(base64.len()));
    line.extend(base64.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    line
}

fn extension(file_name: &str) -> String {
    const EXTENSION_CHARS_MAX: usize = 8;
    let (_, extension) = file_name.trim().rsplit_once('.').unwrap_or_default();
    let plain = extension.len() <= EXTENSION_CHARS_MAX
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain {
        extension.to_ascii_lowercase()
    } else {
        String::new()
    }
}

fn body_of(envelope: Node<'_>) -> Result<Node<'_>, ReplyError> {
    let space = envelope.space();
    if envelope.name() != "Envelope" || !matches!(space, Space::Soap11 | Space::Soap12) {
        return Err(ReplyError::Malformed("its root is not a SOAP envelope"));
    }
    envelope
        .children()
        .find(|child| child.space() == space && child.name() == "Body")
        .ok_or(ReplyError::Malformed("the envelope has no Body"))
}

/// Reads a fault of either SOAP version (documented soap:§1.7).
fn fault(fault: Node<'_>) -> ReplyError {
    let below = |parent: Node<'_>, name: &str| -> String {
        let child = parent.children().find(|child| child.name() == name);
        child.map(flat_text).unwrap_or_default()
    };
    let first_filled = |one: String, other: String| if one.is_empty() { other } else { one };
    ReplyError::Fault {
        code: first_filled(below(fault, "faultcode"), below(fault, "Code")),
        text: first_filled(below(fault, "faultstring"), below(fault, "Reason")),
    }
}

fn flat_text(element: Node<'_>) -> String {
    let own = element.text().trim();
    if own.is_empty() {
        element.children().next().map(flat_text).unwrap_or_default()
    } else {
        own.to_owned()
    }
}

fn text(parent: Node<'_>, name: &str) -> String {
    parent.text_of(name).unwrap_or_default().trim().to_owned()
}

fn integer(parent: Node<'_>, name: &str) -> Result<i32, ReplyError> {
    parent
        .text_of(name)
        .and_then(|text| text.trim().parse().ok())
        .ok_or(ReplyError::Malformed(
            "a number is missing or is not a number",
        ))
}

/// A missing or nil boolean is false, as it is for the vendor's own reader.
fn boolean(parent: Node<'_>, name: &str) -> Result<bool, ReplyError> {
    match parent.text_of(name).map(str::trim) {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(ReplyError::Malformed("a boolean is neither true nor false")),
    }
}

fn is_html(answer: &Answer) -> bool {
    answer.content_type.starts_with("text/html")
        || starts_with_tag(&answer.body, "<!doctype html")
        || starts_with_tag(&answer.body, "<html")
}

fn starts_with_tag(body: &[u8], tag: &str) -> bool {
    let start = body.trim_ascii_start();
    start
        .get(..tag.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
}

/// Longest part of a page that is searched for its title.
const TITLE_SEARCHED_BYTES: usize = 8 * 1024;

fn page_title(body: &[u8]) -> PageTitle {
    let start = String::from_utf8_lossy(&body[..body.len().min(TITLE_SEARCHED_BYTES)]);
    // ASCII lower case keeps every byte in its place.
    let lower = start.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|open| {
        let from = open + "<title>".len();
        lower[from..]
            .find("</title>")
            .map(|length| start[from..from + length].trim())
    });
    // Shortened where it is shown: a secret that it quotes is concealed first, and whole.
    title.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
