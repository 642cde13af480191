//! Answers as they leave: compact JSON, sub-codes, cookies. psafe:§1.1, §3.

use bytes::Bytes;
use serde::Serialize;
use sim_kit::exchange::{HeaderName, HeaderValue, Reply, StatusCode, header};

use super::awkward;
use crate::auth::SESSION_COOKIE;
use crate::secret::Secret;
use crate::settings::{CodeForm, Settings};
use crate::state::refusal::{CONFLICT_CODE, Refusal};

/// What an operation answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Body,
    /// The session to hand out.
    pub(crate) session: Option<String>,
    /// The prompt of a second factor.
    pub(crate) second_factor: Option<String>,
    /// The methods that a path has; IIS tells them with every 405.
    pub(crate) allow: Option<String>,
}

const METHOD_NOT_ALLOWED: &str = "The requested resource does not support this method.";

/// What an answer carries.
#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    /// JSON text.
    Json(Secret),
    /// A file.
    File {
        name: String,
        bytes: Vec<u8>,
    },
}

impl Answer {
    /// 200 and JSON.
    pub(crate) fn ok(value: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, value)
    }

    /// 201 and JSON.
    pub(crate) fn created(value: &impl Serialize) -> Self {
        Self::json(StatusCode::CREATED, value)
    }

    /// A status and JSON. Rows always serialise: they have text keys and no floats.
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
        Self {
            body: Body::Json(Secret::new(text)),
            ..Self::empty(status)
        }
    }

    /// 200 and a text that is JSON already.
    pub(crate) fn of_text(json: String) -> Self {
        Self {
            body: Body::Json(Secret::new(json)),
            ..Self::empty(StatusCode::OK)
        }
    }

    /// A status and nothing else.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: Body::Empty,
            session: None,
            second_factor: None,
            allow: None,
        }
    }

    /// 204.
    pub(crate) fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// 200 and a file.
    pub(crate) fn file(name: &str, bytes: Vec<u8>) -> Self {
        Self {
            body: Body::File {
                name: name.to_owned(),
                bytes,
            },
            ..Self::empty(StatusCode::OK)
        }
    }

    /// The same, with a session to hand out.
    pub(crate) fn with_session(mut self, session: String) -> Self {
        self.session = Some(session);
        self
    }

    /// A refusal as the wire shows it.
    pub(crate) fn of_refusal(refusal: &Refusal, settings: &Settings) -> Self {
        let text = |status, text: &str| Self::json(status, &text);
        match refusal {
            Refusal::Malformed(why) => text(StatusCode::BAD_REQUEST, why),
            // `recorded psafe:ELASTIC`
            Refusal::NotAuthenticated => text(StatusCode::UNAUTHORIZED, "User not authenticated"),
            Refusal::SignInRefused => text(StatusCode::UNAUTHORIZED, &settings.sign_in_refusal),
            Refusal::SecondFactor { prompt, session } => Self {
                session: Some(session.clone()),
                second_factor: Some(prompt.clone()),
                ..text(StatusCode::UNAUTHORIZED, &settings.sign_in_refusal)
            },
            Refusal::Licence | Refusal::PermissionMissing => Self::empty(StatusCode::FORBIDDEN),
            Refusal::Forbidden(code) => coded(StatusCode::FORBIDDEN, code.number(), settings),
            Refusal::NotFound(what) => text(StatusCode::NOT_FOUND, what),
            Refusal::Conflict => match &settings.conflict_text {
                Some(words) => text(StatusCode::CONFLICT, words),
                None => coded(StatusCode::CONFLICT, CONFLICT_CODE, settings),
            },
            Refusal::InvalidClient => {
                let status = StatusCode::from_u16(settings.token_refusal_status)
                    .unwrap_or(StatusCode::BAD_REQUEST);
                Self::json(
                    status,
                    &InvalidClient {
                        error: "invalid_client",
                    },
                )
            }
            Refusal::MethodNotAllowed { allow } => Self {
                allow: Some(allow.clone()),
                ..text(StatusCode::METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED)
            },
            Refusal::SwitchedOff => text(StatusCode::METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED),
            Refusal::Taken(what) => text(StatusCode::CONFLICT, what),
            Refusal::VersionDisabled => {
                text(StatusCode::GONE, "This version of the API is disabled")
            }
            Refusal::UnsupportedMedia => text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The request body's media type is not supported",
            ),
            Refusal::TooLarge => text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request body is too large",
            ),
            Refusal::NotSimulated { allow } => Self {
                allow: Some(allow.clone()),
                ..text(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "Documented by the vendor, but not simulated by mock-password-safe",
                )
            },
        }
    }

    /// The reply that goes out.
    pub(crate) fn into_reply(self, settings: &Settings, tls: bool) -> Reply {
        let mut reply = match self.body {
            Body::Empty => Reply::empty(self.status),
            Body::Json(text) => {
                let mut reply = Reply::empty(self.status);
                insert(
                    &mut reply,
                    header::CONTENT_TYPE,
                    &settings.json_content_type,
                );
                reply.body = if settings.awkward {
                    Bytes::from(awkward::rewrite(text.expose()))
                } else {
                    Bytes::from(text.into_text())
                };
                reply
            }
            Body::File { name, bytes } => {
                let mut reply = Reply::new(self.status, "application/octet-stream", bytes);
                let name: String = name
                    .chars()
                    .filter(|c| c.is_ascii_graphic() && *c != '"')
                    .collect();
                let disposition = format!("attachment; filename=\"{name}\"");
                insert(&mut reply, header::CONTENT_DISPOSITION, &disposition);
                reply
            }
        };
        if let Some(prompt) = &self.second_factor {
            insert(
                &mut reply,
                HeaderName::from_static("www-authenticate-2fa"),
                prompt,
            );
        }
        if let Some(allow) = &self.allow {
            insert(&mut reply, header::ALLOW, allow);
        }
        if let Some(session) = &self.session {
            set_cookies(&mut reply, session, settings, tls);
        }
        reply
    }
}

