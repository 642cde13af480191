//! Managed systems, managed accounts, and the index that finds them among 100,000.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use sim_kit::clock::SimTime;

use super::ids::{
    AccountId, AliasId, ApplicationId, PlatformId, SmartGroupId, SystemId, UserId, WorkgroupId,
};
use crate::secret::Secret;

/// What a managed system is. The number is the wire's `EntityTypeID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntityType {
    Asset = 1,
    Database = 2,
    Directory = 3,
    Cloud = 4,
}

/// A platform: how to reach systems of its kind.
#[derive(Clone, Debug)]
pub(crate) struct Platform {
    pub(crate) id: PlatformId,
    pub(crate) name: String,
    pub(crate) short_name: String,
    pub(crate) default_port: Option<i32>,
    /// `RDP`, `SSH`, or none for what cannot be logged on to.
    pub(crate) default_session: Option<&'static str>,
    pub(crate) supports_keys: bool,
    pub(crate) entity: EntityType,
}

/// A workgroup.
#[derive(Clone, Debug)]
pub(crate) struct Workgroup {
    pub(crate) id: WorkgroupId,
    pub(crate) name: String,
    pub(crate) organization: String,
}

/// An application that is started under a managed account.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) id: ApplicationId,
    pub(crate) display_name: String,
}

/// A managed system.
#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) id: SystemId,
    pub(crate) entity: EntityType,
    pub(crate) name: String,
    pub(crate) dns_name: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) instance: Option<String>,
    /// The domain, for a directory.
    pub(crate) domain: Option<String>,
    pub(crate) platform: PlatformId,
    pub(crate) workgroup: Option<WorkgroupId>,
    pub(crate) port: Option<i32>,
    pub(crate) description: String,
    /// An asset may be known without being managed.
    pub(crate) managed: bool,
    pub(crate) terms: Terms,
}

/// How a system is managed.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) contact_email: Option<String>,
    pub(crate) timeout_s: i32,
    pub(crate) release_min: i32,
    pub(crate) release_max_min: i32,
    pub(crate) isa_release_min: i32,
    pub(crate) functional_account: Option<i32>,
}

/// An account under which the product manages systems. What it keeps secret is not kept.
#[derive(Clone, Debug)]
pub(crate) struct FunctionalAccount {
    pub(crate) id: i32,
    pub(crate) platform: PlatformId,
    pub(crate) domain: Option<String>,
    pub(crate) name: String,
    pub(crate) display_name: String,
    pub(crate) description: String,
    pub(crate) elevation_command: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) azure_instance: Option<String>,
}

/// A managed account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) system: SystemId,
    pub(crate) name: String,
    /// The domain, for a directory's account.
    pub(crate) domain: Option<String>,
    pub(crate) upn: Option<String>,
    pub(crate) description: String,
    pub(crate) api_enabled: bool,
    pub(crate) release_min: i32,
    pub(crate) release_max_min: i32,
    pub(crate) isa_release_min: i32,
    /// 0 is unlimited (`assumed psafe:§4.4`).
    pub(crate) concurrent_max: u16,
    pub(crate) auto_management: bool,
    pub(crate) rotates_after_release: bool,
    pub(crate) smart_groups: Vec<SmartGroupId>,
    pub(crate) dedicated_to: Option<UserId>,
    pub(crate) applications: Vec<ApplicationId>,
    pub(crate) password: Password,
    pub(crate) key: Option<Secret>,
    pub(crate) passphrase: Option<Secret>,
    /// Seed of one-time codes, in base32.
    pub(crate) totp: Option<Secret>,
    pub(crate) changed_at: Option<SimTime>,
}

/// The password of an account: as planted, or minted for this generation when it is read, so that
/// 100,000 accounts cost no password each.
#[derive(Clone, Debug)]
pub(crate) enum Password {
    Planted(Secret),
    Minted { generation: u32 },
}

/// An alias: a stable name for accounts that take turns.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    pub(crate) id: AliasId,
    pub(crate) name: String,
    pub(crate) system: SystemId,
    pub(crate) account: AccountId,
}

/// Systems, accounts, links, and their index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vault {
    pub(crate) platforms: BTreeMap<PlatformId, Platform>,
    pub(crate) workgroups: BTreeMap<WorkgroupId, Workgroup>,
    pub(crate) applications: BTreeMap<ApplicationId, Application>,
    pub(crate) aliases: BTreeMap<AliasId, Alias>,
    pub(crate) functional_accounts: BTreeMap<i32, FunctionalAccount>,
    pub(crate) systems: BTreeMap<SystemId, System>,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    links: BTreeMap<SystemId, BTreeSet<AccountId>>,
    linked_to: BTreeMap<AccountId, BTreeSet<SystemId>>,
    of_system: HashMap<SystemId, BTreeSet<AccountId>>,
    system_names: HashMap<String, BTreeSet<SystemId>>,
    addresses: HashMap<IpAddr, BTreeSet<SystemId>>,
    account_names: HashMap<String, BTreeSet<AccountId>>,
}

