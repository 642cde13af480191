//! A whole site on this machine: appliance, vault and ECMs on free loopback ports, started and
//! stopped in order, trusting one authority that was made for the run.

mod aftermath;
pub mod console;
pub mod control;
mod ecm;
mod error;
mod second;
mod tape;
pub mod vault;
mod waiting;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::ecm::test_settings::TestReport;
use mock_appliance::state::accounts::ClientId;
use sim_kit::clock::{SimClock, SimTime, Stopwatch};
use sim_kit::host::{Hosting, TlsChoice};
use sim_kit::pki::Authority;
use sim_kit::seeded::Seed;
use tempfile::TempDir;
use zeroize::Zeroizing;

pub use aftermath::{Findings, PlantedSecret};
pub use error::RigError;
pub use mock_appliance::SessionId;

use crate::lab::{EcmPlan, Lab, VaultKind};
use crate::outcome::Hop;
use console::{Appliance, ConsoleUser, Entry, Refusal};
use control::Reach;
use error::file_error;
use tape::Tape;
use vault::Vault;
use waiting::wait_for;

/// Longest wait for something that happens in the background.
const PATIENCE: Duration = Duration::from_secs(15);

/// How a rig is to run.
pub struct Options {
    /// Seed of everything random.
    pub seed: Seed,
    /// The clock that the simulators share.
    pub clock: SimClock,
    /// How their control planes are reached.
    pub reach: Reach,
    /// The vault.
    pub vault: VaultKind,
    /// A second vault, for an ECM of its own.
    pub second_vault: Option<VaultKind>,
    /// Whether the ECMs are told to trust the vault's certificate.
    pub vault_trusted: bool,
}

impl Options {
    /// Time stands still until it is moved, and control calls stay in the process: scenarios.
    #[must_use]
    pub fn frozen(seed: Seed) -> Self {
        let clock = SimClock::frozen(SimTime::SCENARIO_START);
        Self {
            seed,
            clock,
            reach: Reach::InProcess,
            vault: VaultKind::SecretServer,
            second_vault: None,
            vault_trusted: true,
        }
    }

    /// Time goes by, and control calls go over the socket as a script's would: the demo.
    #[must_use]
    pub fn live(seed: Seed) -> Self {
        let clock = SimClock::following();
        Self {
            seed,
            clock,
            reach: Reach::Socket,
            vault: VaultKind::SecretServer,
            second_vault: None,
            vault_trusted: true,
        }
    }
}

/// An ECM's configuration file, and the files that hold its secrets.
type WrittenConfig = (PathBuf, [PathBuf; 3]);

/// A running site.
pub struct Rig {
    /// The appliance.
    pub appliance: Appliance,
    /// The vault.
    pub vault: Vault,
    second: Option<Vault>,
    plan: EcmPlan,
    ecms: Vec<ecm::Running>,
    clock: SimClock,
    /// Real time from which hop times count, and the simulated time then.
    began_ms: i64,
    tape: Tape,
    tape_from: usize,
    directory: TempDir,
    ca_file: PathBuf,
    vault_ca_file: PathBuf,
    planted: Vec<PlantedSecret>,
    /// Files that hold secrets on purpose.
    secret_files: Vec<PathBuf>,
}

impl Rig {
    /// Starts appliance and vault of a lab. ECMs are started one by one: their order matters.
    ///
    /// # Errors
    /// When the lab is refused, or a party does not start. What was started has been stopped then.
    pub async fn start(lab: Lab, options: Options) -> Result<Self, RigError> {
        let tape = Tape::of_this_process();
        let tape_from = tape.position();
        let Options {
            seed,
            clock,
            reach,
            vault,
            second_vault,
            vault_trusted,
        } = options;
        let plan = lab.ecm()?;
        let directory = tempfile::Builder::new().prefix("ecm-lab-").tempdir();
        let directory = directory.map_err(RigError::NoDirectory)?;
        let authority = Arc::new(Authority::generate("ECM Lab")?);
        let ca_file = directory.path().join("ca.pem");
        std::fs::write(&ca_file, authority.ca_pem()).map_err(file_error(&ca_file))?;
        let vault_ca_file = match vault_trusted {
            true => ca_file.clone(),
            false => strange_authority(directory.path())?,
        };
        let began = Stopwatch::start();
        let began_ms = clock.now().0;
        let hosting = || Hosting {
            tls: TlsChoice::SignedBy(Arc::clone(&authority)),
            ..Hosting::default()
        };
        let ground = || vault::Ground {
            seed,
            clock: clock.clone(),
            reach,
            hosting: hosting(),
        };
        let (vault, mut planted) = vault::start(vault, &lab, &plan, ground()).await?;
        let mut second = None;
        if let Some(kind) = second_vault {
            let (vault, more) = vault::start(kind, &lab, &plan, ground()).await?;
            planted.extend(more);
            second = Some(vault);
        }
        let appliance = console::start(&lab, seed, clock.clone(), began, reach, hosting()).await?;
        let mut rig = Self {
            appliance,
            vault,
            second,
            plan,
            ecms: Vec::new(),
            clock,
            began_ms,
            tape,
            tape_from,
            directory,
            ca_file,
            vault_ca_file,
            planted,
            secret_files: Vec::new(),
        };
        rig.plant_client_secrets();
        Ok(rig)
    }

