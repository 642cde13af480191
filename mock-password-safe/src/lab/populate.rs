//! From the names of a lab to the numbers of a vault.

use std::collections::HashMap;

use sim_kit::clock::SimTime;
use sim_kit::config::{ConfigError, SecretRef};
use sim_kit::seeded::Seed;

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
    pub(super) policies: HashMap<String, PolicyId>,
    pub(super) registrations: HashMap<String, RegistrationId>,
    pub(super) groups: HashMap<String, GroupId>,
}

impl Lab {
    /// The vault that this lab describes.
    ///
    /// # Errors
    /// When a name is not defined, a value is malformed, or a secret cannot be read.
    pub(crate) fn populate(&self, seed: Seed, now: SimTime) -> Result<State, ConfigError> {
        let mut state = State::new(self.settings.rules(), Box::new(SeededMint::new(seed)));
        let mut names = Names {
            seed,
            now,
            smart_groups: HashMap::new(),
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
        for (number, system) in (1..).zip(&self.systems) {
            names.add_system(&mut state, SystemId(number), system)?;
        }
        self.add_links(&mut state)?;
        self.add_bulk(&mut state, &mut names)?;
        self.add_aliases(&mut state)?;
        for entry in &self.secrets {
            names.add_secret(&mut state, entry)?;
        }
        self.connect(&mut state, seed)?;
        Ok(state)
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

    /// Links once every system is there.
    fn add_links(&self, state: &mut State) -> Result<(), ConfigError> {
        for system in &self.systems {
            for account in &system.accounts {
                for target in &account.linked_to {
                    let place = format!("[password-safe] account {} linked-to", account.name);
                    let (own, to) = (
                        named_system(state, &system.name, &place)?,
                        named_system(state, target, &place)?,
                    );
                    let id = state
                        .vault
                        .accounts_of(own)
                        .find(|found| found.name == account.name)
                        .map(|found| found.id);
                    if !id.is_some_and(|id| state.vault.link(to, id)) {
                        return Err(ConfigError::at(
                            place,
                            "only directory accounts can be linked, and only to assets and databases",
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn add_bulk(&self, state: &mut State, names: &mut Names) -> Result<(), ConfigError> {
        let Some(bulk) = &self.bulk else {
            return Ok(());
        };
        if u64::from(bulk.systems) * u64::from(bulk.accounts_per_system) > BULK_MAX {
            let cure = format!("more than {BULK_MAX} accounts; ask for fewer");
            return Err(ConfigError::at("[password-safe.bulk]", cure));
        }
        let smart_groups: Vec<_> = bulk
            .smart_group
            .iter()
            .map(|name| names.smart_group(name))
            .collect();
        let first = state
            .vault
            .systems
            .keys()
            .next_back()
            .map_or(1, |id| id.0 + 1);
        let mut next_account = state.vault.next_account_id().0;
        for (id, number) in (first..).zip(1..=bulk.systems) {
            let name = format!("bulk-{number:05}");
            let system = SystemId(id);
            let mut entry = System::named(system, EntityType::Asset, &name, PlatformId(2));
            entry.dns_name = Some(format!("{name}.acme.example"));
            state.vault.put_system(entry);
            for account in 1..=bulk.accounts_per_system {
                let name = format!("account-{account:03}");
                let mut entry = Account::named(AccountId(next_account), system, &name);
                entry.api_enabled = true;
                entry.smart_groups.clone_from(&smart_groups);
                state.vault.put_account(entry);
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

    /// The secret that a reference stands for.
    pub(super) fn secret(
        &self,
        reference: &SecretRef,
        purpose: &str,
    ) -> Result<Secret, ConfigError> {
        Ok(Secret::from(reference.resolve(purpose, self.seed)?))
    }

    fn add_system(
        &mut self,
        state: &mut State,
        id: SystemId,
        entry: &SystemEntry,
    ) -> Result<(), ConfigError> {
        let place = format!("[password-safe] system {}", entry.name);
        let platform = state
            .vault
            .platforms
            .values()
            .find(|platform| platform.name.eq_ignore_ascii_case(&entry.platform))
            .ok_or_else(|| {
                let known = PLATFORMS.map(|facts| facts.0).join(", ");
                ConfigError::at(
                    &place,
                    format!("unknown platform; expected one of: {known}"),
                )
            })?;
        let (platform, entity) = (platform.id, platform.entity);
        let system = System {
            dns_name: entry.dns.clone(),
            address: entry.ip,
            instance: entry.instance.clone(),
            domain: entry.domain.clone(),
            workgroup: entry.workgroup.as_ref().map(|name| workgroup(state, name)),
            port: entry.port.map(i32::from),
            description: entry.description.clone(),
            ..System::named(id, entity, &entry.name, platform)
        };
        state.vault.put_system(system);
        for account in &entry.accounts {
            let account = self.account(state, id, entry, account)?;
            state.vault.put_account(account);
        }
        Ok(())
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

fn named_system(state: &State, name: &str, place: &str) -> Result<SystemId, ConfigError> {
    let cure = || ConfigError::at(place, format!("system \"{name}\" is not defined"));
    state
        .vault
        .systems_named(name)
        .first()
        .copied()
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
