//! `POST /oauth2/token` and the OAuth errors (sra:§2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sim_kit::exchange::{HeaderName, HeaderValue, Method, Reply, Request, StatusCode, header};

use crate::secret::Secret;
use crate::site::Site;
use crate::state::accounts::{ClientId, TokenRefusal};
use crate::state::rate::RateStatus;

/// Path of the token endpoint.
pub(crate) const TOKEN_PATH: &str = "/oauth2/token";

/// Codes of errors: the vendor's (documented sra:§2.1) and those of the ECM link (`ECM-LINK.md`
/// §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorCode {
    AccessDenied,
    InvalidClient,
    InvalidRequest,
    UnauthorizedClient,
    UnsupportedGrantType,
    ServerError,
    PermissionDenied,
    EcmLimitReached,
    VersionMismatch,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorCode,
    message: &'a str,
}

#[derive(Serialize)]
struct TokenBody<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
}

/// What a token request says, whichever way it says it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Grant {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretField>,
}

struct SecretField(Secret);

impl<'de> Deserialize<'de> for SecretField {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// Why a token request is refused before anybody looks at the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unclear {
    Body,
    NoGrantType,
    OtherGrantType,
    NoCredentials,
}

/// Answers a token request. The second value is the client id that it named, for the journal.
pub(crate) fn token(site: &Site, request: &Request) -> (Reply, Option<String>) {
    if request.method != Method::POST {
        let reply = refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::InvalidRequest,
            "Tokens are requested with POST.",
        );
        return (
            reply.with_header(header::ALLOW, HeaderValue::from_static("POST")),
            None,
        );
    }
    let (client_id, secret) = match credentials(request) {
        Ok(credentials) => credentials,
        Err(unclear) => return (unclear.reply(), None),
    };
    let fresh = site.random.token();
    let issued = site.state().accounts.issue_token(
        &client_id,
        secret.digest(),
        request.peer.ip(),
        fresh.digest(),
        site.now(),
    );
    let reply = match issued {
        Ok((expires_in, rate)) => {
            let access_token = fresh.expose();
            let body = TokenBody {
                access_token,
                token_type: "Bearer",
                expires_in,
            };
            with_rate(json(StatusCode::OK, &body), rate)
        }
        Err(TokenRefusal::RateExceeded(rate)) => rate_exceeded(rate),
        Err(TokenRefusal::InvalidClient) => refusal(
            StatusCode::UNAUTHORIZED,
            ErrorCode::InvalidClient,
            "The client credentials are not valid.",
        ),
        Err(TokenRefusal::Disabled) => refusal(
            StatusCode::UNAUTHORIZED,
            ErrorCode::UnauthorizedClient,
            "The API account is disabled.",
        ),
        Err(TokenRefusal::Address) => refusal(
            StatusCode::UNAUTHORIZED,
            ErrorCode::UnauthorizedClient,
            "The API account may not be used from this address.",
        ),
    };
    (reply, Some(client_id.0))
}

/// The token of an `Authorization: Bearer` header. The scheme's letter case does not matter.
pub(crate) fn bearer_token(request: &Request) -> Option<Secret> {
    let (scheme, token) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Secret::new(token.trim()))
}

/// The answer to a missing, unknown or expired bearer token (text documented, status assumed).
pub(crate) fn bad_bearer() -> Reply {
    refusal(
        StatusCode::UNAUTHORIZED,
        ErrorCode::AccessDenied,
        "The resource owner or authorization server denied the request.",
    )
}

/// The answer to one request too many (assumed sra:§2.2).
pub(crate) fn rate_exceeded(rate: RateStatus) -> Reply {
    let reply = refusal(
        StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::AccessDenied,
        "Too many requests for this API account.",
    );
    with_rate(reply, rate).with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

/// An error in the shape that all of them have.
pub(crate) fn refusal(status: StatusCode, error: ErrorCode, message: &str) -> Reply {
    json(status, &ErrorBody { error, message })
}

fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(body).expect("a body has string keys and no failing serialiser");
    Reply::new(status, "application/json", body)
        .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

fn with_rate(reply: Reply, rate: RateStatus) -> Reply {
    reply
        .with_header(
            HeaderName::from_static("x-ratelimit-limit"),
            HeaderValue::from(rate.limit),
        )
        .with_header(
            HeaderName::from_static("x-ratelimit-remaining"),
            HeaderValue::from(rate.remaining),
        )
}

/// Reads a token request: Basic or body credentials, form or JSON body (vendor clients sra:§2.1).
/// Basic counts when both are there (assumed).
fn credentials(request: &Request) -> Result<(ClientId, Secret), Unclear> {
    let body = request.body.as_ref().map_err(|_| Unclear::Body)?;
    let content_type = request.header(header::CONTENT_TYPE).unwrap_or_default();
    let grant = if content_type.trim_start().starts_with("application/json") {
        serde_json::from_slice(body).map_err(|_| Unclear::Body)?
    } else {
        Grant::from_form(body)
    };
    match grant.grant_type.as_deref() {
        None | Some("") => return Err(Unclear::NoGrantType),
        Some("client_credentials") => {}
        Some(_) => return Err(Unclear::OtherGrantType),
    }
    if let Some(header) = request.header(header::AUTHORIZATION) {
        return basic(header).ok_or(Unclear::NoCredentials);
    }
    match (grant.client_id, grant.client_secret) {
        (Some(id), Some(secret)) => Ok((ClientId(id), secret.0)),
        _ => Err(Unclear::NoCredentials),
    }
}

fn basic(header: &str) -> Option<(ClientId, Secret)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = zeroize::Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((ClientId(id.to_owned()), Secret::new(secret)))
}

impl Grant {
    fn from_form(body: &[u8]) -> Self {
        let mut grant = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match name.as_ref() {
                "grant_type" => grant.grant_type = Some(value.into_owned()),
                "client_id" => grant.client_id = Some(value.into_owned()),
                "client_secret" => {
                    grant.client_secret = Some(SecretField(Secret::new(value.into_owned())));
                }
                _ => {}
            }
        }
        grant
    }
}

impl Unclear {
    fn reply(self) -> Reply {
        let (status, code, message) = match self {
            Self::Body => (
                StatusCode::BAD_REQUEST,
                ErrorCode::InvalidRequest,
                "The body is malformed.",
            ),
            Self::NoGrantType => (
                StatusCode::BAD_REQUEST,
                ErrorCode::InvalidRequest,
                "grant_type is missing.",
            ),
            Self::OtherGrantType => (
                StatusCode::BAD_REQUEST,
                ErrorCode::UnsupportedGrantType,
                "The only grant type is client_credentials.",
            ),
            Self::NoCredentials => (
                StatusCode::UNAUTHORIZED,
                ErrorCode::InvalidClient,
                "The client credentials are missing or malformed.",
            ),
        };
        refusal(status, code, message)
    }
}
