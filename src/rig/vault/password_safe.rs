//! Password Safe: what it is started with, and what its operator sees.

use mock_password_safe::{Lab as VaultLab, MockPasswordSafe};
use serde_json::json;
use sim_kit::config::ConfigError;
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
    let server = MockPasswordSafe::builder()
        .lab(VaultLab::read(&lab.path, &lab.text)?)
        .hosting(ground.hosting)
        .clock(ground.clock)
        .seed(ground.seed)
        .start()
        .await
        .map_err(|failure| RigError::Start {
            party: "the vault",
            source: failure.into(),
        })?;
    let key = match &plan.bundled {
        Some(_) => Some(server.connect_secure_remote_access()),
        None => {
            let registration = plan.api_registration.as_deref();
            registration.and_then(|name| server.api_key(name))
        }
    };
    let key = key.ok_or_else(|| {
        let cure = "name a registration with an API key of [password-safe]";
        ConfigError::at(
            lab.path.display().to_string(),
            "[ecm] api_registration: ".to_owned() + cure,
        )
    })?;
    let hosted = server.hosted();
    let control_url = hosted.control_url();
    let endpoint_url = match &plan.endpoint_path {
        Some(path) => format!("{}{path}", hosted.url()),
        None => server.api_url(),
    };
    let vault = Vault {
        kind: VaultKind::PasswordSafe,
        url: hosted.url(),
        address: hosted.local_addr().to_string(),
        endpoint_url,
        operator: ground.reach.operator(hosted.control(), &control_url)?,
        control_url,
        api_user: String::new(),
        secret: Zeroizing::new(key.expose().to_owned()),
        server: None,
    };
    if let Some(form) = &plan.bundled {
        let body = json!({ "requesters": form.requesters });
        let path = "/connect-secure-remote-access";
        vault.operator.post(path, body).await?;
    }
    let planted = planted(&server);
    let server = Some(Server::PasswordSafe(server));
    Ok((Vault { server, ..vault }, planted))
}

/// Every secret that the vault has, by where it stands: `web01 administrator: password/0`.
pub(super) fn planted(server: &MockPasswordSafe) -> Vec<PlantedSecret> {
    let secrets = server.secrets().into_iter();
    // An identifier, which may be told.
    let secrets = secrets.filter(|(name, _)| !name.ends_with("/client-id"));
    let planted = secrets.map(|(name, value)| PlantedSecret {
        name: place(&name).unwrap_or(name),
        value,
    });
    planted.collect()
}

/// The place of an account's secret, as a person writes it.
fn place(name: &str) -> Option<String> {
    let (system, rest) = name.strip_prefix("account/")?.split_once('/')?;
    let (account, what) = rest.split_once('/')?;
    Some(format!("{system} {account}: {what}"))
}

impl Vault {
    /// Who has an approved request for an account of a system that was not given back yet;
    /// `credential` names both.
    pub(super) async fn requestor_of(
        &self,
        credential: &str,
    ) -> Result<Option<String>, ControlError> {
        let requests = self.operator.get("/requests").await?;
        let mut open = requests.as_array().into_iter().flatten().filter(|request| {
            let name = format!("{} {}", text(&request["system"]), text(&request["account"]));
            request["standing"] == "approved" && name == credential
        });
        Ok(open.next().map(|request| text(&request["requestor"])))
    }
}
