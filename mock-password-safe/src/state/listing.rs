//! Which accounts a caller may ask for. psafe:§2.1.

use std::collections::HashSet;
use std::net::IpAddr;

use super::State;
use super::ids::{AccountId, SmartGroupId, SystemId, UserId};
use super::people::Role;
use super::vault::{Account, Application, EntityType, System, same};

/// The `type` of the query. `documented psafe:DOC-ma`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowType {
    System,
    Recent,
    DomainLinked,
    Database,
    Cloud,
    Application,
}

impl RowType {
    /// Reads the word, in any case.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "system" => Self::System,
            "recent" => Self::Recent,
            "domainlinked" => Self::DomainLinked,
            "database" => Self::Database,
            "cloud" => Self::Cloud,
            "application" => Self::Application,
            _ => return None,
        })
    }
}

/// What the query narrows the list to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) system_name: Option<String>,
    pub(crate) account_name: Option<String>,
    pub(crate) system_id: Option<i32>,
    pub(crate) workgroup: Option<String>,
    pub(crate) application: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) row_type: Option<RowType>,
}

impl Filter {
    /// The kind of systems that the type of rows means.
    fn entity(&self) -> Option<EntityType> {
        Some(match self.row_type? {
            RowType::System => EntityType::Asset,
            RowType::Database => EntityType::Database,
            RowType::Cloud => EntityType::Cloud,
            RowType::Recent | RowType::DomainLinked | RowType::Application => return None,
        })
    }

    fn wants(&self, application: &Application) -> bool {
        let wanted = self.application.as_ref();
        wanted.is_none_or(|name| application.display_name.eq_ignore_ascii_case(name))
    }

    /// Whether the list is about particular systems.
    fn names_system(&self) -> bool {
        self.system_name.is_some() || self.system_id.is_some()
    }
}

/// One row: an account on a system. For a linked account the system is the one to pass on in
/// `POST Requests`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) system: &'a System,
    pub(crate) account: &'a Account,
    pub(crate) application: Option<&'a Application>,
    pub(crate) is_isa: bool,
}

impl<'a> Row<'a> {
    fn of(system: &'a System, account: &'a Account) -> Self {
        Self {
            system,
            account,
            application: None,
            is_isa: false,
        }
    }
}

