//! Lists are what a walk over everything finds, in the order that they promise.
#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use sim_kit::clock::SimTime;
use sim_kit::seeded::Seed;

use super::*;
use crate::lab::Lab;
use crate::state::ids::WorkgroupId;

/// System, account, application.
type Plain = (i32, i32, Option<i32>);

const NOW: SimTime = SimTime::SCENARIO_START;

fn acme() -> State {
    Lab::acme().unwrap().populate(Seed(1), NOW).unwrap().0
}

/// What happens behind a list.
#[derive(Clone, Debug)]
enum Change {
    Add { system: i32 },
    Rotate { account: i32 },
    Move { system: i32, to: i32 },
    Delete { account: i32 },
}

fn change() -> impl Strategy<Value = Change> {
    let (system, account) = (|| 1..10, || 1..30);
    prop_oneof![
        system().prop_map(|system| Change::Add { system }),
        account().prop_map(|account| Change::Rotate { account }),
        (system(), 1..3).prop_map(|(system, to)| Change::Move { system, to }),
        account().prop_map(|account| Change::Delete { account }),
    ]
}

impl Change {
    /// Carries it out where it concerns no system and no account up to these, except that it may
    /// rotate any.
    fn carry_out(&self, state: &mut State, shown: (i32, i32)) {
        match *self {
            Self::Add { system } => {
                let id = state.vault.next_account_id();
                let name = "administrator".into();
                let mut account = Account::named(id, SystemId(system), name);
                account.api_enabled = true;
                account.smart_groups = (2..5).map(SmartGroupId).collect();
                state.vault.accounts.put(account);
            }
            Self::Rotate { account } => {
                state.rotate(AccountId(account), NOW);
            }
            Self::Move { system, to } => {
                let vault = &mut state.vault;
                let mut system = vault.systems.get(&SystemId(system)).unwrap().clone();
                let mut accounts = vault.accounts_of(system.id);
                if system.id.0 > shown.0 && accounts.all(|one| one.id.0 > shown.1) {
                    system.workgroup = Some(WorkgroupId(to));
                    drop(accounts);
                    vault.systems.put(system);
                }
            }
            Self::Delete { account } if account > shown.1 => {
                state.remove_account(AccountId(account), NOW);
            }
            Self::Delete { .. } => {}
        }
    }
}

impl State {
    /// What a list shows of all rows that there can be, in its order.
    fn walked(&self, user: UserId, filter: &Filter) -> Vec<Plain> {
        let own = self.vault.accounts.values();
        let own = own.flat_map(|account| {
            let applications = account.rare().applications.iter().copied().map(Some);
            let row = move |application| (account.system, account, application);
            applications.chain([None]).map(row)
        });
        let linked = self.vault.links();
        let linked = linked.map(|(system, account)| (system, account, None));
        let is_linked = filter.row_type == Some(RowType::DomainLinked);
        let has_linked = is_linked || filter.row_type.is_none() && filter.names_system();
        let for_application = filter.row_type == Some(RowType::Application);
        let shown = self.shown(user);
        let rows = own
            .filter(|_| !is_linked)
            .chain(linked.filter(|_| has_linked));
        rows.filter(|(_, _, application)| application.is_some() == for_application)
            .filter_map(|(system, account, application)| {
                let application = application.and_then(|id| self.vault.applications.get(&id));
                let row = Row {
                    application,
                    ..self.row(system, account)?
                };
                let system_ok = filter.system_id.is_none_or(|id| system.0 == id)
                    && filter
                        .address
                        .is_none_or(|at| row.system.address == Some(at))
                    && filter
                        .system_name
                        .as_ref()
                        .is_none_or(|name| self.is_named(row.system, name));
                let fits = system_ok && self.passes(&row, filter) && shown.has(account);
                fits.then(|| (system.0, account.id.0, application.map(|one| one.id.0)))
            })
            .collect()
    }
}

