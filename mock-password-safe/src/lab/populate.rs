//! From the names of a lab to the numbers of a vault.

use std::collections::HashMap;
use std::sync::Arc;

use sim_kit::clock::SimTime;
use sim_kit::config::{ConfigError, SecretRef};
use sim_kit::seeded::Seed;

use super::accounts::SmallAccount;
use super::words::key;
use super::{Lab, SecretEntry, SystemEntry};
use crate::digest::file_hash;
use crate::mint::SeededMint;
use crate::secret::Secret;
use crate::state::State;
use crate::state::ids::{
    AccountId, AliasId, ApplicationId, GroupId, PlatformId, PolicyId, RegistrationId, SmartGroupId,
    SystemId, UserId, WorkgroupId,
};
use crate::state::policy::TicketSystem;
use crate::state::secrets_safe::{Content, Folder, TeamSecret};
use crate::state::secure_remote_access::{Appliance, RELEASE_DURATION_MIN};
use crate::state::vault::{Account, Alias, Application, EntityType, Platform, System, Workgroup};

/// Platforms of every lab: name, short name, port, session, keys, entity. Numbers count from 1.
type PlatformFacts = (
    &'static str,
    &'static str,
    Option<i32>,
    Option<&'static str>,
    bool,
    EntityType,
);
const PLATFORMS: [PlatformFacts; 6] = [
    (
        "Windows",
        "Windows",
        None,
        Some("RDP"),
        false,
        EntityType::Asset,
    ),
    (
        "Linux",
        "Linux",
        Some(22),
        Some("SSH"),
        true,
        EntityType::Asset,
    ),
    (
        "Cisco",
        "Cisco",
        Some(22),
        Some("SSH"),
        false,
        EntityType::Asset,
    ),
    (
        "MS SQL Server",
        "MSSQL",
        Some(1433),
        None,
        false,
        EntityType::Database,
    ),
    (
        "Active Directory",
        "AD",
        None,
        None,
        false,
        EntityType::Directory,
    ),
    ("Amazon", "AWS", None, None, false, EntityType::Cloud),
];

/// Systems and accounts of a bulk entry at most.
const BULK_MAX: u64 = 1_000_000;

/// Names on the way to numbers.
pub(super) struct Names {
    pub(super) seed: Seed,
    now: SimTime,
    smart_groups: HashMap<String, SmartGroupId>,
    /// Most accounts are in the same groups as the one before.
    last_smart_groups: Arc<[SmartGroupId]>,
    pub(super) policies: HashMap<String, PolicyId>,
    pub(super) registrations: HashMap<String, RegistrationId>,
    pub(super) groups: HashMap<String, GroupId>,
}

impl Lab {
    /// The vault of this lab. What is managed comes from elsewhere, since a reset has it already.
    pub(super) fn populated<T>(
        &self,
        seed: Seed,
        now: SimTime,
        add_estate: impl FnOnce(&mut State, &mut Names) -> Result<T, ConfigError>,
    ) -> Result<(State, T), ConfigError> {
        let mut state = State::new(self.settings.rules(), Box::new(SeededMint::new(seed)));
        let mut names = Names {
            seed,
            now,
            smart_groups: HashMap::new(),
            last_smart_groups: Arc::default(),
            policies: HashMap::new(),
            registrations: HashMap::new(),
            groups: HashMap::new(),
        };
        self.settings.check()?;
        self.add_ground(&mut state);
        for (number, policy) in (1..).zip(&self.policies) {
            names.add_policy(&mut state, PolicyId(number), policy)?;
        }
        for (number, registration) in (1..).zip(&self.registrations) {
            names.add_registration(&mut state, RegistrationId(number), registration)?;
        }
        for (number, group) in (1..).zip(&self.groups) {
            names.add_group(&mut state, GroupId(number), group)?;
        }
        for (number, user) in (1..).zip(&self.users) {
            names.add_user(&mut state, UserId(number), user)?;
        }
        let estate = add_estate(&mut state, &mut names)?;
        self.add_aliases(&mut state)?;
        for entry in &self.secrets {
            names.add_secret(&mut state, entry)?;
        }
        self.connect(&mut state, seed)?;
        Ok((state, estate))
    }

