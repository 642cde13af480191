//! Secret Server: what it is started with, and what its users do.

use mock_secret_server::MockSecretServer;
use mock_secret_server::lab::Lab as VaultLab;
use mock_secret_server::state::{Contents, NewValue};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Ground, Server, Vault};
use crate::lab::{EcmPlan, Lab, VaultKind};
use crate::rig::control::{ControlError, text};
use crate::rig::{PlantedSecret, RigError};

pub(super) async fn start(
    lab: &Lab,
    plan: &EcmPlan,
    ground: Ground,
) -> Result<(Vault, Vec<PlantedSecret>), RigError> {
    let vault = VaultLab::read(&lab.path, &lab.text)?;
    let secret = vault.password(&plan.api_user, ground.seed)?;
    let planted = planted(&vault.contents(ground.seed)?);
    let server = MockSecretServer::builder()
        .hosting(ground.hosting)
        .clock(ground.clock)
        .seed(ground.seed)
        .lab(vault)
        .start()
        .await
        .map_err(|failure| RigError::Start {
            party: "the vault",
            source: failure.into(),
        })?;
    let endpoint_url = match &plan.endpoint_path {
        Some(path) => format!("{}{path}", server.url()),
        None => server.endpoint_url(),
    };
    let control_url = server.control_url();
    let vault = Vault {
        kind: VaultKind::SecretServer,
        url: server.url(),
        address: server.local_addr().to_string(),
        endpoint_url,
        operator: ground.reach.operator(server.control(), &control_url)?,
        control_url,
        api_user: plan.api_user.clone(),
        secret,
        server: Some(Server::SecretServer(server)),
    };
    Ok((vault, planted))
}

/// Every secret that a vault starts with, by where it stands.
fn planted(contents: &Contents) -> Vec<PlantedSecret> {
    let mut planted = Vec::new();
    let mut plant = |name: String, text: &str| {
        planted.push(PlantedSecret {
            name,
            value: Zeroizing::new(text.to_owned()),
        });
    };
    for user in &contents.users {
        if let Some(password) = &user.password {
            plant(
                format!("password of vault user {}", user.user_name),
                password.expose(),
            );
        }
    }
    for user in &contents.users {
        let Some(radius) = &user.radius else { continue };
        let of = &user.user_name;
        plant(
            format!("RADIUS code of vault user {of}"),
            radius.code.expose(),
        );
        if let Some(answer) = &radius.challenge_answer {
            plant(format!("RADIUS answer of vault user {of}"), answer.expose());
        }
    }
    for secret in &contents.secrets {
        if let Some(lock) = &secret.rules.double_lock {
            plant(format!("{}: DoubleLock", secret.name), lock.expose());
        }
        for (field, value) in &secret.items {
            let name = format!("{}: {field}", secret.name);
            match value {
                NewValue::Password(text) => plant(name, text.expose()),
                NewValue::File { bytes, .. } => {
                    plant(name, &String::from_utf8_lossy(bytes.expose()));
                }
                NewValue::Text(_) => {}
            }
        }
    }
    planted
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
        self.operator
            .post("/users/expire-password", body)
            .await
            .map(drop)
    }

    /// The mails to a user, oldest first. A user is named without a domain.
    ///
    /// # Errors
    /// When the control plane refuses.
    pub async fn mails_to(&self, user: &str) -> Result<Vec<Mail>, ControlError> {
        let mailbox = self.operator.get("/mailbox").await?;
        let mails = mailbox["mails"].as_array().into_iter().flatten();
        let mine = mails.filter(|mail| same_user(&mail["user"], user));
        Ok(mine
            .map(|m| Mail {
                to: text(&m["to"]),
                subject: text(&m["subject"]),
            })
            .collect())
    }

    pub(super) async fn holder_of_secret(
        &self,
        secret: &str,
    ) -> Result<Option<String>, ControlError> {
        let state = self.operator.get("/state").await?;
        let held = state["check_outs"].as_array().into_iter().flatten();
        let mut mine = held.filter(|held| held["secret_name"] == secret);
        Ok(mine.next().map(|held| text(&held["holder"])))
    }
}

/// Whether the vault's full name of a user (`acme.example\joe.user`) is this one.
fn same_user(full: &Value, user: &str) -> bool {
    let full = full.as_str().unwrap_or_default();
    let bare = full.rsplit_once('\\').map_or(full, |(_, bare)| bare);
    bare.eq_ignore_ascii_case(user) || full.eq_ignore_ascii_case(user)
}
