//! Managed systems, managed accounts, and what finds them among 100,000.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::catalogue::Catalogue;
use super::ids::{
    AccountId, AliasId, ApplicationId, PlatformId, SmartGroupId, SystemId, WorkgroupId,
};
use super::index::Key;
use super::layered::Layered;
pub(crate) use super::managed::*;

/// Systems, accounts and links.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vault {
    pub(crate) platforms: BTreeMap<PlatformId, Platform>,
    pub(crate) workgroups: BTreeMap<WorkgroupId, Workgroup>,
    pub(crate) applications: BTreeMap<ApplicationId, Application>,
    pub(crate) aliases: BTreeMap<AliasId, Alias>,
    pub(crate) functional_accounts: Layered<FunctionalAccount>,
    pub(crate) systems: Catalogue<System>,
    pub(crate) accounts: Catalogue<Account>,
    links: BTreeMap<SystemId, BTreeSet<AccountId>>,
    linked_to: BTreeMap<AccountId, BTreeSet<SystemId>>,
}

/// Accounts at most: room for every bulk entry.
const ACCOUNTS_MAX: usize = 1_100_000;

impl Vault {
    /// Takes the systems and accounts that the vault starts with, in the order of their ids.
    pub(crate) fn start_with(&mut self, systems: Vec<System>, accounts: Vec<Account>) {
        self.systems = Catalogue::new(systems);
        self.accounts = Catalogue::new(accounts);
    }

    /// Removes a system that has no accounts any more, with the links to it. An asset stays known.
    pub(crate) fn remove_system(&mut self, id: SystemId) {
        for account in self.links.remove(&id).unwrap_or_default() {
            if let Some(set) = self.linked_to.get_mut(&account) {
                set.remove(&id);
            }
        }
        let asset = |system: &&System| system.entity == EntityType::Asset;
        match self.systems.get(&id).filter(asset).cloned() {
            Some(asset) => self.systems.put(System {
                managed: false,
                ..asset
            }),
            None => {
                self.systems.remove(&id);
            }
        }
    }

    /// The managed systems of a kind, in id order.
    pub(crate) fn of_entity(&self, entity: EntityType) -> impl Iterator<Item = &System> {
        self.systems.under(SystemBy::Kind, kind_key(entity))
    }

    /// How many systems of a kind are managed.
    pub(crate) fn count_of_entity(&self, entity: EntityType) -> usize {
        self.systems.count(SystemBy::Kind, kind_key(entity))
    }

    /// How many systems are managed.
    pub(crate) fn managed_count(&self) -> usize {
        self.systems.len() - self.systems.count(SystemBy::Kind, UNMANAGED)
    }

    /// The systems and assets of a workgroup, in id order.
    pub(crate) fn of_workgroup(&self, group: WorkgroupId) -> impl Iterator<Item = &System> {
        self.systems.under(SystemBy::Workgroup, Key::of_id(group.0))
    }

    /// The managed systems that a functional account is for.
    pub(crate) fn systems_of(&self, functional_account: i32) -> impl Iterator<Item = &System> {
        let key = Key::of_id(functional_account);
        self.systems.under(SystemBy::FunctionalAccount, key)
    }

    /// How many managed systems a functional account is for.
    pub(crate) fn count_of(&self, functional_account: i32) -> usize {
        let key = Key::of_id(functional_account);
        self.systems.count(SystemBy::FunctionalAccount, key)
    }

    /// The next system id. No id of a system, an account or a functional account comes again.
    pub(crate) fn next_system_id(&self) -> SystemId {
        let last = self.systems.last_id();
        SystemId(last.map_or(1, |id| id.0.saturating_add(1)))
    }

    /// Removes an account with its links. False when there is none.
    pub(crate) fn remove_account(&mut self, id: AccountId) -> bool {
        if self.accounts.remove(&id).is_none() {
            return false;
        }
        for system in self.linked_to.remove(&id).unwrap_or_default() {
            if let Some(set) = self.links.get_mut(&system) {
                set.remove(&id);
            }
        }
        true
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
        self.accounts.under(AccountBy::System, Key::of_id(system.0))
    }

    /// The accounts of any of these systems, in id order.
    pub(crate) fn accounts_of_any(
        &self,
        systems: impl Iterator<Item = SystemId>,
    ) -> impl Iterator<Item = &Account> {
        let keys = systems.map(|system| Key::of_id(system.0));
        let ids = self.accounts.ids_under_any(AccountBy::System, keys);
        ids.filter_map(|id| self.accounts.get(&id))
    }