/// Accounts at most: room for every bulk entry.
const ACCOUNTS_MAX: usize = 1_100_000;

impl Vault {
    /// Adds a system, or puts it in the place of the one with its id.
    pub(crate) fn put_system(&mut self, system: System) {
        self.remove_system_names(system.id);
        for name in system_names(&system) {
            self.system_names.entry(name).or_default().insert(system.id);
        }
        if let Some(address) = system.address {
            self.addresses.entry(address).or_default().insert(system.id);
        }
        self.systems.insert(system.id, system);
    }

    /// Removes a system that has no accounts any more, with the links to it. An asset stays known.
    pub(crate) fn remove_system(&mut self, id: SystemId) {
        for account in self.links.remove(&id).unwrap_or_default() {
            if let Some(set) = self.linked_to.get_mut(&account) {
                set.remove(&id);
            }
        }
        self.of_system.remove(&id);
        match self.systems.get_mut(&id) {
            Some(asset) if asset.entity == EntityType::Asset => asset.managed = false,
            _ => {
                self.remove_system_names(id);
                self.systems.remove(&id);
            }
        }
    }

    fn remove_system_names(&mut self, id: SystemId) {
        let Some(old) = self.systems.get(&id) else {
            return;
        };
        for name in system_names(old) {
            if let Some(set) = self.system_names.get_mut(&name) {
                set.remove(&id);
            }
        }
        if let Some(set) = old.address.and_then(|at| self.addresses.get_mut(&at)) {
            set.remove(&id);
        }
    }

    /// The managed systems of a kind.
    pub(crate) fn of_entity(&self, entity: EntityType) -> impl Iterator<Item = &System> {
        let systems = self.systems.values();
        systems.filter(move |system| system.managed && system.entity == entity)
    }

    /// The managed systems that a functional account is for.
    pub(crate) fn systems_of(&self, functional_account: i32) -> impl Iterator<Item = &System> {
        self.systems.values().filter(move |system| {
            system.managed && system.terms.functional_account == Some(functional_account)
        })
    }

    /// Assets that are not managed.
    pub(crate) fn unmanaged_count(&self) -> usize {
        self.systems
            .values()
            .filter(|system| !system.managed)
            .count()
    }

    /// The next free system id.
    pub(crate) fn next_system_id(&self) -> SystemId {
        let last = self.systems.keys().next_back();
        SystemId(last.map_or(1, |id| id.0.saturating_add(1)))
    }

    /// Adds an account, or puts it in the place of the one with its id.
    pub(crate) fn put_account(&mut self, account: Account) {
        self.remove_account_names(account.id);
        for name in names(&account) {
            self.account_names
                .entry(name)
                .or_default()
                .insert(account.id);
        }
        self.of_system
            .entry(account.system)
            .or_default()
            .insert(account.id);
        self.accounts.insert(account.id, account);
    }

    /// Removes an account with its links. False when there is none.
    pub(crate) fn remove_account(&mut self, id: AccountId) -> bool {
        self.remove_account_names(id);
        let Some(account) = self.accounts.remove(&id) else {
            return false;
        };
        if let Some(set) = self.of_system.get_mut(&account.system) {
            set.remove(&id);
        }
        for system in self.linked_to.remove(&id).unwrap_or_default() {
            if let Some(set) = self.links.get_mut(&system) {
                set.remove(&id);
            }
        }
        true
    }

    fn remove_account_names(&mut self, id: AccountId) {
        let Some(old) = self.accounts.get(&id) else {
            return;
        };
        for name in names(old) {
            if let Some(set) = self.account_names.get_mut(&name) {
                set.remove(&id);
            }
        }
    }

    /// Links a directory account to an asset or a database. Anything else cannot be linked
    /// (`documented psafe:DOC-link`): false.
    pub(crate) fn link(&mut self, system: SystemId, account: AccountId) -> bool {
        let target_ok = self
            .systems
            .get(&system)
            .is_some_and(|to| matches!(to.entity, EntityType::Asset | EntityType::Database));
        let account_ok = self.accounts.get(&account).is_some_and(|linked| {
            self.systems
                .get(&linked.system)
                .is_some_and(|of| of.entity == EntityType::Directory)
        });
        if target_ok && account_ok {
            self.links.entry(system).or_default().insert(account);
            self.linked_to.entry(account).or_default().insert(system);
        }
        target_ok && account_ok
    }

    /// Removes one link.
    pub(crate) fn unlink(&mut self, system: SystemId, account: AccountId) -> bool {
        if let Some(set) = self.linked_to.get_mut(&account) {
            set.remove(&system);
        }
        self.links
            .get_mut(&system)
            .is_some_and(|set| set.remove(&account))
    }