    /// Starts an ECM and waits until the appliance has welcomed it.
    ///
    /// # Errors
    /// When its configuration is refused, or it does not connect in time.
    pub async fn start_ecm(&mut self, name: &str) -> Result<(), RigError> {
        let file = self.configure_ecm(name)?;
        let running = ecm::start(name, &file, PATIENCE).await?;
        self.ecms.push(running);
        Ok(())
    }

    /// Fills the Test Settings form of an ECM that does not run. `retrieve` is a part of the name
    /// of the entry to retrieve.
    ///
    /// # Errors
    /// When the ECM refuses its configuration.
    pub async fn test_settings(
        &mut self,
        username: &str,
        hostname: &str,
        retrieve: Option<&str>,
    ) -> Result<TestReport, RigError> {
        let file = self.configure_ecm("tested")?;
        ecm::test_settings(&file, username, hostname, retrieve).await
    }

    /// Takes the permission "Endpoint Credential Manager API" from the ECMs' API account.
    ///
    /// # Errors
    /// When the appliance refuses.
    pub async fn deny_ecm(&self) -> Result<(), RigError> {
        let (client_id, _) = self.api_account(&self.plan.api_account)?;
        let path = format!("/accounts/{}/deny-ecm", client_id.0);
        self.appliance
            .operator
            .post(&path, serde_json::Value::Null)
            .await?;
        Ok(())
    }

    fn api_account(
        &self,
        name: &str,
    ) -> Result<(&ClientId, &mock_appliance::secret::Secret), RigError> {
        let account = self.appliance.server.api_account(name);
        account.ok_or_else(|| RigError::Unknown(format!("API account {name:?} in the lab")))
    }

    /// Writes what an ECM needs, and gives its configuration file: also for whoever starts the ECM
    /// elsewhere.
    ///
    /// # Errors
    /// When the lab lacks the API account, or a file cannot be written.
    pub fn configure_ecm(&mut self, name: &str) -> Result<PathBuf, RigError> {
        let written = self.write_config(name, &self.plan.api_account, &self.vault)?;
        Ok(self.remember(written))
    }

    fn write_config(
        &self,
        name: &str,
        api_account: &str,
        vault: &Vault,
    ) -> Result<WrittenConfig, RigError> {
        let (client_id, client_secret) = self.api_account(api_account)?;
        let directory = self.ecm_directory(name);
        let setup = ecm::Setup {
            directory: &directory,
            site_url: &self.appliance.url,
            client_id: &client_id.0,
            client_secret: client_secret.expose(),
            appliance_ca: &self.ca_file,
            vault: vault.section(&self.plan),
            vault_ca: &self.vault_ca_file,
        };
        Ok((setup.write()?, setup.secret_files()))
    }

    fn remember(&mut self, (file, secret_files): WrittenConfig) -> PathBuf {
        self.secret_files.extend(secret_files);
        file
    }

