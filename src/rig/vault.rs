//! The vault of a rig, as its users and its operator see it.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::control::{ControlError, Operator, text};

/// The vault of a rig.
pub struct Vault {
    /// Base URL of the vendor port.
    pub url: String,
    /// Host and port of it.
    pub address: String,
    /// The Endpoint URL that the ECM is configured with.
    pub endpoint_url: String,
    /// Base URL of the control plane.
    pub control_url: String,
    /// The hand on its control plane.
    pub operator: Operator,
    /// The API account, as the vault knows it.
    pub api_user: String,
    pub(super) planted: Vec<(String, Zeroizing<String>)>,
}

/// A user's answer to an API account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Approve,
    /// No.
    Deny,
    /// Not any more.
    Revoke,
}

/// A mail that the vault sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// The subject line.
    pub subject: String,
}

impl Vault {
    /// A user answers the API account's request.
    ///
    /// # Errors
    /// When there is no such user or nothing to answer.
    pub async fn answer_trust(&self, user: &str, answer: Answer) -> Result<(), ControlError> {
        let path = match answer {
            Answer::Approve => "/approvals/approve",
            Answer::Deny => "/approvals/deny",
            Answer::Revoke => "/approvals/revoke",
        };
        let body = json!({ "caller": self.api_user, "user": user });
        self.operator.post(path, body).await.map(drop)
    }

    /// The password of the API account expires.
    ///
    /// # Errors
    /// When the control plane refuses.
    pub async fn expire_api_password(&self) -> Result<(), ControlError> {
        let body = json!({ "user": self.api_user });
        self.operator.post("/users/expire-password", body).await.map(drop)
    }

    /// The mails to a user, oldest first. A user is named without a domain.
    ///
    /// # Errors
    /// When the control plane refuses.
    pub async fn mails_to(&self, user: &str) -> Result<Vec<Mail>, ControlError> {
        let mailbox = self.operator.get("/mailbox").await?;
        let mails = mailbox["mails"].as_array().into_iter().flatten();
        let mine = mails.filter(|mail| same_user(&mail["user"], user));
        Ok(mine.map(|m| Mail { to: text(&m["to"]), subject: text(&m["subject"]) }).collect())
    }

    /// Who holds a secret, by its name; nobody when it is free.
    ///
    /// # Errors
    /// When the control plane refuses.
    pub async fn holder_of(&self, secret: &str) -> Result<Option<String>, ControlError> {
        let state = self.operator.get("/state").await?;
        let held = state["check_outs"].as_array().into_iter().flatten();
        let mut mine = held.filter(|held| held["secret_name"] == secret);
        Ok(mine.next().map(|held| text(&held["holder"])))
    }

    /// The password or key that the lab planted in a secret, by the secret's name.
    #[must_use]
    pub fn planted(&self, secret: &str) -> Option<Zeroizing<String>> {
        let names = self.planted.iter().find(|(name, _)| name.contains(secret));
        names.map(|(_, value)| value.clone())
    }
}

/// Whether the vault's full name of a user (`acme.example\joe.user`) is this one.
fn same_user(full: &Value, user: &str) -> bool {
    let full = full.as_str().unwrap_or_default();
    let bare = full.rsplit_once('\\').map_or(full, |(_, bare)| bare);
    bare.eq_ignore_ascii_case(user) || full.eq_ignore_ascii_case(user)
}
