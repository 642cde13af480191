//! The simulator as a library: a builder, and what a rig asks of a running one.

use std::sync::{Arc, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sim_kit::clock::{SimClock, SimTime};
use sim_kit::config::ConfigError;
use sim_kit::control::{ControlPlane, Parts};
use sim_kit::fault::FaultRules;
use sim_kit::host::{HostError, Hosted, Hosting};
use sim_kit::journal::Journal;
use sim_kit::seeded::Seed;
use zeroize::Zeroizing;

use crate::control::{self, Lent};
use crate::engine::Engine;
use crate::lab::Lab;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::state::State;
use crate::state::credential::CredentialKind;
use crate::state::people::RegistrationKind;
use crate::state::secrets_safe::Content;
use crate::state::secure_remote_access::REGISTRATION_NAME;
use crate::state::vault::Password;

/// Name of the simulator, its command's name.
pub const NAME: &str = "mock-password-safe";

/// Path of the API below the server's base URL.
pub const API_PATH: &str = "/BeyondTrust/api/public/v3";

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The lab was refused.
    #[error(transparent)]
    Lab(#[from] ConfigError),
    /// It could not listen.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl From<StartError> for sim_kit::cli::StartError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Lab(error) => Self::Config(error),
            StartError::Host(error) => Self::Host(error),
        }
    }
}

/// What a simulator is started with. Every part has a default: the built-in lab, two loopback
/// ports, TLS made on the spot, a clock that stands still, seed 1.
pub struct Builder {
    lab: Option<Lab>,
    hosting: Hosting,
    clock: SimClock,
    seed: Seed,
    settings: Option<Settings>,
}

impl Builder {
    /// The vault's content.
    #[must_use]
    pub fn lab(mut self, lab: Lab) -> Self {
        self.lab = Some(lab);
        self
    }

    /// Assumed behaviours, instead of the lab's.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Ports and TLS.
    #[must_use]
    pub fn hosting(mut self, hosting: Hosting) -> Self {
        self.hosting = hosting;
        self
    }

    /// The clock; a rig gives all its parties the same.
    #[must_use]
    pub fn clock(mut self, clock: SimClock) -> Self {
        self.clock = clock;
        self
    }

    /// Seed of everything random.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Populates the vault, binds both ports and answers.
    ///
    /// # Errors
    /// When the lab names something that it does not define, or an address cannot be bound.
    pub async fn start(self) -> Result<MockPasswordSafe, StartError> {
        let mut lab = match self.lab {
            Some(lab) => lab,
            None => Lab::acme()?,
        };
        if let Some(settings) = self.settings {
            lab.settings = settings;
        }
        let settings = lab.settings.clone();
        let (state, origin) = lab.populate(self.seed, self.clock.now())?;
        let hosting = Hosting {
            http2: settings.http2,
            ..self.hosting
        };
        let ports = hosting.bind().await?;
        let engine = Arc::new(Engine::new(settings, origin, self.clock, state));
        let parts = Parts {
            name: NAME,
            clock: engine.clock.clone(),
            faults: engine.faults.clone(),
            journal: engine.journal.clone(),
            simulator: Arc::new(Lent(Arc::clone(&engine))),
        };
        let plane = ControlPlane::new(&parts, control::routes(&engine));
        let hosted = ports.serve(Arc::clone(&engine), plane);
        Ok(MockPasswordSafe { engine, hosted })
    }
}

/// A simulated Password Safe that answers. Dropping it stops at once.
pub struct MockPasswordSafe {
    engine: Arc<Engine>,
    hosted: Hosted,
}

