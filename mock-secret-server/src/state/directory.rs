//! Users, groups and domains, and the ways of naming a user.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answer::GroupOrUserRecord;
use super::model::{Account, Domain, Group, GroupSlot, Principal, Role, UserSlot, same_folded};
use super::role::RolePermission;

/// Everybody whom the vault knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    pub(super) domains: Vec<Domain>,
    pub(super) roles: Vec<Role>,
    pub(super) users: Vec<Account>,
    pub(super) groups: Vec<Group>,
    /// By domain place and folded user name.
    pub(super) log_on_names: BTreeMap<(Option<usize>, String), UserSlot>,
    pub(super) short_domain_names: bool,
}

impl Directory {
    pub(super) fn user(&self, slot: UserSlot) -> &Account {
        &self.users[slot.0 as usize]
    }

    pub(super) fn user_mut(&mut self, slot: UserSlot) -> &mut Account {
        &mut self.users[slot.0 as usize]
    }

    pub(super) fn group(&self, slot: GroupSlot) -> &Group {
        &self.groups[slot.0 as usize]
    }

    /// Whether one of the user's roles has the permission.
    pub(super) fn permits(&self, user: UserSlot, permission: RolePermission) -> bool {
        let mut roles = self
            .user(user)
            .roles
            .iter()
            .map(|&place| &self.roles[place]);
        roles.any(|role| role.permissions.contains(&permission))
    }

    pub(super) fn role_mut(&mut self, name: &str) -> Option<&mut Role> {
        self.roles
            .iter_mut()
            .find(|role| same_folded(&role.name, name))
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = (UserSlot, &Account)> {
        (0..).map(UserSlot).zip(&self.users)
    }

    pub(super) fn by_id(&self, id: i32) -> Option<UserSlot> {
        self.slots()
            .find(|(_, user)| user.id == id)
            .map(|(slot, _)| slot)
    }

    pub(super) fn group_by_name(&self, name: &str) -> Option<GroupSlot> {
        let place = self
            .groups
            .iter()
            .position(|group| same_folded(&group.name, name))?;
        u32::try_from(place).ok().map(GroupSlot)
    }

    /// The user whom a log-on names. Null, `""` and `(local)` are the local domain (vendor-client
    /// soap:§3.1).
    pub(super) fn by_log_on(&self, user_name: &str, domain: Option<&str>) -> Option<UserSlot> {
        let place = match domain {
            None | Some("") => None,
            Some(local) if local.eq_ignore_ascii_case("(local)") => None,
            Some(domain) => Some(self.domain(domain)?),
        };
        self.log_on_names
            .get(&(place, user_name.to_lowercase()))
            .copied()
    }

    /// Whether `name` and `domain`, which lead to this user, are written by case as it is.
    pub(super) fn is_written(&self, slot: UserSlot, name: &str, domain: Option<&str>) -> bool {
        let of_domain = self.domain_of(slot).is_none_or(|one| {
            let short = one.short_name.as_deref();
            domain.is_some_and(|domain| *one.name == *domain || short == Some(domain))
        });
        *self.user(slot).user_name == *name && of_domain
    }

    /// The user whom an operator or a lab names: `alice`, `acme.example\bob`, `ACME\bob` or
    /// `bob@acme.example`. A bare name is a local user's, or else that of the one domain user who
    /// has it.
    pub(super) fn by_text(&self, text: &str) -> Option<UserSlot> {
        if let Some((domain, name)) = text.split_once('\\') {
            return self.by_log_on(name, Some(domain));
        }
        if let Some((name, domain)) = text.rsplit_once('@') {
            return self.by_log_on(name, Some(domain));
        }
        self.by_log_on(text, None).or_else(|| {
            let mut named = self
                .slots()
                .filter(|(_, user)| same_folded(&user.user_name, text));
            let first = named.next()?.0;
            named.next().is_none().then_some(first)
        })
    }

    /// Log-on name with the domain: `acme.example\bob`, or `alice` for a local user.
    pub(super) fn known_as(&self, slot: UserSlot) -> Arc<str> {
        Arc::clone(&self.user(slot).known_as)
    }

    pub(super) fn domain_of(&self, slot: UserSlot) -> Option<&Domain> {
        self.user(slot).domain.map(|place| &self.domains[place])
    }

    pub(super) fn record(&self, principal: Principal) -> GroupOrUserRecord {
        match principal {
            Principal::User(slot) => GroupOrUserRecord {
                name: Arc::clone(&self.user(slot).user_name),
                domain_name: self.domain_of(slot).map(|domain| Arc::clone(&domain.name)),
                is_user: true,
                group_id: None,
                user_id: Some(self.user(slot).id),
            },
            Principal::Group(slot) => GroupOrUserRecord {
                name: Arc::clone(&self.group(slot).name),
                domain_name: None,
                is_user: false,
                group_id: Some(self.group(slot).id),
                user_id: None,
            },
        }
    }

    /// Whether `slot` is that user or a member of that group.
    pub(super) fn is(&self, slot: UserSlot, principal: Principal) -> bool {
        match principal {
            Principal::User(user) => user == slot,
            Principal::Group(group) => self.user(slot).groups.contains(&group),
        }
    }

    pub(super) fn domain(&self, name: &str) -> Option<usize> {
        self.domains.iter().position(|domain| {
            same_folded(&domain.name, name)
                || self.short_domain_names
                    && domain
                        .short_name
                        .as_ref()
                        .is_some_and(|short| same_folded(short, name))
        })
    }
}