    /// The accounts of a system, in id order.
    pub(crate) fn accounts_of(&self, system: SystemId) -> impl Iterator<Item = &Account> {
        self.of_system
            .get(&system)
            .into_iter()
            .flatten()
            .filter_map(|id| self.accounts.get(id))
    }

    /// The directory accounts linked to a system, in id order.
    pub(crate) fn linked_accounts(&self, system: SystemId) -> impl Iterator<Item = &Account> {
        self.links
            .get(&system)
            .into_iter()
            .flatten()
            .filter_map(|id| self.accounts.get(id))
    }

    /// Every link, by system.
    pub(crate) fn links(&self) -> impl Iterator<Item = (SystemId, &Account)> {
        self.links.iter().flat_map(|(system, accounts)| {
            accounts
                .iter()
                .filter_map(|id| Some((*system, self.accounts.get(id)?)))
        })
    }

    /// Whether the account may be asked for on the system: its own, or one it is linked to.
    pub(crate) fn is_valid_pair(&self, system: SystemId, account: &Account) -> bool {
        account.system == system
            || self
                .links
                .get(&system)
                .is_some_and(|linked| linked.contains(&account.id))
    }

    /// The systems of this name: system name, DNS name or domain, in any case.
    pub(crate) fn systems_named(&self, name: &str) -> Vec<SystemId> {
        self.system_names
            .get(&name.to_lowercase())
            .map(|ids| ids.iter().copied().collect())
            .unwrap_or_default()
    }

    /// The systems at this address.
    pub(crate) fn systems_at(&self, address: IpAddr) -> Vec<SystemId> {
        self.addresses
            .get(&address)
            .map(|ids| ids.iter().copied().collect())
            .unwrap_or_default()
    }

    /// The accounts of this name: account name, `DOMAIN\name` or UPN, in any case.
    pub(crate) fn accounts_named<'a>(
        &'a self,
        name: &str,
    ) -> impl Iterator<Item = &'a Account> + use<'a> {
        self.account_names
            .get(&name.to_lowercase())
            .into_iter()
            .flatten()
            .filter_map(|id| self.accounts.get(id))
    }

    /// Whether no more accounts fit.
    pub(crate) fn is_full(&self) -> bool {
        self.accounts.len() >= ACCOUNTS_MAX
    }

    /// The next free account id.
    pub(crate) fn next_account_id(&self) -> AccountId {
        AccountId(
            self.accounts
                .keys()
                .next_back()
                .map_or(1, |id| id.0.saturating_add(1)),
        )
    }
}

/// The names under which a system is found, in lower case.
fn system_names(system: &System) -> impl Iterator<Item = String> {
    let names = [
        Some(&system.name),
        system.dns_name.as_ref(),
        system.domain.as_ref(),
    ];
    let names = names.map(|name| name.map(|name| name.to_lowercase()));
    names.into_iter().flatten()
}

impl System {
    /// A managed system with the product's defaults (`documented psafe:§4.3`).
    pub(crate) fn named(
        id: SystemId,
        entity: EntityType,
        name: &str,
        platform: PlatformId,
    ) -> Self {
        Self {
            id,
            entity,
            name: name.to_owned(),
            dns_name: None,
            address: None,
            instance: None,
            domain: None,
            platform,
            workgroup: None,
            port: None,
            description: String::new(),
            managed: true,
            terms: Terms {
                contact_email: None,
                timeout_s: 30,
                release_min: 120,
                release_max_min: 525_600,
                isa_release_min: 120,
                functional_account: None,
            },
        }
    }
}

/// The names under which an account is found, in lower case.
pub(crate) fn names(account: &Account) -> Vec<String> {
    let name = account.name.to_lowercase();
    let mut all = Vec::with_capacity(3);
    if let Some(domain) = &account.domain {
        all.push(format!("{}\\{name}", domain.to_lowercase()));
    }
    if let Some(upn) = &account.upn {
        all.push(upn.to_lowercase());
    }
    all.push(name);
    all
}

impl Account {
    /// A local account with the product's defaults (`documented psafe:§4.3`), API access off.
    pub(crate) fn named(id: AccountId, system: SystemId, name: &str) -> Self {
        Self {
            id,
            system,
            name: name.to_owned(),
            domain: None,
            upn: None,
            description: String::new(),
            api_enabled: false,
            release_min: 120,
            release_max_min: 525_600,
            isa_release_min: 120,
            concurrent_max: 1,
            auto_management: false,
            rotates_after_release: false,
            smart_groups: Vec::new(),
            dedicated_to: None,
            applications: Vec::new(),
            password: Password::Minted { generation: 0 },
            key: None,
            passphrase: None,
            totp: None,
            changed_at: None,
        }
    }
}