    /// Each entry goes when the vault has what it says.
    pub(super) fn add_estate(
        &self,
        state: &mut State,
        names: &mut Names,
        entries: Vec<SystemEntry>,
    ) -> Result<(), ConfigError> {
        let count = entries.iter().map(|entry| entry.accounts.len()).sum();
        let (mut systems, mut accounts) =
            (Vec::with_capacity(entries.len()), Vec::with_capacity(count));
        let mut links = Vec::new();
        for (id, entry) in (1..).map(SystemId).zip(entries) {
            let (system, of_system) = system(state, id, entry)?;
            for entry in of_system {
                let number = i32::try_from(accounts.len()).unwrap_or(i32::MAX);
                let number = AccountId(number.saturating_add(1));
                let whole = entry.whole.as_ref();
                links.extend(whole.into_iter().flat_map(|account| {
                    let place = format!("[password-safe] account {} linked-to", account.name);
                    let targets = account.linked_to.iter().cloned();
                    targets.map(move |target| (place.clone(), number, target))
                }));
                accounts.push(names.account(state, number, &system, entry)?);
            }
            systems.push(system);
        }
        self.add_bulk(names, &mut systems, &mut accounts)?;
        state.vault.start_with(systems, accounts);
        for (place, account, target) in links {
            let to = named_system(state, &target, &place)?;
            if !state.vault.link(to, account) {
                return Err(ConfigError::at(
                    place,
                    "only directory accounts can be linked, and only to assets and databases",
                ));
            }
        }
        Ok(())
    }

    fn add_ground(&self, state: &mut State) {
        for (id, entry) in (1..).zip(&self.ticket_systems) {
            let system = TicketSystem {
                id,
                name: entry.name.clone(),
                description: entry.description.clone(),
                active: entry.active,
                default: entry.default,
            };
            state.ticket_systems.insert(id, system);
        }
        for (number, facts) in (1..).zip(PLATFORMS) {
            let (name, short_name, default_port, default_session, supports_keys, entity) = facts;
            let id = PlatformId(number);
            let (name, short_name) = (name.to_owned(), short_name.to_owned());
            let platform = Platform {
                id,
                name,
                short_name,
                default_port,
                default_session,
                supports_keys,
                entity,
            };
            state.vault.platforms.insert(id, platform);
        }
        for name in
            std::iter::once("Default Workgroup").chain(self.workgroups.iter().map(String::as_str))
        {
            workgroup(state, name);
        }
        for (number, display_name) in (1..).zip(&self.applications) {
            let id = ApplicationId(number);
            let application = Application {
                id,
                display_name: display_name.clone(),
            };
            state.vault.applications.insert(id, application);
        }
    }

    fn add_bulk(
        &self,
        names: &mut Names,
        systems: &mut Vec<System>,
        accounts: &mut Vec<Account>,
    ) -> Result<(), ConfigError> {
        let Some(bulk) = &self.bulk else {
            return Ok(());
        };
        if u64::from(bulk.systems) * u64::from(bulk.accounts_per_system) > BULK_MAX {
            let cure = format!("more than {BULK_MAX} accounts; ask for fewer");
            return Err(ConfigError::at("[password-safe.bulk]", cure));
        }
        let smart_groups = names.smart_groups(bulk.smart_group.as_slice());
        let first = systems.last().map_or(1, |last| last.id.0 + 1);
        let mut next_account = accounts.last().map_or(1, |last| last.id.0 + 1);
        for (id, number) in (first..).zip(1..=bulk.systems) {
            let name = format!("bulk-{number:05}");
            let system = SystemId(id);
            let mut entry = System::named(system, EntityType::Asset, &name, PlatformId(2));
            entry.dns_name = Some(format!("{name}.acme.example"));
            systems.push(entry);
            for account in 1..=bulk.accounts_per_system {
                let name = format!("account-{account:03}");
                let mut entry = Account::named(AccountId(next_account), system, name.into());
                entry.api_enabled = true;
                entry.smart_groups = Arc::clone(&smart_groups);
                accounts.push(entry);
                next_account += 1;
            }
        }
        Ok(())
    }

    fn add_aliases(&self, state: &mut State) -> Result<(), ConfigError> {
        for (number, alias) in (1..).zip(&self.aliases) {
            let place = format!("[password-safe] alias {}", alias.name);
            let system = named_system(state, &alias.system, &place)?;
            let account = state
                .account_named(&alias.system, &alias.account)
                .ok_or_else(|| ConfigError::at(&place, "its account is not defined"))?
                .id;
            let id = AliasId(number);
            let entry = Alias {
                id,
                name: alias.name.clone(),
                system,
                account,
            };
            state.vault.aliases.insert(id, entry);
        }
        Ok(())
    }

    fn connect(&self, state: &mut State, seed: Seed) -> Result<(), ConfigError> {
        let Some(entry) = &self.secure_remote_access else {
            return Ok(());
        };
        let key = key(&entry.key, "password-safe/secure-remote-access/key", seed)?;
        state.connect_secure_remote_access(Some(key));
        let api_key = entry
            .api_key
            .as_ref()
            .map(|reference| reference.resolve("password-safe/secure-remote-access/api-key", seed));
        state.appliance = Some(Appliance {
            host: entry.host.clone(),
            port: entry.port,
            client_id: entry.client_id.clone(),
            api_key: api_key.transpose()?.map(Secret::from),
            release_duration_min: entry.release_duration_min.unwrap_or(RELEASE_DURATION_MIN),
        });
        for name in &entry.requesters {
            let user = state.people.find(name).map(|user| user.id);
            if !user.is_some_and(|user| state.add_requester(user)) {
                let place = "[password-safe.secure-remote-access] requesters";
                return Err(ConfigError::at(
                    place,
                    format!("user {name} is not defined"),
                ));
            }
        }
        Ok(())
    }
}