    /// Stops an ECM and waits until the appliance has noticed.
    ///
    /// # Errors
    /// When there is none of that name, or it does not go in time.
    pub async fn stop_ecm(&mut self, name: &str) -> Result<(), RigError> {
        let unknown = || RigError::Unknown(format!("ECM {name:?}"));
        let place = self
            .ecms
            .iter()
            .position(|ecm| ecm.name == name)
            .ok_or_else(unknown)?;
        let ecm = self.ecms.remove(place);
        let connection = ecm.connection.clone();
        ecm.stop().await;
        let appliance = &self.appliance;
        wait_for(&format!("ECM {name:?} leaving the appliance"), || async {
            let clients = appliance.ecm_clients();
            let gone = clients.iter().all(|client| client.connection != connection);
            Ok(if gone {
                Ok(())
            } else {
                Err(format!("connected: {clients:?}"))
            })
        })
        .await
    }

    /// Forgets every token that the ECMs hold.
    ///
    /// # Errors
    /// When a cache cannot be cleared.
    pub fn clear_token_cache(&self) -> Result<(), RigError> {
        for ecm in &self.ecms {
            ecm.clear_token_cache()?;
        }
        Ok(())
    }

    /// A user opens the credential list of a Jump Item: the session, and what the console shows.
    ///
    /// # Errors
    /// When the appliance knows no such user or Jump Item.
    pub async fn open_list(
        &self,
        user: &ConsoleUser,
        item: &str,
    ) -> Result<(SessionId, Result<Vec<Entry>, Refusal>), RigError> {
        let session = self.appliance.begin(&user.username, item).await?;
        let shown = self.appliance.list(&session).await;
        Ok((session, shown))
    }

    /// Name of the ECM that received the last look-up of a session.
    ///
    /// # Errors
    /// When there is no such session.
    pub fn served_by(&self, session: &SessionId) -> Result<Option<String>, RigError> {
        let hops = self.appliance.hops(session)?;
        let last = hops
            .into_iter()
            .rfind(|hop| hop.request == "find_credentials");
        let by = |ecm: &&ecm::Running| {
            last.as_ref()
                .is_some_and(|hop| ecm.connection == hop.connection)
        };
        Ok(self.ecms.iter().find(by).map(|ecm| ecm.name.clone()))
    }

    /// Moves the time of all simulators forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// What a session's journey consisted of, in the order of the starts: requests on the link and
    /// the vault's calls while the session ran.
    ///
    /// # Errors
    /// When there is no such session, or the vault does not answer.
    pub async fn hops(&self, session: &SessionId) -> Result<Vec<Hop>, RigError> {
        let link = self.appliance.hops(session)?;
        let from = link
            .iter()
            .map(|hop| hop.sent_at_us)
            .min()
            .unwrap_or_default();
        let mut hops: Vec<Hop> = link
            .into_iter()
            .map(|hop| Hop {
                party: "link".to_owned(),
                label: hop.request,
                start_us: hop.sent_at_us - from,
                elapsed_us: hop.answered_at_us.saturating_sub(hop.sent_at_us),
            })
            .collect();
        for call in self.vault.operator.journal().await? {
            // The journal has whole milliseconds.
            let at_us = u64::try_from((call.at_ms - self.began_ms) * 1000).unwrap_or_default();
            if at_us + 1000 > from {
                hops.push(Hop {
                    party: "vault".to_owned(),
                    label: call.operation,
                    start_us: at_us.saturating_sub(from),
                    elapsed_us: call.elapsed_us,
                });
            }
        }
        hops.sort_by_key(|hop| hop.start_us);
        Ok(hops)
    }

    /// The configuration file of an ECM.
    #[must_use]
    pub fn ecm_config(&self, name: &str) -> PathBuf {
        self.ecm_directory(name).join("ecm.toml")
    }

    fn ecm_directory(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("ecm-{name}"))
    }

    /// The authority that every party of the rig trusts.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    fn plant_client_secrets(&mut self) {
        let EcmPlan {
            api_account,
            second_api_account,
            ..
        } = &self.plan;
        for account in std::iter::once(api_account).chain(second_api_account) {
            if let Some((_, secret)) = self.appliance.server.api_account(account) {
                let name = format!("client secret of API account {account}");
                let value = Zeroizing::new(secret.expose().to_owned());
                self.planted.push(PlantedSecret { name, value });
            }
        }
    }
}

/// The file of an authority that signed nothing here.
fn strange_authority(directory: &Path) -> Result<PathBuf, RigError> {
    let path = directory.join("another-ca.pem");
    let another = Authority::generate("another authority")?;
    std::fs::write(&path, another.ca_pem()).map_err(file_error(&path))?;
    Ok(path)
}
