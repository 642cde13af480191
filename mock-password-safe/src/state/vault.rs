//! Managed systems, managed accounts, and the index that finds them among 100,000.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::ids::{AccountId, AliasId, ApplicationId, PlatformId, SystemId, WorkgroupId};
use super::index::{Index, Key};
use super::layered::Layered;
pub(crate) use super::managed::*;

/// Systems, accounts, links, and their index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vault {
    pub(crate) platforms: BTreeMap<PlatformId, Platform>,
    pub(crate) workgroups: BTreeMap<WorkgroupId, Workgroup>,
    pub(crate) applications: BTreeMap<ApplicationId, Application>,
    pub(crate) aliases: BTreeMap<AliasId, Alias>,
    pub(crate) functional_accounts: BTreeMap<i32, FunctionalAccount>,
    pub(crate) systems: Layered<System>,
    pub(crate) accounts: Layered<Account>,
    links: BTreeMap<SystemId, BTreeSet<AccountId>>,
    linked_to: BTreeMap<AccountId, BTreeSet<SystemId>>,
    /// Accounts by their system.
    of_system: Index,
    system_names: Index,
    addresses: Index,
    account_names: Index,
}

/// Accounts at most: room for every bulk entry.
const ACCOUNTS_MAX: usize = 1_100_000;

impl Vault {
    /// Takes the systems and accounts that the vault starts with, in the order of their ids.
    pub(crate) fn start_with(&mut self, systems: Vec<System>, accounts: Vec<Account>) {
        let with_keys = |system| system_keys(system).map(|key| (key, system.id.0));
        self.system_names = Index::new(systems.iter().flat_map(with_keys));
        let at = |system: &System| Some((Key::of_address(system.address?), system.id.0));
        self.addresses = Index::new(systems.iter().filter_map(at));
        let with_keys = |account| account_keys(account).map(|key| (key, account.id.0));
        self.account_names = Index::new(accounts.iter().flat_map(with_keys));
        let of = |account: &Account| (Key::of_id(account.system.0), account.id.0);
        self.of_system = Index::new(accounts.iter().map(of));
        self.systems = Layered::new(systems);
        self.accounts = Layered::new(accounts);
    }

