//! An index finds what a walk over everything finds.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::catalogue::Indexed;
use super::*;

/// Accounts as a list says them: system, name, domain, UPN.
type Plain = (i32, String, Option<String>, Option<String>);

/// Groups and applications by the letters of the names.
fn account(id: i32, (system, name, domain, upn): &Plain) -> Account {
    let mut account = Account::named(AccountId(id), SystemId(*system), name.as_str().into());
    account.domain = domain.as_deref().map(Box::from);
    if upn.is_some() {
        account.rare_mut().upn.clone_from(upn);
    }
    let groups = [('a', 2), ('b', 3)].into_iter();
    let groups = groups.filter(|(letter, _)| name.contains(*letter));
    account.smart_groups = groups.map(|(_, group)| SmartGroupId(group)).collect();
    if domain.is_some() {
        account.rare_mut().applications = vec![ApplicationId(*system)];
    }
    account
}

/// Workgroup and functional account by the place; what has a domain is a directory.
fn system(id: i32, (place, name, dns, domain): &Plain) -> System {
    let entity = match domain {
        Some(_) => EntityType::Directory,
        None => EntityType::Asset,
    };
    let mut system = System::named(SystemId(id), entity, name, PlatformId(1));
    system.dns_name.clone_from(dns);
    system.domain.clone_from(domain);
    let number = u8::try_from(*place).unwrap_or(0);
    system.address = (number > 1).then(|| IpAddr::from([10, 0, 0, number]));
    system.workgroup = (number > 1).then_some(WorkgroupId(*place));
    system.terms.functional_account = dns.as_ref().map(|_| *place);
    system
}

/// The ids that a walk over everything finds.
fn walk<T: Indexed>(things: &Catalogue<T>, wanted: impl Fn(&T) -> bool) -> Vec<T::Id> {
    let found = things.values().filter(|one| wanted(one));
    found.map(T::id).collect()
}

fn ids<'a, T: Indexed + 'a>(found: impl Iterator<Item = &'a T>) -> Vec<T::Id> {
    found.map(T::id).collect()
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
        Act::Put(id, plain) => vault.accounts.put(account(id, &plain)),
        Act::Remove(id) => {
            vault.remove_account(AccountId(id));
        }
        Act::Rotate(id) => {
            if let Some(account) = vault.accounts.get_mut(&AccountId(id)) {
                account.password = Password::Minted { generation: 1 };
            }
        }
        Act::PutSystem(id, plain) => vault.systems.put(system(id, &plain)),
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
            let is_small = |own: &str| own.to_lowercase() == small;
            let walked = walk(&vault.accounts, |one| {
                let full = one.full_name();
                let names = [Some(&*one.name), full.as_deref(), one.rare().upn.as_deref()];
                names.into_iter().flatten().any(is_small)
            });
            prop_assert_eq!(ids(vault.accounts_named(&name)), walked);
            let walked = walk(&vault.systems, |one| {
                let names = [Some(&one.name), one.dns_name.as_ref(), one.domain.as_ref()];
                names.into_iter().flatten().any(|own| is_small(own))
            });
            prop_assert_eq!(ids(vault.systems_named(&name)), walked);
            for number in 1..4_u8 {
                check_number(&vault, number)?;
            }
            let both = [SmartGroupId(2), SmartGroupId(3)];
            let walked = walk(&vault.accounts, |one| !one.smart_groups.is_empty());
            prop_assert_eq!(ids(vault.accounts_in(both.into_iter())), walked);
            let walked = walk(&vault.systems, |one| one.managed);
            prop_assert_eq!(vault.managed_count(), walked.len());
        }
    }
}

fn check_number(vault: &Vault, number: u8) -> Result<(), TestCaseError> {
    let id = i32::from(number);
    let walked = walk(&vault.accounts, |one| one.system == SystemId(id));
    prop_assert_eq!(ids(vault.accounts_of(SystemId(id))), walked);
    let group = SmartGroupId(id);
    let walked = walk(&vault.accounts, |one| one.smart_groups.contains(&group));
    prop_assert_eq!(ids(vault.accounts_in([group].into_iter())), walked);
    let application = ApplicationId(id);
    let walked = walk(&vault.accounts, |one| {
        one.rare().applications.contains(&application)
    });
    prop_assert_eq!(ids(vault.accounts_for([application].into_iter())), walked);
    let address = IpAddr::from([10, 0, 0, number]);
    let walked = walk(&vault.systems, |one| one.address == Some(address));
    prop_assert_eq!(ids(vault.systems_at(address)), walked);
    let group = WorkgroupId(id);
    let walked = walk(&vault.systems, |one| one.workgroup == Some(group));
    prop_assert_eq!(ids(vault.of_workgroup(group)), walked);
    let walked = walk(&vault.systems, |one| {
        one.managed && one.terms.functional_account == Some(id)
    });
    prop_assert_eq!(vault.count_of(id), walked.len());
    prop_assert_eq!(ids(vault.systems_of(id)), walked);
    let entity = EntityType::numbered(id.into()).unwrap_or(EntityType::Cloud);
    let walked = walk(&vault.systems, |one| one.managed && one.entity == entity);
    prop_assert_eq!(vault.count_of_entity(entity), walked.len());
    prop_assert_eq!(ids(vault.of_entity(entity)), walked);
    Ok(())
}

#[test]
fn a_lab_of_100_000_accounts_stays_small() {
    assert!(size_of::<Account>() <= 144, "{}", size_of::<Account>());
}