impl Names {
    /// The number of a smart group; a new name gets the next one. 1 is every account.
    pub(super) fn smart_group(&mut self, name: &str) -> SmartGroupId {
        let next = SmartGroupId(i32::try_from(self.smart_groups.len()).unwrap_or(0) + 2);
        *self.smart_groups.entry(name.to_lowercase()).or_insert(next)
    }

    /// The numbers of several.
    pub(super) fn smart_groups(&mut self, names: &[String]) -> Arc<[SmartGroupId]> {
        let numbers: Vec<_> = names.iter().map(|name| self.smart_group(name)).collect();
        if *numbers != *self.last_smart_groups {
            self.last_smart_groups = numbers.into();
        }
        Arc::clone(&self.last_smart_groups)
    }

    /// The secret that a reference stands for.
    pub(super) fn secret(
        &self,
        reference: &SecretRef,
        purpose: &str,
    ) -> Result<Secret, ConfigError> {
        Ok(Secret::from(reference.resolve(purpose, self.seed)?))
    }

    fn add_secret(&self, state: &mut State, entry: &SecretEntry) -> Result<(), ConfigError> {
        let purpose = format!("password-safe/secret/{}/{}", entry.path, entry.title);
        let value = self.secret(&entry.value, &purpose)?;
        let content = match (&entry.username, &entry.file_name) {
            (Some(username), _) => Content::Credential {
                username: username.clone(),
                password: value,
            },
            (None, Some(name)) => Content::File {
                name: name.clone(),
                hash: file_hash(value.expose().as_bytes()),
                base64: Secret::new(base64::Engine::encode(
                    &base64::engine::general_purpose::STANDARD,
                    value.expose(),
                )),
            },
            (None, None) => Content::Text(value),
        };
        let folder = folder(state, &entry.path);
        let ids = [state.mint.guid(), state.mint.guid()];
        let id = ids[0].clone();
        let secret = TeamSecret::new(ids, folder, &entry.title, content).made(UserId(1), self.now);
        state.secrets_safe.secrets.insert(id, secret);
        Ok(())
    }
}

/// The system that an entry describes, and its accounts.
fn system(
    state: &mut State,
    id: SystemId,
    entry: SystemEntry,
) -> Result<(System, Vec<SmallAccount>), ConfigError> {
    let mut platforms = state.vault.platforms.values();
    let platform = platforms
        .find(|platform| platform.name.eq_ignore_ascii_case(&entry.platform))
        .ok_or_else(|| {
            let known = PLATFORMS.map(|facts| facts.0).join(", ");
            let place = format!("[password-safe] system {}", entry.name);
            ConfigError::at(place, format!("unknown platform; expected one of: {known}"))
        })?;
    let (platform, entity) = (platform.id, platform.entity);
    let system = System {
        dns_name: entry.dns,
        address: entry.ip,
        instance: entry.instance,
        domain: entry.domain,
        workgroup: entry.workgroup.map(|name| workgroup(state, &name)),
        port: entry.port.map(i32::from),
        description: entry.description,
        ..System::named(id, entity, &entry.name, platform)
    };
    Ok((system, entry.accounts))
}

fn named_system(state: &State, name: &str, place: &str) -> Result<SystemId, ConfigError> {
    let cure = || ConfigError::at(place, format!("system \"{name}\" is not defined"));
    state
        .vault
        .systems_named(name)
        .next()
        .map(|system| system.id)
        .ok_or_else(cure)
}

fn workgroup(state: &mut State, name: &str) -> WorkgroupId {
    if let Some(known) = state
        .vault
        .workgroups
        .values()
        .find(|group| group.name == name)
    {
        return known.id;
    }
    let id = WorkgroupId(i32::try_from(state.vault.workgroups.len()).unwrap_or(0) + 1);
    let organization = state.mint.guid();
    state.vault.workgroups.insert(
        id,
        Workgroup {
            id,
            name: name.to_owned(),
            organization,
        },
    );
    id
}

/// The folder at a path; what is missing of it is made.
fn folder(state: &mut State, path: &str) -> String {
    let mut parent: Option<String> = None;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let known = state
            .secrets_safe
            .folders
            .values()
            .find(|folder| folder.name == name && folder.parent == parent)
            .map(|folder| folder.id.clone());
        let id = known.unwrap_or_else(|| {
            let id = state.mint.guid();
            let entry = Folder::named(id.clone(), name, parent.take(), UserId(1));
            state.secrets_safe.folders.insert(id.clone(), entry);
            id
        });
        parent = Some(id);
    }
    parent.unwrap_or_default()
}