impl State {
    /// The rows that match, from `offset`, `limit` at most: accounts on their own systems by their
    /// ids, then linked ones by the systems they are linked to; what was asked for, the latest first.
    /// The order hangs on nothing else, so that pages fit together whatever changes behind them
    /// (assumed).
    pub(crate) fn list<'a>(
        &'a self,
        user: UserId,
        filter: &'a Filter,
        limit: usize,
        offset: usize,
    ) -> Vec<Row<'a>> {
        let shown = self.shown(user);
        let rows: Box<dyn Iterator<Item = Row<'a>> + '_> = match filter.row_type {
            Some(RowType::DomainLinked) => self.linked(filter, &shown),
            Some(RowType::Application) => Box::new(self.with_applications(filter, &shown)),
            Some(RowType::Recent) => Box::new(self.recent(user, filter)),
            None if self.rules.untyped_list_has_linked && filter.names_system() => {
                Box::new(self.own(filter, &shown).chain(self.linked(filter, &shown)))
            }
            _ => Box::new(self.own(filter, &shown)),
        };
        rows.filter(|row| self.passes(row, filter) && shown.has(row.account))
            .skip(offset)
            .take(limit)
            .map(|row| Row {
                is_isa: self.has_role(user, row.account, Role::is_isa),
                ..row
            })
            .collect()
    }

    /// Accounts on their own systems, by the narrowest index that filter and caller allow.
    fn own<'a: 's, 's>(
        &'a self,
        filter: &'a Filter,
        shown: &'s Shown,
    ) -> impl Iterator<Item = Row<'a>> + 's {
        let mut last: Option<&System> = None;
        let accounts = self.accounts_near(filter, shown);
        accounts.filter_map(move |account| {
            // Of a lab, the accounts of a system have ids one after the other.
            let same = last.filter(|system| system.id == account.system);
            last = same.or_else(|| self.vault.systems.get(&account.system));
            Some(Row::of(last?, account))
        })
    }

    /// The accounts among which those are that the caller sees and the filter wants, in the order
    /// of their ids.
    fn accounts_near<'a: 's, 's>(
        &'a self,
        filter: &'a Filter,
        shown: &'s Shown,
    ) -> Box<dyn Iterator<Item = &'a Account> + 's> {
        let vault = &self.vault;
        match (self.systems_wanted(filter), &filter.account_name) {
            (Some(systems), Some(name)) => return vault.accounts_near(systems, name),
            (Some(systems), None) => return Box::new(vault.accounts_of_any(systems.into_iter())),
            (None, Some(name)) => return Box::new(vault.accounts_named(name)),
            (None, None) => {}
        }
        let groups = || shown.groups.iter().copied();
        let visible = match shown.everything {
            true => vault.accounts.len(),
            false => vault.count_in(groups()),
        };
        let are_fewer = |systems| vault.are_fewer(systems, visible);
        if self.systems_of_sort(filter).is_some_and(are_fewer)
            && let Some(systems) = self.systems_of_sort(filter)
        {
            return Box::new(vault.accounts_of_any(systems));
        }
        match shown.everything {
            true => Box::new(vault.accounts.values()),
            false => Box::new(vault.accounts_in(groups())),
        }
    }

    /// The systems of the workgroup, or else of the kind, that the filter wants.
    fn systems_of_sort<'a>(
        &'a self,
        filter: &'a Filter,
    ) -> Option<Box<dyn Iterator<Item = SystemId> + 'a>> {
        let vault = &self.vault;
        if let Some(name) = &filter.workgroup {
            let groups = vault.workgroups.values();
            let groups = groups.filter(move |group| group.name.eq_ignore_ascii_case(name));
            return Some(Box::new(
                groups.flat_map(|group| vault.ids_of_workgroup(group.id)),
            ));
        }
        let entity = filter.entity()?;
        Some(Box::new(vault.ids_of_entity(entity)))
    }

    /// Directory accounts on the systems they are linked to, system by system.
    fn linked<'a: 's, 's>(
        &'a self,
        filter: &'a Filter,
        shown: &'s Shown,
    ) -> Box<dyn Iterator<Item = Row<'a>> + 's> {
        let vault = &self.vault;
        let links: Box<dyn Iterator<Item = (SystemId, &'a Account)> + 's> =
            match (self.systems_wanted(filter), &filter.account_name) {
                (Some(systems), _) => Box::new(systems.into_iter().flat_map(|system| {
                    vault
                        .linked_accounts(system)
                        .map(move |account| (system, account))
                })),
                (None, Some(name)) => Box::new(vault.links_of(vault.accounts_named(name))),
                (None, None) if shown.everything => Box::new(vault.links()),
                (None, None) => {
                    let linked = vault.accounts_with_links();
                    Box::new(vault.links_of(linked.filter(|account| shown.has(account))))
                }
            };
        let names_directory = self.rules.linked_row_names_directory;
        Box::new(links.filter_map(move |(system, account)| {
            self.row(
                if names_directory {
                    account.system
                } else {
                    system
                },
                account,
            )
        }))
    }

    fn with_applications<'a: 's, 's>(
        &'a self,
        filter: &'a Filter,
        shown: &'s Shown,
    ) -> impl Iterator<Item = Row<'a>> + 's {
        let accounts: Box<dyn Iterator<Item = &'a Account> + 's> =
            if filter.names_system() || filter.account_name.is_some() {
                self.accounts_near(filter, shown)
            } else {
                let known = self.vault.applications.values();
                let wanted = known.filter(|application| filter.wants(application));
                Box::new(
                    self.vault
                        .accounts_for(wanted.map(|application| application.id)),
                )
            };
        accounts.flat_map(|account| {
            let ids = account.rare().applications.iter();
            let applications = ids.filter_map(|id| self.vault.applications.get(id));
            applications.filter_map(|application| {
                Some(Row {
                    application: Some(application),
                    ..self.row(account.system, account)?
                })
            })
        })
    }

    /// What the user asked for, the latest first, each account once.
    fn recent<'a>(
        &'a self,
        user: UserId,
        filter: &Filter,
    ) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let wanted = self.systems_wanted(filter);
        let mut seen: HashSet<(SystemId, AccountId)> = HashSet::new();
        self.releases
            .iter()
            .rev()
            .filter(move |release| release.requestor == user)
            .filter(move |release| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(&release.system))
            })
            .map(|release| (release.system, release.account))
            .filter(move |pair| seen.insert(*pair))
            .filter_map(|(system, account)| self.row(system, self.vault.accounts.get(&account)?))
    }

    fn row<'a>(&'a self, system: SystemId, account: &'a Account) -> Option<Row<'a>> {
        Some(Row::of(self.vault.systems.get(&system)?, account))
    }

    /// The systems that the filter names, or nothing when it names none.
    fn systems_wanted(&self, filter: &Filter) -> Option<Vec<SystemId>> {
        let mut wanted = match (filter.system_id, &filter.system_name, filter.address) {
            (Some(id), ..) => vec![SystemId(id)],
            (None, Some(name), _) => self.vault.systems_named(name).map(|one| one.id).collect(),
            (None, None, Some(address)) => {
                self.vault.systems_at(address).map(|one| one.id).collect()
            }
            (None, None, None) => return None,
        };
        wanted.retain(|id| {
            self.vault.systems.get(id).is_some_and(|system| {
                let name = filter.system_name.as_ref();
                name.is_none_or(|name| self.is_named(system, name))
                    && filter
                        .address
                        .is_none_or(|address| system.address == Some(address))
            })
        });
        Some(wanted)
    }

    /// What the filter asks beside the system, which chose the rows in the first place.
    fn passes(&self, row: &Row<'_>, filter: &Filter) -> bool {
        let entity = filter.entity();
        entity.is_none_or(|entity| row.system.entity == entity)
            && filter
                .account_name
                .as_ref()
                .is_none_or(|name| is_account(row.account, name))
            && filter
                .workgroup
                .as_ref()
                .is_none_or(|name| self.is_in_workgroup(row.system, name))
            && (filter.application.is_none()
                || row
                    .application
                    .is_some_and(|application| filter.wants(application)))
    }

    /// System names match in any case. Whether DNS names and a directory's domain match too is a
    /// setting (`assumed psafe:§4.6`).
    fn is_named(&self, system: &System, name: &str) -> bool {
        let same = |own: &str| same(own, name);
        same(&system.name)
            || (self.rules.system_name_matches_dns
                && (system.dns_name.as_deref().is_some_and(same)
                    || system.domain.as_deref().is_some_and(same)))
    }

    fn is_in_workgroup(&self, system: &System, name: &str) -> bool {
        system
            .workgroup
            .and_then(|id| self.vault.workgroups.get(&id))
            .is_some_and(|group| group.name.eq_ignore_ascii_case(name))
    }

    /// What a user may list, gathered once for a whole list.
    fn shown(&self, user: UserId) -> Shown {
        let administrator = self.people.users.get(&user);
        let grants = self.people.grants_of(user);
        let groups: HashSet<_> = grants
            .filter(|grant| grant.role.lists())
            .map(|grant| grant.smart_group)
            .collect();
        Shown {
            user,
            everything: administrator.is_some_and(|person| person.administrator)
                || groups.contains(&SmartGroupId::ALL),
            groups,
        }
    }
}

/// Which accounts a user's lists show.
struct Shown {
    user: UserId,
    everything: bool,
    groups: HashSet<SmartGroupId>,
}

impl Shown {
    /// Enabled for the API, a role on it, dedicated to nobody else.
    fn has(&self, account: &Account) -> bool {
        account.api_enabled
            && account
                .rare()
                .dedicated_to
                .is_none_or(|owner| owner == self.user)
            && (self.everything
                || account
                    .smart_groups
                    .iter()
                    .any(|group| self.groups.contains(group)))
    }
}

/// Whether the account goes by this name. A directory's account only by `DOMAIN\name` or UPN
/// (`documented psafe:DOC-ma`).
fn is_account(account: &Account, name: &str) -> bool {
    if account.domain.is_some() {
        account.goes_by_full(name)
    } else {
        same(&account.name, name)
    }
}

#[cfg(test)]
mod tests;
