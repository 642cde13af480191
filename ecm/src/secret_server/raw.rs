//! What is told about an answer that is no reply of the vault: status, media type, and as much of
//! its words as can be shown. It may come from anywhere and hold anything, so it is taken apart by
//! its structure: of XML only the names of elements, of JSON only the members that are there to be
//! read by people, of plain text nothing where a secret was asked for and succeeded.

use http::StatusCode;
use serde_json::Value;

use crate::error::shortened;
use crate::secret::Secret;
use crate::vault_http::Answer;

/// What came instead of a reply; no field holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) status: StatusCode,
    pub(super) content_type: String,
    pub(super) words: String,
    /// How long it asks to wait.
    pub(super) wait: Option<Box<str>>,
}

/// Most of a body that is looked at, and longest excerpt and media type.
const LOOKED_AT_BYTES: usize = 64 * 1024;
const WORDS_CHARS_MAX: usize = 300;
const CONTENT_TYPE_CHARS_MAX: usize = 80;

impl Raw {
    /// Describes the answer to `operation`, whose request carried `confided`.
    pub(super) fn of(operation: &str, answer: &Answer, confided: Option<&Secret>) -> Self {
        // Before anything is cut, since a part of a secret would not be recognised any more.
        let conceal = |text: &str| match confided {
            Some(secret) => secret.concealed_in(text),
            None => text.to_owned(),
        };
        let words = words(operation, answer);
        Self {
            status: answer.status,
            content_type: shortened(&conceal(&answer.content_type), CONTENT_TYPE_CHARS_MAX),
            words: shortened(&conceal(&words), WORDS_CHARS_MAX),
            wait: None,
        }
    }

    /// Status and media type, for the message.
    pub(super) fn headline(&self) -> String {
        let status = self.status.as_u16();
        match self.content_type.as_str() {
            "" => format!("HTTP status {status}, no content type"),
            content_type => format!("HTTP status {status}, {content_type}"),
        }
    }
}

fn words(operation: &str, answer: &Answer) -> String {
    let body = &answer.body[..answer.body.len().min(LOOKED_AT_BYTES)];
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim();
    let held_back = |what: &str| format!("({} bytes of {what}, not shown)", answer.body.len());
    if text.is_empty() {
        return "(an empty body)".to_owned();
    }
    if text.starts_with('<') {
        return element_names(text);
    }
    if text.starts_with(['{', '[']) {
        // A tree of it may take many times its room.
        if answer.body.len() > LOOKED_AT_BYTES {
            return held_back("JSON");
        }
        return serde_json::from_slice(&answer.body)
            .map_or_else(|_| held_back("broken JSON"), |value| readable(&value));
    }
    if text.contains(['\0', '\u{fffd}']) {
        return held_back("binary data");
    }
    // A key or a token may come as bare text too.
    if gives_secrets(operation) && answer.status.is_success() {
        return held_back("text");
    }
    text.to_owned()
}

fn gives_secrets(operation: &str) -> bool {
    matches!(
        operation,
        "Authenticate" | "ImpersonateUser" | "GetSecret" | "DownloadFileAttachmentByItemId"
    )
}

/// `<a><b>…`: the first elements by name, without their content and attributes.
fn element_names(text: &str) -> String {
    const NAMES_MAX: usize = 8;
    let mut shown = String::new();
    let names = text.split('<').filter_map(|tag| {
        let name: String = tag
            .chars()
            .take_while(|letter| {
                letter.is_alphanumeric() || matches!(letter, ':' | '_' | '-' | '.')
            })
            .take(40)
            .collect();
        (!name.is_empty()).then_some(name)
    });
    for name in names.take(NAMES_MAX) {
        shown.push_str(&format!("<{name}>"));
    }
    shown.push('…');
    shown
}

/// The members of a JSON answer that are written for people, in the order of the answer.
fn readable(value: &Value) -> String {
    const FOR_PEOPLE: [&str; 12] = [
        "message",
        "error",
        "errors",
        "errorcode",
        "error_description",
        "code",
        "status",
        "title",
        "detail",
        "details",
        "reason",
        "description",
    ];
    fn collect(value: &Value, shown_as: Option<&str>, out: &mut Vec<String>, depth: usize) {
        const DEPTH_MAX: usize = 4;
        match (value, shown_as) {
            _ if depth > DEPTH_MAX => {}
            (Value::Object(members), _) => {
                for (name, member) in members {
                    let plain = name.to_ascii_lowercase();
                    let named = FOR_PEOPLE
                        .contains(&plain.as_str())
                        .then_some(name.as_str());
                    collect(member, named, out, depth + 1);
                }
            }
            (Value::Array(members), _) => {
                for member in members.iter().take(4) {
                    collect(member, shown_as, out, depth + 1);
                }
            }
            (Value::Null, _) | (_, None) => {}
            (Value::String(text), Some(name)) => out.push(format!("{name}: {text}")),
            (other, Some(name)) => out.push(format!("{name}: {other}")),
        }
    }
    let mut found = Vec::new();
    collect(value, None, &mut found, 0);
    if found.is_empty() {
        return "(JSON without a message)".to_owned();
    }
    found.join("; ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn raw(operation: &str, status: u16, content_type: &str, body: &str) -> Raw {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: content_type.into(),
            location: None,
            body: body.as_bytes().to_vec().into(),
        };
        Raw::of(operation, &answer, Some(&"t0ken-t0ken".into()))
    }

    fn check(operation: &str, status: u16, body: &str, expected: &str) {
        assert_eq!(raw(operation, status, "x", body).words, expected, "{body}");
    }

    #[test]
    fn what_people_are_meant_to_read_is_shown() {
        check(
            "Authenticate",
            200,
            r#"{"message":"Gateway says: quota exceeded, ticket 4711"}"#,
            "message: Gateway says: quota exceeded, ticket 4711",
        );
        check(
            "GetSecret",
            500,
            r#"{"error":{"code":17,"message":"no"},"trace":"x"}"#,
            "code: 17; message: no",
        );
        check("GetSecret", 502, "upstream is away", "upstream is away");
        check("CheckIn", 200, "hello", "hello");
        check("CheckIn", 200, "", "(an empty body)");
        let shown = raw("CheckIn", 429, "text/plain", "later");
        assert_eq!(shown.headline(), "HTTP status 429, text/plain");
        assert_eq!(
            raw("CheckIn", 200, "", "x").headline(),
            "HTTP status 200, no content type"
        );
    }

    #[test]
    fn what_may_be_a_secret_is_not() {
        check(
            "GetSecret",
            200,
            r#"{"password":"p","items":[{"value":"p"}]}"#,
            "(JSON without a message)",
        );
        check(
            "GetSecret",
            200,
            r#"{"password":"p"#,
            "(14 bytes of broken JSON, not shown)",
        );
        check(
            "GetSecret",
            200,
            "<Secret a='p'><Value>p</Value></Secret>",
            "<Secret><Value>…",
        );
        check("GetSecret", 200, "p", "(1 bytes of text, not shown)");
        check(
            "CheckIn",
            200,
            "\0\u{1}",
            "(2 bytes of binary data, not shown)",
        );
        check("CheckIn", 400, "bad t0ken-t0ken", "bad ***");
        // Concealed before it is cut.
        let late = format!("{}t0ken-t0ken", "x".repeat(WORDS_CHARS_MAX - 4));
        let shown = raw("CheckIn", 400, "t0ken-t0ken", &late);
        assert!(!shown.words.contains("t0k"), "{shown:?}");
        assert_eq!(shown.content_type, "***");
    }
}