impl MockPasswordSafe {
    /// What it is started with, part by part.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            lab: None,
            hosting: Hosting::default(),
            clock: SimClock::frozen(SimTime::SCENARIO_START),
            seed: Seed(1),
            settings: None,
        }
    }

    /// Base URL of the API, as an operator writes it into a plug-in's *Endpoint URL*.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}{API_PATH}", self.hosted.url())
    }

    /// The listeners: addresses, counters, control plane, authority to trust.
    #[must_use]
    pub fn hosted(&self) -> &Hosted {
        &self.hosted
    }

    /// The calls that arrived.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.engine.journal
    }

    /// The fault rules.
    #[must_use]
    pub fn faults(&self) -> &FaultRules {
        &self.engine.faults
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.engine.clock
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.engine.settled(self.engine.clock.now())
    }

    /// The key of a registration.
    #[must_use]
    pub fn api_key(&self, registration: &str) -> Option<Secret> {
        let state = self.state();
        let entry = state
            .people
            .registrations
            .values()
            .find(|entry| entry.name == registration)?;
        match &entry.kind {
            RegistrationKind::ApiKey { key, .. } => Some(key.clone()),
            RegistrationKind::ApiAccess { .. } => None,
        }
    }

    /// Client id and client secret of an application user.
    #[must_use]
    pub fn client_credentials(&self, user: &str) -> Option<(String, Secret)> {
        let state = self.state();
        let user = state.people.find(user)?;
        Some((user.client_id.clone()?, user.client_secret.clone()?))
    }

    /// A user's password, where the lab gave one.
    #[must_use]
    pub fn user_password(&self, user: &str) -> Option<Secret> {
        self.state().people.find(user)?.password.clone()
    }

    /// The code of a user's second factor, where the lab gave one.
    #[must_use]
    pub fn second_factor(&self, user: &str) -> Option<Secret> {
        self.state().people.find(user)?.second_factor.clone()
    }

    /// The password that an account has now.
    #[must_use]
    pub fn account_password(&self, system: &str, account: &str) -> Option<Secret> {
        let state = self.state();
        let account = state.account_named(system, account)?;
        state.secret_of(account, CredentialKind::Password).ok()
    }

    /// What the form *Connect to Secure Remote Access* does; the key of the registration that it
    /// created.
    #[must_use]
    pub fn connect_secure_remote_access(&self) -> Secret {
        self.state().connect_secure_remote_access(None).key
    }

    /// Every secret that was planted by name, for a scan that looks for leaks. Accounts of a bulk
    /// entry are left out.
    #[must_use]
    pub fn secrets(&self) -> Vec<(String, Zeroizing<String>)> {
        let state = self.state();
        let mut all = Vec::new();
        let mut add = |name: String, secret: &Secret| {
            all.push((name, Zeroizing::new(secret.expose().to_owned())));
        };
        for entry in state.people.registrations.values() {
            if let RegistrationKind::ApiKey { key, .. } = &entry.kind {
                add(format!("registration/{}/key", entry.name), key);
            }
        }
        for user in state.people.users.values() {
            for (what, secret) in [
                ("password", &user.password),
                ("second-factor", &user.second_factor),
                ("client-secret", &user.client_secret),
            ] {
                if let Some(secret) = secret {
                    add(format!("user/{}/{what}", user.full_name), secret);
                }
            }
            // An identifier, but its file is where a client's operator looks for it.
            if let Some(id) = &user.client_id {
                add(
                    format!("user/{}/client-id", user.full_name),
                    &Secret::new(id.clone()),
                );
            }
        }
        let appliance = state.appliance.as_ref();
        if let Some(key) = appliance.and_then(|appliance| appliance.api_key.as_ref()) {
            add("appliance/api-key".to_owned(), key);
        }
        add_accounts(&state, &mut add);
        add_team_secrets(&state, &mut add);
        all
    }

    /// Stops both ports in order.
    pub async fn stop(self) {
        self.hosted.stop().await;
    }

    /// Gives the listeners up to a program's main loop, with the secrets for its operator.
    #[must_use]
    pub fn into_started(self) -> sim_kit::cli::Started {
        let secrets = self.secrets();
        sim_kit::cli::Started {
            hosted: self.hosted,
            secrets,
        }
    }
}

/// Every generation that an account's password had, its key and its passphrase.
fn add_accounts(state: &State, add: &mut impl FnMut(String, &Secret)) {
    for account in state.vault.accounts.values() {
        let Some(system) = state.vault.systems.get(&account.system) else {
            continue;
        };
        if system.name.starts_with("bulk-") {
            continue;
        }
        let name = format!("account/{}/{}", system.name, account.name);
        match &account.password {
            Password::Planted(secret) => add(format!("{name}/password"), secret),
            Password::Minted { generation } => {
                for generation in 0..=*generation {
                    let secret = state.mint.password(account.id, generation);
                    add(format!("{name}/password/{generation}"), &secret);
                }
            }
        }
        if let Some(key) = &account.rare().key {
            add(format!("{name}/key"), key);
        }
        if let Some(seed) = &account.rare().totp {
            add(format!("{name}/totp"), seed);
        }
        if let Some(passphrase) = &account.rare().passphrase {
            add(format!("{name}/passphrase"), passphrase);
        }
    }
}

/// Every value that a secret of Secrets Safe has or had, and the seed of its one-time codes. A file
/// is text where it can be, since that is how it would leak.
fn add_team_secrets(state: &State, add: &mut impl FnMut(String, &Secret)) {
    for secret in state.secrets_safe.secrets.values() {
        let path = state.secrets_safe.path(&secret.folder).join("/");
        let name = format!("secrets-safe/{path}/{}", secret.title);
        for version in &secret.versions {
            let name = format!("{name}/{}", version.number);
            let text = match &version.content {
                Content::File { base64, .. } => STANDARD
                    .decode(base64.expose())
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok()),
                _ => None,
            };
            match text {
                Some(text) => add(name, &Secret::new(text)),
                None => add(name, version.content.value()),
            }
        }
        if let Some(seed) = &secret.totp {
            add(format!("{name}/totp"), seed);
        }
    }
}

/// Name of the registration that *Connect to Secure Remote Access* creates.
pub const SECURE_REMOTE_ACCESS_REGISTRATION: &str = REGISTRATION_NAME;
