//! Sign-in, tokens, version.

use schemars::JsonSchema;
use serde::Serialize;

use crate::state::people::User;
use crate::state::sign_in::Token;

/// `POST Auth/SignAppin`. `documented psafe:DOC-auth`, `vendor-client psafe:GO`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SignedIn {
    user_id: i32,
    #[serde(rename = "SID")]
    sid: Option<String>,
    email_address: String,
    user_name: String,
    name: String,
}

impl SignedIn {
    pub(crate) fn of(user: &User) -> Self {
        Self {
            user_id: user.id.0,
            sid: user.sid.clone(),
            email_address: user.email.clone(),
            user_name: user.full_name.to_string(),
            name: format!("{} {}", user.first_name, user.last_name)
                .trim()
                .to_owned(),
        }
    }
}

/// `POST Auth/connect/token`. `vendor-client psafe:GO`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenRow {
    access_token: String,
    expires_in: u32,
    token_type: &'static str,
    scope: &'static str,
}

impl TokenRow {
    pub(crate) fn of(token: &Token) -> Self {
        Self {
            access_token: token.text.expose().to_owned(),
            expires_in: token.expires_in_s,
            token_type: "Bearer",
            scope: "publicapi",
        }
    }
}

/// `GET Configuration/Version`. `vendor-client psafe:PSCLI`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VersionRow {
    #[serde(rename = "Version")]
    pub(crate) version: String,
}
