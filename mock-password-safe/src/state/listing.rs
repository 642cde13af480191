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

impl State {
    /// The rows that match, from `offset`, `limit` at most, in a stable order.
    pub(crate) fn list<'a>(
        &'a self,
        user: UserId,
        filter: &'a Filter,
        limit: usize,
        offset: usize,
    ) -> Vec<Row<'a>> {
        let rows: Box<dyn Iterator<Item = Row<'a>> + 'a> = match filter.row_type {
            Some(RowType::DomainLinked) => Box::new(self.linked(filter)),
            Some(RowType::Application) => Box::new(self.with_applications(filter)),
            Some(RowType::Recent) => Box::new(self.recent(user, filter)),
            None if self.rules.untyped_list_has_linked && filter.names_system() => {
                Box::new(self.own(filter).chain(self.linked(filter)))
            }
            _ => Box::new(self.own(filter)),
        };
        let roles = self.roles(user);
        rows.filter(|row| self.passes(row, filter) && roles.show(row.account))
            .skip(offset)
            .take(limit)
            .map(|row| Row {
                is_isa: self.has_role(user, row.account, Role::is_isa),
                ..row
            })
            .collect()
    }

    /// Accounts on their own systems, by the narrowest index that the filter allows.
    fn own<'a>(&'a self, filter: &'a Filter) -> Box<dyn Iterator<Item = Row<'a>> + 'a> {
        if let Some(systems) = self.systems_wanted(filter) {
            return Box::new(
                systems
                    .into_iter()
                    .flat_map(|system| self.vault.accounts_of(system))
                    .filter_map(|account| self.row(account.system, account)),
            );
        }
        let accounts: Box<dyn Iterator<Item = &'a Account> + 'a> = match &filter.account_name {
            Some(name) => Box::new(self.vault.accounts_named(name)),
            None => Box::new(self.vault.accounts.values()),
        };
        Box::new(accounts.filter_map(|account| self.row(account.system, account)))
    }

    /// Directory accounts on the systems they are linked to.
    fn linked<'a>(&'a self, filter: &Filter) -> Box<dyn Iterator<Item = Row<'a>> + 'a> {
        let links: Box<dyn Iterator<Item = (SystemId, &'a Account)> + 'a> =
            match self.systems_wanted(filter) {
                Some(systems) => Box::new(systems.into_iter().flat_map(|system| {
                    self.vault
                        .linked_accounts(system)
                        .map(move |account| (system, account))
                })),
                None => Box::new(self.vault.links()),
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

    fn with_applications<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = Row<'a>> + 'a {
        self.own(filter).flat_map(|row| {
            row.account
                .rare()
                .applications
                .iter()
                .filter_map(|id| self.vault.applications.get(id))
                .map(move |application| Row {
                    application: Some(application),
                    ..row
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
        let system = self.vault.systems.get(&system)?;
        Some(Row {
            system,
            account,
            application: None,
            is_isa: false,
        })
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
        let type_ok = match filter.row_type {
            None | Some(RowType::Recent | RowType::DomainLinked | RowType::Application) => true,
            Some(RowType::System) => row.system.entity == EntityType::Asset,
            Some(RowType::Database) => row.system.entity == EntityType::Database,
            Some(RowType::Cloud) => row.system.entity == EntityType::Cloud,
        };
        type_ok
            && filter
                .account_name
                .as_ref()
                .is_none_or(|name| is_account(row.account, name))
            && filter
                .workgroup
                .as_ref()
                .is_none_or(|name| self.is_in_workgroup(row.system, name))
            && filter.application.as_ref().is_none_or(|name| {
                row.application
                    .is_some_and(|app| app.display_name.eq_ignore_ascii_case(name))
            })
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
    fn roles(&self, user: UserId) -> Shown {
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
    fn show(&self, account: &Account) -> bool {
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
