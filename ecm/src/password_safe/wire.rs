//! The bytes of the Password Safe API v3, written from the specification: what the client sends and
//! how it reads each answer. Read in any letter case, written as documented.

pub(super) mod auth;
pub(super) mod json;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::wiped::Wiped;

pub(super) use json::NotUnderstood;

/// The address of `endpoint` under the API's base, with `query` as its parameters.
pub(super) fn address(base: &Url, endpoint: &str, query: &[(&str, &str)]) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{endpoint}", base.path().trim_end_matches('/')));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

/// A row of `GET ManagedAccounts` (recorded psafe:§2.1).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ManagedAccount {
    #[serde(rename = "platformid", default)]
    pub(super) platform_id: Option<i32>,
    #[serde(rename = "systemid")]
    pub(super) system_id: i32,
    #[serde(rename = "systemname", default)]
    pub(super) system_name: Option<String>,
    #[serde(rename = "domainname", default)]
    pub(super) domain_name: Option<String>,
    #[serde(rename = "accountid")]
    pub(super) account_id: i32,
    #[serde(rename = "accountname")]
    pub(super) account_name: String,
    #[serde(rename = "applicationid", default)]
    pub(super) application_id: Option<i32>,
    #[serde(rename = "applicationdisplayname", default)]
    pub(super) application_name: Option<String>,
    /// Minutes.
    #[serde(rename = "maximumreleaseduration", default)]
    pub(super) release_max_min: Option<i32>,
}

/// Reads the answer of `GET ManagedAccounts`.
pub(super) fn managed_accounts(body: &[u8]) -> Result<Vec<ManagedAccount>, NotUnderstood> {
    json::one_or_many("managed accounts", body)
}

/// A row of `GET Platforms` (vendor-client psafe:PYLIB).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Platform {
    #[serde(rename = "platformid")]
    pub(super) platform_id: i32,
    #[serde(rename = "name", default)]
    pub(super) name: Option<String>,
    #[serde(rename = "defaultport", default)]
    pub(super) default_port: Option<i32>,
    #[serde(rename = "defaultsessiontype", default)]
    pub(super) default_session_type: Option<String>,
}

/// Reads the answer of `GET Platforms`.
pub(super) fn platforms(body: &[u8]) -> Result<Vec<Platform>, NotUnderstood> {
    json::one_or_many("platforms", body)
}

/// A row of `GET Requests` (vendor-client psafe:PYLIB). Its ids are spelt `SystemID`, not
/// `SystemId`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct RequestRow {
    #[serde(rename = "requestid")]
    pub(super) request_id: i32,
    #[serde(rename = "systemid")]
    pub(super) system_id: i32,
    #[serde(rename = "accountid")]
    pub(super) account_id: i32,
    #[serde(rename = "accesstype", default)]
    pub(super) access_type: Option<String>,
    #[serde(rename = "reason", default)]
    pub(super) reason: Option<String>,
}

impl RequestRow {
    /// Whether the request lets its owner view the credential of that account.
    pub(super) fn views(&self, system_id: i32, account_id: i32) -> bool {
        let view = self
            .access_type
            .as_deref()
            .is_none_or(|kind| kind.eq_ignore_ascii_case("View"));
        view && (self.system_id, self.account_id) == (system_id, account_id)
    }
}

/// Reads the answer of `GET Requests`.
pub(super) fn requests(body: &[u8]) -> Result<Vec<RequestRow>, NotUnderstood> {
    json::one_or_many("requests", body)
}

/// The body of `POST Requests` (documented psafe:§2.4), its members in the documented order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NewRequest<'a> {
    pub(super) access_type: &'a str,
    #[serde(rename = "SystemID")]
    pub(super) system_id: i32,
    #[serde(rename = "AccountID")]
    pub(super) account_id: i32,
    #[serde(rename = "ApplicationID", skip_serializing_if = "Option::is_none")]
    pub(super) application_id: Option<i32>,
    pub(super) duration_minutes: u32,
    pub(super) reason: &'a str,
    pub(super) conflict_option: &'a str,
    #[serde(rename = "TicketSystemID", skip_serializing_if = "Option::is_none")]
    pub(super) ticket_system_id: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ticket_number: Option<&'a str>,
}

impl NewRequest<'_> {
    /// The body's bytes.
    pub(super) fn body(&self) -> Bytes {
        to_bytes(self)
    }
}

/// The body of Approve and Checkin.
pub(super) fn reason_body(reason: &str) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body<'a> {
        reason: &'a str,
    }
    to_bytes(&Body { reason })
}

fn to_bytes(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body)
        .expect("texts and numbers always have a JSON form")
        .into()
}

/// Reads the answer of `POST Requests`: a bare integer (vendor-client psafe:GO), in quotes or not.
pub(super) fn request_id(body: &[u8]) -> Result<i32, NotUnderstood> {
    let id = unquoted(body).and_then(|text| text.parse::<i32>().ok());
    id.filter(|id| *id > 0).ok_or(NotUnderstood::NotAnId)
}

/// Reads the answer of `GET Credentials/{id}`: a bare JSON string (documented psafe:§2.5).
pub(super) fn credential(body: &[u8]) -> Result<Wiped<String>, NotUnderstood> {
    json::string(body)
}

/// What a refusal says (documented psafe:§3): a sub-code such as 4031 that is the whole body, or
/// words, usually as a JSON string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RefusalBody {
    pub(super) code: Option<u16>,
    pub(super) words: String,
}

/// Reads the body of a refusal; any bytes will do.
pub(super) fn refusal(body: &[u8]) -> RefusalBody {
    let code = unquoted(body)
        .filter(|text| text.len() == 4)
        .and_then(|text| text.parse().ok());
    let words = match json::string(body) {
        Ok(text) => text.to_string(),
        Err(_) => String::from_utf8_lossy(body.get(..WORDS_BYTES_MAX).unwrap_or(body)).into_owned(),
    };
    RefusalBody { code, words }
}

/// Most bytes of a refusal that are looked at; an error page has nothing to say after them.
const WORDS_BYTES_MAX: usize = 4 * 1024;

/// The text without blanks and quotes around it (assumed psafe:§8: clients should strip them).
fn unquoted(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body.get(..WORDS_BYTES_MAX).unwrap_or(body))
        .ok()?
        .trim();
    let inside = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let text = inside.unwrap_or(text).trim();
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(text)
}