    /// The accounts of these systems that may be of this name, in id order: by the system or by the
    /// name, whichever has fewer.
    pub(crate) fn accounts_near<'a>(
        &'a self,
        systems: Vec<SystemId>,
        name: &str,
    ) -> Box<dyn Iterator<Item = &'a Account> + 'a> {
        let key = Key::of_name(name);
        let named = self.accounts.count(AccountBy::Name, key);
        if self.are_fewer(systems.iter().copied(), named) {
            return Box::new(self.accounts_of_any(systems.into_iter()));
        }
        let named = self.accounts.under(AccountBy::Name, key);
        Box::new(named.filter(move |account| systems.contains(&account.system)))
    }

    /// The accounts in any of these smart groups, in id order, each once.
    pub(crate) fn accounts_in(
        &self,
        groups: impl Iterator<Item = SmartGroupId>,
    ) -> impl Iterator<Item = &Account> {
        let keys = groups.map(|group| Key::of_id(group.0));
        let ids = self.accounts.ids_under_any(AccountBy::SmartGroup, keys);
        ids.filter_map(|id| self.accounts.get(&id))
    }

    /// How many accounts are in these smart groups, once for each that they are in.
    pub(crate) fn count_in(&self, groups: impl Iterator<Item = SmartGroupId>) -> usize {
        let count = |group: SmartGroupId| {
            let key = Key::of_id(group.0);
            self.accounts.count(AccountBy::SmartGroup, key)
        };
        groups.map(count).sum()
    }

    /// The accounts for any of these applications, in id order, each once.
    pub(crate) fn accounts_for(
        &self,
        applications: impl Iterator<Item = ApplicationId>,
    ) -> impl Iterator<Item = &Account> {
        let keys = applications.map(|one| Key::of_id(one.0));
        let ids = self.accounts.ids_under_any(AccountBy::Application, keys);
        ids.filter_map(|id| self.accounts.get(&id))
    }

    /// The managed systems of a kind by their ids, in order.
    pub(crate) fn ids_of_entity(&self, entity: EntityType) -> impl Iterator<Item = SystemId> {
        self.systems.ids_under(SystemBy::Kind, kind_key(entity))
    }

    /// The systems and assets of a workgroup by their ids, in order.
    pub(crate) fn ids_of_workgroup(&self, group: WorkgroupId) -> impl Iterator<Item = SystemId> {
        let key = Key::of_id(group.0);
        self.systems.ids_under(SystemBy::Workgroup, key)
    }

    /// Whether these systems and their accounts are fewer than so many. It looks at no more.
    pub(crate) fn are_fewer(&self, systems: impl Iterator<Item = SystemId>, than: usize) -> bool {
        let mut left = than;
        for system in systems {
            let key = Key::of_id(system.0);
            let more = 1 + self.accounts.count(AccountBy::System, key);
            if more >= left {
                return false;
            }
            left -= more;
        }
        true
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

    /// The accounts that are linked to systems, in id order.
    pub(crate) fn accounts_with_links(&self) -> impl Iterator<Item = &Account> {
        let ids = self.linked_to.keys();
        ids.filter_map(|id| self.accounts.get(id))
    }

    /// The links of these accounts, by system.
    pub(crate) fn links_of<'a>(
        &'a self,
        accounts: impl Iterator<Item = &'a Account>,
    ) -> impl Iterator<Item = (SystemId, &'a Account)> {
        let mut links: Vec<_> = accounts
            .flat_map(|account| {
                let systems = self.linked_to.get(&account.id).into_iter().flatten();
                systems.map(move |system| (*system, account))
            })
            .collect();
        links.sort_unstable_by_key(|(system, account)| (*system, account.id));
        links.into_iter()
    }

    /// Whether the account may be asked for on the system: its own, or one it is linked to.
    pub(crate) fn is_valid_pair(&self, system: SystemId, account: &Account) -> bool {
        account.system == system
            || self
                .links
                .get(&system)
                .is_some_and(|linked| linked.contains(&account.id))
    }

    /// The account that an alias stands for, while there is one on its system.
    pub(crate) fn account_of(&self, alias: &Alias) -> Option<&Account> {
        let account = self.accounts.get(&alias.account);
        account.filter(|account| self.is_valid_pair(alias.system, account))
    }

    /// The state of an alias on the wire: 0 unmapped, 1 mapped. None is highly available.
    pub(crate) fn state_of(&self, alias: &Alias) -> i32 {
        i32::from(self.account_of(alias).is_some())
    }

    /// The systems of this name: system name, DNS name or domain, in any case.
    pub(crate) fn systems_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a System> {
        let near = self.systems.under(SystemBy::Name, Key::of_name(name));
        near.filter(move |system| system.names().any(|own| same(own, name)))
    }

    /// The systems at this address.
    pub(crate) fn systems_at(&self, address: IpAddr) -> impl Iterator<Item = &System> {
        let near = self
            .systems
            .under(SystemBy::Address, Key::of_address(address));
        near.filter(move |system| system.address == Some(address))
    }

    /// The accounts of this name: account name, `DOMAIN\name` or UPN, in any case.
    pub(crate) fn accounts_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Account> {
        let near = self.accounts.under(AccountBy::Name, Key::of_name(name));
        near.filter(move |account| account.goes_by(name))
    }

    /// Whether no more accounts fit.
    pub(crate) fn is_full(&self) -> bool {
        self.accounts.len() >= ACCOUNTS_MAX
    }

    /// The next id of a functional account.
    pub(crate) fn next_functional_account_id(&self) -> i32 {
        let last = self.functional_accounts.last_id();
        last.map_or(1, |id| id.saturating_add(1))
    }

    /// The next account id.
    pub(crate) fn next_account_id(&self) -> AccountId {
        let last = self.accounts.last_id();
        AccountId(last.map_or(1, |id| id.0.saturating_add(1)))
    }
}

fn kind_key(entity: EntityType) -> Key {
    Key::of_id(entity as i32)
}

#[cfg(test)]
mod tests;
