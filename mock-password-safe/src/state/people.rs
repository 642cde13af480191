//! Users, groups, API registrations, and what they allow.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::ids::{GroupId, PolicyId, RegistrationId, SmartGroupId, UserId};
use crate::secret::Secret;

/// Where a user comes from. `documented psafe:DOC-new`, `users`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserKind {
    /// Local to BeyondInsight: a bare name.
    BeyondInsight,
    /// From a directory: `DOMAIN\name` or UPN.
    ActiveDirectory,
    /// A client id and a client secret.
    Application,
}

/// Somebody who may sign in.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) domain: Option<String>,
    /// The name that people see: `DOMAIN\name` for directory users.
    pub(crate) full_name: Arc<str>,
    pub(crate) upn: Option<String>,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
    pub(crate) sid: Option<String>,
    pub(crate) kind: UserKind,
    pub(crate) active: bool,
    pub(crate) quarantined: bool,
    pub(crate) administrator: bool,
    pub(crate) password: Option<Secret>,
    /// The second factor's code, where the user has one.
    pub(crate) second_factor: Option<Secret>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) policy: Option<PolicyId>,
    pub(crate) groups: Vec<GroupId>,
}

/// A role on a smart group. `documented psafe:DOC-reg`, §4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Requestor,
    Approver,
    RequestorApprover,
    Isa,
    Administrator,
}

impl Role {
    /// Whether the role may ask for a release.
    pub(crate) fn requests(self) -> bool {
        matches!(self, Self::Requestor | Self::RequestorApprover)
    }

    /// Whether the role decides on releases.
    pub(crate) fn approves(self) -> bool {
        matches!(self, Self::Approver | Self::RequestorApprover)
    }

    /// Whether the role has immediate access.
    pub(crate) fn is_isa(self) -> bool {
        matches!(self, Self::Isa | Self::Administrator)
    }

    /// Whether `GET ManagedAccounts` lists the account for this role.
    pub(crate) fn lists(self) -> bool {
        self.requests() || self.is_isa()
    }
}

/// A role of a group on a smart group; requestors' roles come with an access policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    pub(crate) smart_group: SmartGroupId,
    pub(crate) role: Role,
    pub(crate) policy: Option<PolicyId>,
}

/// A feature that a group may read or fully control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feature {
    AccountManagement,
    SystemManagement,
    RoleManagement,
    UserAccountsManagement,
    GlobalQuarantine,
    SecretsSafe,
}

/// How far a feature permission goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Read,
    FullControl,
}

/// A user group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) name: String,
    /// Registrations ticked in *API access*.
    pub(crate) registrations: Vec<RegistrationId>,
    pub(crate) features: BTreeMap<Feature, Level>,
    pub(crate) grants: Vec<Grant>,
}

/// An address rule of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AddressRule {
    Single(IpAddr),
    Range(IpAddr, IpAddr),
    Cidr(IpAddr, u8),
}

impl AddressRule {
    /// Reads `10.0.0.1`, `10.0.0.1-10.0.0.9` or `10.0.0.0/8`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some((from, to)) = text.split_once('-') {
            return Some(Self::Range(
                from.trim().parse().ok()?,
                to.trim().parse().ok()?,
            ));
        }
        if let Some((base, bits)) = text.split_once('/') {
            let base: IpAddr = base.trim().parse().ok()?;
            let bits: u8 = bits.trim().parse().ok()?;
            let width = if base.is_ipv4() { 32 } else { 128 };
            return (bits <= width).then_some(Self::Cidr(base, bits));
        }
        text.trim().parse().ok().map(Self::Single)
    }

    /// Whether the address falls under the rule.
    pub(crate) fn matches(&self, address: IpAddr) -> bool {
        let (value, width) = number(address);
        match *self {
            Self::Single(only) => only == address,
            Self::Range(from, to) => {
                let ((from, w), (to, _)) = (number(from), number(to));
                w == width && (from..=to).contains(&value)
            }
            Self::Cidr(base, bits) => {
                let (base, base_width) = number(base);
                let shift = u32::from(base_width) - u32::from(bits);
                base_width == width
                    && base.checked_shr(shift).unwrap_or(0) == value.checked_shr(shift).unwrap_or(0)
            }
        }
    }
}

/// An address as a number, and how many bits it has.
fn number(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

/// The two kinds of registration. `documented psafe:DOC-reg`, §1.2.
#[derive(Clone, Debug)]
pub(crate) enum RegistrationKind {
    /// A key, run as any user whose groups have the registration.
    ApiKey {
        key: Secret,
        second_factor_enforced: bool,
        client_certificate_required: bool,
        user_password_required: bool,
    },
    /// OAuth client credentials of application users.
    ApiAccess { token_duration_min: u32 },
}

/// An API registration.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) id: RegistrationId,
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) kind: RegistrationKind,
    pub(crate) addresses: Vec<AddressRule>,
    pub(crate) forwarded_for: Vec<AddressRule>,
}

