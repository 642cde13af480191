//! The vault of a rig, as its users and its operator see it. What only one product has is in that
//! product's file.

mod password_safe;
mod secret_server;

use mock_password_safe::MockPasswordSafe;
use mock_secret_server::MockSecretServer;
use sim_kit::clock::SimClock;
use sim_kit::host::Hosting;
use sim_kit::seeded::Seed;
use toml::Table;
use zeroize::Zeroizing;

pub use secret_server::{Answer, Mail};

use super::control::{ControlError, Operator, Reach};
use super::ecm::VaultSection;
use super::{PlantedSecret, RigError};
use crate::lab::{EcmPlan, Lab, VaultKind};

/// The vault of a rig.
pub struct Vault {
    /// Which product.
    pub kind: VaultKind,
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
    /// The API account of Secret Server.
    api_user: String,
    /// Password of the API account, or key of the registration.
    secret: Zeroizing<String>,
    /// Nothing once it was taken down.
    server: Option<Server>,
}

enum Server {
    SecretServer(MockSecretServer),
    PasswordSafe(MockPasswordSafe),
}

/// What a vault stands on.
pub(super) struct Ground {
    pub(super) seed: Seed,
    pub(super) clock: SimClock,
    pub(super) reach: Reach,
    pub(super) hosting: Hosting,
}

/// Starts the vault of a lab. Gives the secrets that it planted as well.
pub(super) async fn start(
    kind: VaultKind,
    lab: &Lab,
    plan: &EcmPlan,
    ground: Ground,
) -> Result<(Vault, Vec<PlantedSecret>), RigError> {
    match kind {
        VaultKind::SecretServer => secret_server::start(lab, plan, ground).await,
        VaultKind::PasswordSafe => password_safe::start(lab, plan, ground).await,
    }
}

impl Vault {
    /// The section of the ECM's configuration for this vault.
    pub(super) fn section(&self, plan: &EcmPlan) -> VaultSection<'_> {
        let bundled = self.kind == VaultKind::PasswordSafe && plan.bundled.is_some();
        let (name, further, secret_key, secret_file) = match self.kind {
            VaultKind::SecretServer => (
                "secret-server",
                &plan.secret_server,
                "api_password",
                "api-password",
            ),
            VaultKind::PasswordSafe => (
                match bundled {
                    true => "password-safe-bundled",
                    false => "password-safe",
                },
                &plan.password_safe,
                "api_registration_key",
                "api-registration-key",
            ),
        };
        let mut settings: Table = further.clone();
        if bundled {
            // Its policy approves by itself, so the form has no such field.
            settings.remove("global_approver");
        }
        let mut set = |key: &str, value: &str| settings.insert(key.to_owned(), value.into());
        set("endpoint_url", &self.endpoint_url);
        if self.kind == VaultKind::SecretServer {
            set("api_user", &self.api_user);
        }
        VaultSection {
            name,
            settings,
            secret_key,
            secret_file,
            secret: &self.secret,
            names_appliance: bundled,
        }
    }

    /// Who holds a credential, by its name (`db01 Administrator`: for Password Safe system and
    /// account); nobody when it is free.
    ///
    /// # Errors
    /// When the control plane refuses.
    pub async fn holder_of(&self, credential: &str) -> Result<Option<String>, ControlError> {
        match self.kind {
            VaultKind::SecretServer => self.holder_of_secret(credential).await,
            VaultKind::PasswordSafe => self.requestor_of(credential).await,
        }
    }

    /// Secrets that the vault made after it was started: passwords that it rotated.
    pub(super) fn secrets_now(&self) -> Vec<PlantedSecret> {
        match &self.server {
            Some(Server::PasswordSafe(server)) => password_safe::planted(server),
            Some(Server::SecretServer(_)) | None => Vec::new(),
        }
    }

    /// Takes the vault down; its address stays known. Gives panics of its handlers.
    pub async fn stop(&mut self) -> Vec<String> {
        match self.server.take() {
            None => Vec::new(),
            Some(Server::SecretServer(server)) => {
                let panics = server.panics();
                server.stop().await;
                panics
            }
            Some(Server::PasswordSafe(server)) => {
                let panics = server.hosted().panics();
                server.stop().await;
                panics
            }
        }
    }
}