#[derive(Serialize)]
struct InvalidClient {
    error: &'static str,
}

fn coded(status: StatusCode, number: u16, settings: &Settings) -> Answer {
    match settings.code_form {
        CodeForm::Number => Answer::json(status, &number),
        CodeForm::String => Answer::json(status, &number.to_string()),
    }
}

/// `recorded psafe:ELASTIC`. Over plain HTTP the cookie is not `secure`, since no client would
/// send it back.
fn set_cookies(reply: &mut Reply, session: &str, settings: &Settings, tls: bool) {
    let secure = if tls { " secure;" } else { "" };
    let cookie = format!("{SESSION_COOKIE}={session}; path=/;{secure} HttpOnly; SameSite=Lax");
    if settings.awkward {
        let token = format!("__RequestVerificationToken={session}; path=/;{secure} HttpOnly");
        append_cookie(reply, &token);
    }
    append_cookie(reply, &cookie);
}

fn append_cookie(reply: &mut Reply, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        reply.headers.append(header::SET_COOKIE, value);
    }
}

/// Sets a header whose value is visible ASCII, and leaves it out otherwise.
fn insert(reply: &mut Reply, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::refusal::SubCode;

    fn bytes(refusal: &Refusal, settings: &Settings) -> (u16, String) {
        let reply = Answer::of_refusal(refusal, settings).into_reply(settings, true);
        (
            reply.status.as_u16(),
            String::from_utf8_lossy(&reply.body).into_owned(),
        )
    }

    #[test]
    fn refusals_have_the_bytes_of_the_table() {
        let settings = Settings::default();
        for (refusal, status, body) in [
            (Refusal::NotAuthenticated, 401, "\"User not authenticated\""),
            (Refusal::NO_PERMISSION, 403, "4031"),
            (Refusal::Forbidden(SubCode::RequestorOnly), 403, "4032"),
            (Refusal::Forbidden(SubCode::ApproverOnly), 403, "4033"),
            (Refusal::Forbidden(SubCode::NotApproved), 403, "4034"),
            (Refusal::Forbidden(SubCode::NotEnoughApprovers), 403, "4035"),
            (Refusal::Conflict, 409, "4091"),
            (
                Refusal::NotFound("Managed Account not found"),
                404,
                "\"Managed Account not found\"",
            ),
            (Refusal::Licence, 403, ""),
            (
                Refusal::InvalidClient,
                400,
                "{\"error\":\"invalid_client\"}",
            ),
        ] {
            assert_eq!(bytes(&refusal, &settings), (status, body.to_owned()));
        }
        let quoted = Settings {
            code_form: CodeForm::String,
            ..Settings::default()
        };
        assert_eq!(
            bytes(&Refusal::NO_PERMISSION, &quoted),
            (403, "\"4031\"".to_owned())
        );
    }
}