    /// Adds a system, or puts it in the place of the one with its id.
    pub(crate) fn put_system(&mut self, system: System) {
        self.remove_system_keys(system.id);
        for key in system_keys(&system) {
            self.system_names.insert(key, system.id.0);
        }
        if let Some(address) = system.address {
            self.addresses.insert(Key::of_address(address), system.id.0);
        }
        self.systems.insert(system);
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
            Some(asset) => self.put_system(System {
                managed: false,
                ..asset
            }),
            None => {
                self.remove_system_keys(id);
                self.systems.remove(&id);
            }
        }
    }

    fn remove_system_keys(&mut self, id: SystemId) {
        let Some(old) = self.systems.get(&id) else {
            return;
        };
        for key in system_keys(old) {
            self.system_names.remove(key, id.0);
        }
        if let Some(address) = old.address {
            self.addresses.remove(Key::of_address(address), id.0);
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
        let last = self.systems.last_id();
        SystemId(last.map_or(1, |id| id.0.saturating_add(1)))
    }

    /// Adds an account, or puts it in the place of the one with its id.
    pub(crate) fn put_account(&mut self, account: Account) {
        self.remove_account_keys(account.id);
        for key in account_keys(&account) {
            self.account_names.insert(key, account.id.0);
        }
        self.of_system
            .insert(Key::of_id(account.system.0), account.id.0);
        self.accounts.insert(account);
    }

    /// An account, to change what it does not go by.
    pub(crate) fn account_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        if self.accounts.is_unchanged(id) {
            self.put_account(self.accounts.get(&id)?.clone());
        }
        self.accounts.get_mut(&id)
    }

    /// Removes an account with its links. False when there is none.
    pub(crate) fn remove_account(&mut self, id: AccountId) -> bool {
        self.remove_account_keys(id);
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

    fn remove_account_keys(&mut self, id: AccountId) {
        let Some(old) = self.accounts.get(&id) else {
            return;
        };
        for key in account_keys(old) {
            self.account_names.remove(key, id.0);
        }
        self.of_system.remove(Key::of_id(old.system.0), id.0);
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
        self.accounts_under(&self.of_system, Key::of_id(system.0))
    }

    fn accounts_under<'a>(
        &'a self,
        index: &'a Index,
        key: Key,
    ) -> impl Iterator<Item = &'a Account> {
        let unchanged = |id| self.accounts.is_unchanged(AccountId(id));
        let ids = index.under(key, unchanged);
        ids.filter_map(|id| self.accounts.get(&AccountId(id)))
    }

    fn systems_under<'a>(&'a self, index: &'a Index, key: Key) -> impl Iterator<Item = &'a System> {
        let unchanged = |id| self.systems.is_unchanged(SystemId(id));
        let ids = index.under(key, unchanged);
        ids.filter_map(|id| self.systems.get(&SystemId(id)))
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
    pub(crate) fn systems_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a System> {
        let named = self.systems_under(&self.system_names, Key::of_name(name));
        named.filter(move |system| system_names(system).any(|own| same(own, name)))
    }

    /// The systems at this address.
    pub(crate) fn systems_at(&self, address: IpAddr) -> impl Iterator<Item = &System> {
        let near = self.systems_under(&self.addresses, Key::of_address(address));
        near.filter(move |system| system.address == Some(address))
    }

    /// The accounts of this name: account name, `DOMAIN\name` or UPN, in any case.
    pub(crate) fn accounts_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Account> {
        let named = self.accounts_under(&self.account_names, Key::of_name(name));
        named.filter(move |account| account.goes_by(name))
    }

    /// Whether no more accounts fit.
    pub(crate) fn is_full(&self) -> bool {
        self.accounts.len() >= ACCOUNTS_MAX
    }

    /// The next free account id.
    pub(crate) fn next_account_id(&self) -> AccountId {
        let last = self.accounts.last_id();
        AccountId(last.map_or(1, |id| id.0.saturating_add(1)))
    }
}

/// The names under which a system is found.
fn system_names(system: &System) -> impl Iterator<Item = &str> {
    let names = [
        Some(&system.name),
        system.dns_name.as_ref(),
        system.domain.as_ref(),
    ];
    names.into_iter().flatten().map(String::as_str)
}

fn system_keys(system: &System) -> impl Iterator<Item = Key> {
    system_names(system).map(Key::of_name)
}

