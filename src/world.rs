//! The state of one scenario: its own lab, its own rig, and what the console showed last.
//!
//! Steps that set the scene edit the lab; the first step that needs a running site starts the rig.

use std::fmt;

use mock_appliance::SessionId;
use sim_kit::seeded::Seed;
use toml::{Table, Value};

use crate::lab::{Lab, VaultKind};
use crate::rig::console::{ConsoleUser, Entry, Injected, Refusal};
use crate::rig::{Options, Rig, RigError};

/// Seed of every rig of the scenarios: they repeat exactly.
pub const SEED: Seed = Seed(1);

/// Why a scenario does not pass, when a step or the look afterwards says so by panicking with it.
#[derive(Debug)]
pub enum Judgement {
    /// The subject did not do what is required.
    Failed(String),
    /// A planted secret was found in something that the run wrote.
    Leak(String),
    /// The lab itself went wrong.
    Engine(String),
}

/// Ends a step: the lab itself went wrong.
pub(crate) fn engine(error: impl fmt::Display) -> ! {
    std::panic::panic_any(Judgement::Engine(error.to_string()))
}

/// What the console showed last.
#[derive(Debug, Default)]
pub enum Shown {
    /// Nothing yet.
    #[default]
    Nothing,
    /// A list of credentials, perhaps an empty one.
    List(Vec<Entry>),
    /// An error.
    Error(Refusal),
    /// A credential went into the session.
    Injected(Injected),
}

/// One scenario's state.
#[derive(cucumber::World)]
#[world(init = Self::new)]
pub struct World {
    pub(crate) lab: Lab,
    pub(crate) plan: Plan,
    pub(crate) shown: Shown,
    pub(crate) session: Option<SessionId>,
    /// The one that was opened before all others.
    pub(crate) first_session: Option<SessionId>,
    /// The one before it.
    earlier: Option<SessionId>,
    /// The list that the user picks from.
    pub(crate) offered: Vec<Entry>,
    pub(crate) leak_on_purpose: Option<String>,
    /// The text of the Test Settings dialog.
    pub(crate) dialog: String,
    rig: Option<Rig>,
}

/// What a scenario wants of its rig beside the lab.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) ecms: Vec<String>,
    pub(crate) vault: VaultKind,
    /// A second vault, with an ECM of its own.
    pub(crate) second_vault: Option<VaultKind>,
    pub(crate) vault_up: bool,
    pub(crate) vault_trusted: bool,
    pub(crate) api_password_expired: bool,
}

impl World {
    fn new() -> Self {
        let plan = Plan {
            ecms: vec!["first".to_owned()],
            vault: VaultKind::SecretServer,
            second_vault: None,
            vault_up: true,
            vault_trusted: true,
            api_password_expired: false,
        };
        Self {
            lab: Lab::acme(),
            plan,
            shown: Shown::Nothing,
            session: None,
            first_session: None,
            earlier: None,
            offered: Vec::new(),
            leak_on_purpose: None,
            dialog: String::new(),
            rig: None,
        }
    }

    /// Changes the lab before the rig starts.
    pub(crate) fn arrange<E: fmt::Display>(
        &mut self,
        change: impl FnOnce(&mut Lab) -> Result<(), E>,
    ) {
        if self.rig.is_some() {
            engine("this step must stand before the first one that needs a running site");
        }
        change(&mut self.lab).unwrap_or_else(|error| engine(error));
    }

    /// The rig, started when this is the first step that needs it.
    pub(crate) async fn rig(&mut self) -> &mut Rig {
        if self.rig.is_none() {
            let started = self.start().await.unwrap_or_else(|error| engine(error));
            self.rig = Some(started);
        }
        match &mut self.rig {
            Some(rig) => rig,
            None => engine("the rig is gone"),
        }
    }

    async fn start(&self) -> Result<Rig, RigError> {
        let options = Options {
            vault: self.plan.vault,
            second_vault: self.plan.second_vault,
            vault_trusted: self.plan.vault_trusted,
            ..Options::frozen(SEED)
        };
        let mut rig = Rig::start(self.lab.clone(), options).await?;
        if !self.plan.vault_up {
            rig.vault.stop().await;
        }
        if self.plan.api_password_expired {
            rig.vault.expire_api_password().await?;
        }
        for name in &self.plan.ecms {
            rig.start_ecm(name).await?;
        }
        if self.plan.second_vault.is_some() {
            rig.start_second_ecm("second").await?;
        }
        Ok(rig)
    }