/// Where a call comes from, as far as the rules of registrations care.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) address: IpAddr,
    pub(crate) forwarded_for: Option<IpAddr>,
}

impl Registration {
    /// Whether a call from `source` may use the registration. One without any rule is inactive
    /// (`documented psafe:KB0017018`).
    pub(crate) fn admits(&self, source: Source) -> bool {
        let direct = self
            .addresses
            .iter()
            .any(|rule| rule.matches(source.address));
        let forwarded = source
            .forwarded_for
            .is_some_and(|address| self.forwarded_for.iter().any(|rule| rule.matches(address)));
        self.active && (direct || forwarded)
    }
}

/// Everybody, and every way in.
#[derive(Clone, Debug, Default)]
pub(crate) struct People {
    pub(crate) users: BTreeMap<UserId, User>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) registrations: BTreeMap<RegistrationId, Registration>,
    by_name: HashMap<String, UserId>,
}

impl People {
    /// The name that people see.
    pub(crate) fn full_name(&self, user: UserId) -> Option<Arc<str>> {
        let user = self.users.get(&user)?;
        Some(Arc::clone(&user.full_name))
    }

    /// Adds a user and indexes the names that sign-in understands.
    pub(crate) fn add_user(&mut self, user: User) {
        let name = user.name.to_lowercase();
        match &user.domain {
            Some(domain) => {
                self.by_name
                    .insert(format!("{}\\{name}", domain.to_lowercase()), user.id);
            }
            None => {
                self.by_name.insert(name, user.id);
            }
        }
        if let Some(upn) = &user.upn {
            self.by_name.insert(upn.to_lowercase(), user.id);
        }
        self.users.insert(user.id, user);
    }

    /// The user of a sign-in name: bare names are BeyondInsight users, `DOMAIN\name` and UPN are
    /// directory users (`documented psafe:DOC-new` for `Users`, `assumed psafe:§1.3` for run-as).
    pub(crate) fn find(&self, name: &str) -> Option<&User> {
        self.by_name
            .get(&name.to_lowercase())
            .and_then(|id| self.users.get(id))
    }

    /// The groups of a user.
    pub(crate) fn groups_of(&self, user: UserId) -> impl Iterator<Item = &Group> {
        self.users
            .get(&user)
            .into_iter()
            .flat_map(|user| user.groups.iter())
            .filter_map(|id| self.groups.get(id))
    }

    /// The roles of a user, over all groups.
    pub(crate) fn grants_of(&self, user: UserId) -> impl Iterator<Item = &Grant> {
        self.groups_of(user).flat_map(|group| group.grants.iter())
    }

    /// Whether one of the user's groups has the feature at this level or above.
    pub(crate) fn may(&self, user: UserId, feature: Feature, level: Level) -> bool {
        self.users.get(&user).is_some_and(|user| user.administrator)
            || self.groups_of(user).any(|group| {
                group
                    .features
                    .get(&feature)
                    .is_some_and(|has| *has >= level)
            })
    }

    /// Whether one of the user's groups has the registration ticked.
    pub(crate) fn may_use(&self, user: &User, registration: RegistrationId) -> bool {
        self.groups_of(user.id)
            .any(|group| group.registrations.contains(&registration))
    }

    /// The next free id over a map whose keys are wire integers.
    pub(crate) fn next_registration_id(&self) -> RegistrationId {
        RegistrationId(
            self.registrations
                .keys()
                .next_back()
                .map_or(1, |id| id.0 + 1),
        )
    }

    /// The next free group id.
    pub(crate) fn next_group_id(&self) -> GroupId {
        GroupId(self.groups.keys().next_back().map_or(1, |id| id.0 + 1))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn address_rules_match_singles_ranges_and_networks() {
        for (rule, address, hit) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1-10.0.0.9", "10.0.0.9", true),
            ("10.0.0.1-10.0.0.9", "10.0.0.10", false),
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("::/0", "8.8.8.8", false),
            ("fd00::/8", "fd12::1", true),
        ] {
            let parsed = AddressRule::parse(rule).unwrap();
            assert_eq!(
                parsed.matches(address.parse().unwrap()),
                hit,
                "{rule} against {address}"
            );
        }
        for bad in ["", "10.0.0", "10.0.0.0/33", "a-b", "10.0.0.1-"] {
            assert_eq!(AddressRule::parse(bad), None, "{bad:?}");
        }
    }
}
