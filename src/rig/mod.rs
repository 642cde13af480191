//! A whole site on this machine: appliance, vault and ECMs on free loopback ports, started and
//! stopped in order, trusting one authority that was made for the run.

pub mod console;
pub mod control;
mod ecm;
mod tape;
pub mod vault;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mock_appliance::{ConsoleError, MockAppliance, SessionId};
use sim_kit::cli::StartError;
use sim_kit::clock::{SimClock, Stopwatch};
use sim_kit::config::ConfigError;
use sim_kit::host::{Hosting, TlsChoice};
use sim_kit::pki::{Authority, PkiError};
use sim_kit::seeded::Seed;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::lab::{EcmPlan, Lab};
use crate::leak::{Leak, Planted, Scanner};
use crate::outcome::Hop;
use console::{Appliance, ConsoleUser, Entry, Refusal};
use control::{ControlError, Local, Operator};
use tape::Tape;
use vault::Vault;

/// Longest wait for something that happens in the background.
const PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(5);

/// Why a rig is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// The lab was refused.
    #[error("failed to read the lab: {0}")]
    Config(#[from] ConfigError),
    /// A simulator did not start.
    #[error("failed to start {party}: {source}")]
    Start {
        /// Which one.
        party: &'static str,
        /// Why.
        source: StartError,
    },
    /// The ECM did not start.
    #[error("failed to start the ECM: {0}")]
    Ecm(String),
    /// The authority of the run could not be made.
    #[error("failed to make the run's authority: {0}")]
    Pki(#[from] PkiError),
    /// A file of the run could not be written or read.
    #[error("failed to use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The console refused something that has nothing to do with the link.
    #[error("failed at the console: {0}")]
    Console(#[from] ConsoleError),
    /// A control plane refused.
    #[error("failed to control a simulator: {0}")]
    Control(#[from] ControlError),
    /// Something did not happen in time.
    #[error("failed to see {what} within {within_s} s; {seen}")]
    Waited {
        /// What was waited for.
        what: String,
        /// For how long.
        within_s: u64,
        /// What was seen instead.
        seen: String,
    },
    /// The rig has nothing of that name.
    #[error("failed to find {0}")]
    Unknown(String),
}

/// What the look afterwards found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Planted secrets where they must not be.
    pub leaks: Vec<Leak>,
    /// How much was searched.
    pub scanned_bytes: usize,
    /// Panics of background work.
    pub panics: Vec<String>,
    /// Fault rules that no call has met.
    pub rules_never_met: Vec<String>,
}

/// A secret that the lab planted.
pub struct PlantedSecret {
    /// Where it stands: `web01 Administrator: Password`.
    pub name: String,
    /// The secret.
    pub value: Zeroizing<String>,
}

/// How a rig is to run.
pub struct Options {
    /// Whether the ECMs are told to trust the vault's certificate.
    pub vault_trusted: bool,
    /// Seed of everything random.
    pub seed: Seed,
    /// The clock that the simulators share.
    pub clock: SimClock,
}

/// A running site.
pub struct Rig {
    /// The appliance.
    pub appliance: Appliance,
    /// The vault.
    pub vault: Vault,
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
            vault_trusted,
            seed,
            clock,
        } = options;
        let plan = lab.ecm()?;
        let directory = tempfile::Builder::new().prefix("ecm-lab-").tempdir();
        let directory = directory.map_err(file_error(Path::new("a temporary directory")))?;
        let authority = Arc::new(Authority::generate("ECM Lab")?);
        let ca_file = directory.path().join("ca.pem");
        std::fs::write(&ca_file, authority.ca_pem()).map_err(file_error(&ca_file))?;
        let vault_ca_file = match vault_trusted {
            true => ca_file.clone(),
            false => {
                let stranger = directory.path().join("another-ca.pem");
                let another = Authority::generate("another authority")?;
                std::fs::write(&stranger, another.ca_pem()).map_err(file_error(&stranger))?;
                stranger
            }
        };
        let began = Stopwatch::start();
        let began_ms = clock.now().0;
        let hosting = || Hosting {
            tls: TlsChoice::SignedBy(Arc::clone(&authority)),
            ..Hosting::default()
        };
        let (vault, planted) = vault::start(&lab, &plan, seed, clock.clone(), hosting()).await?;
        let site = mock_appliance::Lab::read(&lab.path, &lab.text)?;
        let server = MockAppliance::builder()
            .hosting(hosting())
            .lab(site)
            .seed(seed)
            .clock(clock.clone())
            .stopwatch(began)
            .start()
            .await
            .map_err(|source| RigError::Start {
                party: "the appliance",
                source,
            })?;
        let appliance = Appliance {
            url: server.hosted().url(),
            control_url: server.hosted().control_url(),
            operator: Operator::new(Local(server.hosted().control().clone())),
            server,
        };
        let mut rig = Self {
            appliance,
            vault,
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
        let account = &self.plan.api_account;
        let (client_id, client_secret) = self
            .appliance
            .server
            .api_account(account)
            .ok_or_else(|| RigError::Unknown(format!("API account {account:?} in the lab")))?;
        let directory = self.directory.path().join(format!("ecm-{name}"));
        let setup = ecm::Setup {
            directory: &directory,
            site_url: &self.appliance.url,
            client_id: &client_id.0,
            client_secret: client_secret.expose(),
            endpoint_url: &self.vault.endpoint_url,
            api_user: &self.plan.api_user,
            api_password: &self.vault.api_password,
            appliance_ca: &self.ca_file,
            vault_ca: &self.vault_ca_file,
            settings: &self.plan.secret_server,
        };
        self.secret_files.extend(setup.secret_files());
        let running = ecm::start(name, &setup, PATIENCE).await?;
        self.ecms.push(running);
        Ok(())
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

    /// Waits until the vault's journal holds `count` calls of an operation that ended so.
    ///
    /// # Errors
    /// When it does not in time; the message holds what it has.
    pub async fn wait_for_call(
        &self,
        operation: &str,
        outcome: &str,
        count: usize,
    ) -> Result<(), RigError> {
        let what = format!("{count} call(s) of {operation} that ended in {outcome}");
        let operator = &self.vault.operator;
        wait_for(&what, || async {
            let calls = operator.journal().await?;
            let fitting = calls
                .iter()
                .filter(|call| call.operation == operation && call.outcome == outcome)
                .count();
            let all: Vec<_> = calls.iter().map(|c| (&c.operation, &c.outcome)).collect();
            Ok(if fitting >= count {
                Ok(())
            } else {
                Err(format!("the journal has {all:?}"))
            })
        })
        .await
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

    /// The authority that every party of the rig trusts.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// A scanner for every secret that the lab planted.
    #[must_use]
    pub fn scanner(&self) -> Scanner {
        let planted = self.planted.iter();
        Scanner::new(planted.map(|secret| Planted::new(&secret.name, secret.value.clone())))
    }

    /// The password or key that the lab planted in a secret of the vault, by the secret's name.
    #[must_use]
    pub fn planted(&self, secret: &str) -> Option<&PlantedSecret> {
        let mut fitting = self.planted.iter().filter(|planted| {
            planted
                .name
                .strip_prefix(secret)
                .is_some_and(|field| field.starts_with(": "))
        });
        let is_main = |one: &PlantedSecret| !one.name.ends_with("Passphrase");
        fitting.find(|planted| is_main(planted))
    }

    /// What this process logged since the rig was started.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.tape.since(self.tape_from)).into_owned()
    }

    /// Looks through everything that was written so far: log lines, journals, state, files.
    ///
    /// # Errors
    /// When something cannot be read: what was not read is not clean.
    pub async fn scan(&self) -> Result<(Vec<Leak>, usize), RigError> {
        let scanner = self.scanner();
        let log = self.tape.since(self.tape_from);
        let mut leaks = scanner.scan("the log", &log);
        let mut bytes = log.len();
        for (party, operator) in [
            ("the vault", &self.vault.operator),
            ("the appliance", &self.appliance.operator),
        ] {
            for path in ["/journal", "/state", "/faults"] {
                let text = operator.get(path).await?.to_string();
                leaks.extend(scanner.scan(&format!("{path} of {party}"), text.as_bytes()));
                bytes += text.len();
            }
        }
        let directory = self.directory.path();
        let found = scanner.scan_path(directory, &self.secret_files);
        leaks.extend(found.map_err(file_error(directory))?);
        Ok((leaks, bytes))
    }

    /// Stops everything, ECMs first, and looks at what is left: leaks, panics, rules never met.
    pub async fn finish(mut self) -> Findings {
        for ecm in std::mem::take(&mut self.ecms) {
            ecm.stop().await;
        }
        let mut findings = Findings::default();
        match self.scan().await {
            Ok((leaks, bytes)) => {
                findings.leaks = leaks;
                findings.scanned_bytes = bytes;
            }
            Err(error) => findings.panics.push(error.to_string()),
        }
        for operator in [&self.vault.operator, &self.appliance.operator] {
            findings
                .rules_never_met
                .extend(operator.faults_never_met().await.unwrap_or_default());
        }
        findings
            .panics
            .extend(self.appliance.server.hosted().panics());
        self.appliance.server.stop().await;
        findings.panics.extend(self.vault.stop().await);
        findings
    }

    fn plant_client_secrets(&mut self) {
        let account = self.appliance.server.api_account(&self.plan.api_account);
        if let Some((_, secret)) = account {
            let name = format!("client secret of API account {}", self.plan.api_account);
            let value = Zeroizing::new(secret.expose().to_owned());
            self.planted.push(PlantedSecret { name, value });
        }
    }
}

/// Polls until `look` is satisfied; what it says meanwhile goes into the error.
async fn wait_for<F>(what: &str, mut look: impl FnMut() -> F) -> Result<(), RigError>
where
    F: Future<Output = Result<Result<(), String>, ControlError>>,
{
    let mut seen = String::new();
    let polling = async {
        let mut ticks = tokio::time::interval(POLL);
        loop {
            ticks.tick().await;
            match look().await? {
                Ok(()) => return Ok(()),
                Err(now) => seen = now,
            }
        }
    };
    match tokio::time::timeout(PATIENCE, polling).await {
        Ok(done) => done,
        Err(_) => Err(RigError::Waited {
            what: what.to_owned(),
            within_s: PATIENCE.as_secs(),
            seen,
        }),
    }
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> RigError + use<> {
    let path = path.to_owned();
    move |source| RigError::File { path, source }
}