/// Filters of every type, each with and without names that the built-in lab has.
fn filters() -> Vec<Filter> {
    let with = |filters: Vec<Filter>, words: &[&str], set: fn(&mut Filter, String)| {
        let mut all = filters.clone();
        for word in words {
            all.extend(filters.iter().cloned().map(|mut filter| {
                set(&mut filter, (*word).to_owned());
                filter
            }));
        }
        all
    };
    let types = ["system", "domainlinked", "database", "cloud", "application"];
    let systems = ["web01", "acme.example"];
    let accounts = ["administrator", "acme\\da-jane"];
    let groups = ["head office", "none"];
    let all = vec![Filter::default()];
    let all = with(all, &types, |one, word| {
        one.row_type = RowType::parse(&word);
    });
    let all = with(all, &systems, |one, word| one.system_name = Some(word));
    let all = with(all, &accounts, |one, word| one.account_name = Some(word));
    let all = with(all, &groups, |one, word| one.workgroup = Some(word));
    with(all, &["erp client"], |one, word| {
        one.application = Some(word);
    })
}

fn plain(rows: &[Row<'_>]) -> Vec<Plain> {
    let plain = |row: &Row<'_>| {
        let application = row.application.map(|one| one.id.0);
        (row.system.id.0, row.account.id.0, application)
    };
    rows.iter().map(plain).collect()
}

#[test]
fn a_list_is_the_rows_that_a_walk_over_everything_finds() {
    let mut state = acme();
    let mut changes: Vec<_> = (1..10).map(|system| Change::Add { system }).collect();
    changes.extend((1..16).map(|account| Change::Rotate { account }));
    changes.extend([3, 13].map(|account| Change::Delete { account }));
    changes.extend([(2, 1), (4, 2)].map(|(system, to)| Change::Move { system, to }));
    // Two systems of one name.
    let mut namesake = state.vault.systems.get(&SystemId(2)).unwrap().clone();
    namesake.name = "WEB01".to_owned();
    state.vault.systems.put(namesake);
    let rounds = [0, 9, 24, changes.len()];
    for (from, to) in rounds.into_iter().zip(&rounds[1..]) {
        check_all(&state);
        for change in &changes[from..*to] {
            change.carry_out(&mut state, (0, 0));
        }
    }
    check_all(&state);
}

fn check_all(state: &State) {
    let mut count = 0;
    for filter in filters() {
        for user in (1..=12).map(UserId) {
            let rows = plain(&state.list(user, &filter, usize::MAX, 0));
            assert_eq!(rows, state.walked(user, &filter), "{user:?} {filter:?}");
            count += rows.len();
        }
    }
    assert!(count > 500, "{count}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_the_whole_list_whatever_changes_behind_them(
        filter in prop::sample::select(filters()),
        user in prop_oneof![Just(UserId(1)), Just(UserId(2)), Just(UserId(12))],
        before in prop::collection::vec(change(), 0..12),
        between in prop::collection::vec(prop::collection::vec(change(), 0..6), 12),
    ) {
        // Linked rows come behind a system's own, to which new ones would be added.
        prop_assume!(!filter.names_system() || filter.row_type.is_some());
        let mut state = acme();
        before.iter().for_each(|change| change.carry_out(&mut state, (0, 0)));
        let mut joined = Vec::new();
        for changes in &between {
            joined.extend(plain(&state.list(user, &filter, 2, joined.len())));
            let system = joined.iter().map(|row| row.0).max();
            let account = joined.iter().map(|row| row.1).max();
            let shown = (system.unwrap_or(0), account.unwrap_or(0));
            changes.iter().for_each(|change| change.carry_out(&mut state, shown));
        }
        joined.extend(plain(&state.list(user, &filter, usize::MAX, joined.len())));
        let whole = plain(&state.list(user, &filter, usize::MAX, 0));
        prop_assert_eq!(joined, whole);
    }
}