    /// Opens the credential list; what is shown becomes [`World::shown`].
    pub(crate) async fn open_list(&mut self, user: ConsoleUser, item: &str) {
        if self.rig.is_none() {
            self.arrange(|lab| introduce(lab, &user));
        }
        let opened = self.rig().await.open_list(&user, item).await;
        let (session, shown) = opened.unwrap_or_else(|error| engine(error));
        self.first_session.get_or_insert(session);
        self.earlier = self.session.replace(session);
        self.shown = match shown {
            Ok(list) => {
                self.offered.clone_from(&list);
                Shown::List(list)
            }
            Err(refusal) => Shown::Error(refusal),
        };
    }

    /// Searches for External Jump Items; what is shown becomes [`World::shown`].
    pub(crate) async fn search_external(&mut self, user: &str, query: &str) {
        let found = self.rig().await.appliance.search(user, query).await;
        self.shown = match found {
            Ok(found) => Shown::List(found),
            Err(refusal) => Shown::Error(refusal),
        };
    }

    /// Fills the Test Settings form; what it shows becomes [`World::shown`].
    pub(crate) async fn test_settings(&mut self, user: &str, host: &str, retrieve: Option<&str>) {
        let tested = self.rig().await.test_settings(user, host, retrieve).await;
        let report = tested.unwrap_or_else(|error| engine(error));
        self.dialog = report.to_text(true);
        self.shown = match report.error() {
            None => Shown::List(report.credentials().iter().map(Entry::from).collect()),
            Some(error) => Shown::Error(Refusal {
                category: error.kind.name().to_owned(),
                message: error.message.clone(),
                action_url: error.action_url.clone(),
            }),
        };
    }

    /// Picks the entry whose text holds `name`.
    pub(crate) async fn pick(&mut self, name: &str) {
        let entry = self
            .offered
            .iter()
            .find(|entry| entry.display_value.contains(name))
            .cloned();
        let Some(entry) = entry else {
            panic!("no {name:?} in the list {:?}", self.offered)
        };
        let session = self.session();
        let appliance = &self.rig().await.appliance;
        self.shown = match appliance.inject(&session, &entry.credential_id).await {
            Ok(injected) => Shown::Injected(injected),
            Err(refusal) => Shown::Error(refusal),
        };
    }

    /// The session that was opened before the last one.
    pub(crate) fn earlier_session(&self) -> SessionId {
        self.earlier
            .unwrap_or_else(|| engine("only one session was opened"))
    }

    /// The session that was opened last.
    pub(crate) fn session(&self) -> SessionId {
        self.session
            .unwrap_or_else(|| engine("no session was opened"))
    }

    /// Stops the rig and looks at everything that it left: leaks, panics, rules never met.
    pub(crate) async fn finish(&mut self) {
        let Some(rig) = self.rig.take() else { return };
        let findings = rig.finish().await;
        if let Some(leak) = findings.leaks.first() {
            std::panic::panic_any(Judgement::Leak(leak.to_string()));
        }
        if let Some(panic) = findings.panics.first() {
            std::panic::panic_any(Judgement::Engine(format!("a background panic: {panic}")));
        }
        if let Some(rule) = findings.rules_never_met.first() {
            let text = format!("the fault rule {rule} was never met");
            std::panic::panic_any(Judgement::Failed(text));
        }
    }
}

/// Makes a user known to the appliance, in exactly this form.
fn introduce(lab: &mut Lab, user: &ConsoleUser) -> Result<(), sim_kit::config::ConfigError> {
    let keys = ["appliance", "console_users"];
    let mut known = false;
    lab.each(&keys, |entry| {
        if entry.get("username").and_then(Value::as_str) == Some(user.username.as_str()) {
            known = true;
            if let Some(name) = &user.distinguished_name {
                entry.insert("distinguished_name".to_owned(), name.as_str().into());
            }
        }
    })?;
    if known {
        return Ok(());
    }
    let mut entry = Table::new();
    entry.insert("username".to_owned(), user.username.as_str().into());
    if let Some(name) = &user.distinguished_name {
        entry.insert("distinguished_name".to_owned(), name.as_str().into());
    }
    lab.push(&keys, entry)
}

impl fmt::Debug for World {
    /// Printed by the test engine when a step fails: nothing that could be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