fn account_keys(account: &Account) -> impl Iterator<Item = Key> {
    let full_name = account.full_name();
    let names = [
        Some(&*account.name),
        account.rare().upn.as_deref(),
        full_name.as_deref(),
    ];
    names
        .map(|name| name.map(Key::of_name))
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Accounts as a list says them: system, name, domain, UPN.
    type Plain = (i32, String, Option<String>, Option<String>);

    fn account(id: i32, (system, name, domain, upn): &Plain) -> Account {
        let name = name.as_str().into();
        let mut account = Account::named(AccountId(id), SystemId(*system), name);
        account.domain = domain.as_deref().map(Box::from);
        if upn.is_some() {
            account.rare_mut().upn.clone_from(upn);
        }
        account
    }

    fn system(id: i32, (place, name, dns, domain): &Plain) -> System {
        let mut system = System::named(SystemId(id), EntityType::Asset, name, PlatformId(1));
        system.dns_name.clone_from(dns);
        system.domain.clone_from(domain);
        let number = u8::try_from(*place).unwrap_or(0);
        system.address = (number > 1).then(|| IpAddr::from([10, 0, 0, number]));
        system
    }

    fn word() -> impl Strategy<Value = String> {
        prop_oneof!["[aAbB]{0,2}", "[aÄä\u{212a}kK]{1,2}", "[aA]\\\\[bB]"]
    }

    fn plain() -> impl Strategy<Value = Plain> {
        let sometimes = || prop::option::weighted(0.4, word());
        (1..4, word(), sometimes(), sometimes())
    }

    #[derive(Clone, Debug)]
    enum Act {
        Put(i32, Plain),
        Remove(i32),
        Rotate(i32),
        PutSystem(i32, Plain),
        RemoveSystem(i32),
    }

    fn act() -> impl Strategy<Value = Act> {
        let id = || 1..7;
        prop_oneof![
            (id(), plain()).prop_map(|(id, plain)| Act::Put(id, plain)),
            id().prop_map(Act::Remove),
            id().prop_map(Act::Rotate),
            (id(), plain()).prop_map(|(id, plain)| Act::PutSystem(id, plain)),
            id().prop_map(Act::RemoveSystem),
        ]
    }

    fn carry_out(vault: &mut Vault, act: Act) {
        match act {
            Act::Put(id, plain) => vault.put_account(account(id, &plain)),
            Act::Remove(id) => {
                vault.remove_account(AccountId(id));
            }
            Act::Rotate(id) => {
                if let Some(account) = vault.account_mut(AccountId(id)) {
                    account.password = Password::Minted { generation: 1 };
                }
            }
            Act::PutSystem(id, plain) => vault.put_system(system(id, &plain)),
            Act::RemoveSystem(id) => vault.remove_system(SystemId(id)),
        }
    }

    proptest! {
        #[test]
        fn an_index_finds_what_a_walk_over_everything_finds(
            accounts in prop::collection::btree_map(1..7, plain(), 0..5),
            systems in prop::collection::btree_map(1..7, plain(), 0..5),
            acts in prop::collection::vec(act(), 0..8),
            name in word(),
        ) {
            let all = |plain: &BTreeMap<i32, Plain>| plain.clone().into_iter();
            let mut vault = Vault::default();
            vault.start_with(
                all(&systems).map(|(id, plain)| system(id, &plain)).collect(),
                all(&accounts).map(|(id, plain)| account(id, &plain)).collect(),
            );
            for act in acts {
                carry_out(&mut vault, act);
                let small = name.to_lowercase();
                let walked = vault.accounts.values().filter(|one| {
                    let full = one.full_name();
                    let upn = one.rare().upn.as_deref();
                    let names = [Some(&*one.name), full.as_deref(), upn];
                    names.into_iter().flatten().any(|own| own.to_lowercase() == small)
                });
                let walked: Vec<_> = walked.map(|one| one.id).collect();
                let found: Vec<_> = vault.accounts_named(&name).map(|one| one.id).collect();
                prop_assert_eq!(found, walked);
                let walked = vault.systems.values().filter(|one| {
                    let names = [Some(&one.name), one.dns_name.as_ref(), one.domain.as_ref()];
                    names.into_iter().flatten().any(|own| own.to_lowercase() == small)
                });
                let walked: Vec<_> = walked.map(|one| one.id).collect();
                let found: Vec<_> = vault.systems_named(&name).map(|one| one.id).collect();
                prop_assert_eq!(found, walked);
                for number in 1..4_u8 {
                    let id = SystemId(number.into());
                    let of = |one: &&Account| one.system == id;
                    let walked: Vec<_> = vault.accounts.values().filter(of).map(|one| one.id).collect();
                    let found: Vec<_> = vault.accounts_of(id).map(|one| one.id).collect();
                    prop_assert_eq!(found, walked);
                    let address = IpAddr::from([10, 0, 0, number]);
                    let at = |one: &&System| one.address == Some(address);
                    let walked: Vec<_> = vault.systems.values().filter(at).map(|one| one.id).collect();
                    let found: Vec<_> = vault.systems_at(address).map(|one| one.id).collect();
                    prop_assert_eq!(found, walked);
                }
            }
        }
    }

    #[test]
    fn a_lab_of_100_000_accounts_stays_small() {
        assert!(size_of::<Account>() <= 144, "{}", size_of::<Account>());
    }
}
