//! The records of the vault. Everything refers to everything else by slot: the place in its list.

use std::fmt::Debug;
use std::sync::Arc;

use sim_kit::clock::SimTime;

use super::contents::{FieldKind, Level, SecretRules, TwoFactor};
pub(super) use super::fold::{contains_folded, same_folded};
use super::role::RolePermission;
use super::text::{SecretBytes, SecretText};
use crate::settings::IpRange;

/// Place of a user in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct UserSlot(pub(super) u32);

/// Place of a group in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupSlot(pub(super) u32);

/// Place of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FolderSlot(pub(super) u32);

/// Place of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TemplateSlot(pub(super) u16);

/// Place of a secret; grows with the secret's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SecretSlot(pub(super) u32);

#[derive(Clone, Debug)]
pub(super) struct Domain {
    pub(super) id: i32,
    pub(super) name: Arc<str>,
    pub(super) short_name: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: i32,
    pub(super) user_name: Arc<str>,
    /// Place of the domain.
    pub(super) domain: Option<usize>,
    pub(super) display_name: Arc<str>,
    /// Log-on name with the domain: `acme.example\bob`, or `alice` for a local user.
    pub(super) known_as: Arc<str>,
    pub(super) email: Option<Arc<str>>,
    pub(super) password: Option<SecretText>,
    pub(super) password_set_at: SimTime,
    /// Expired by an operator, whatever its age.
    pub(super) password_expired: bool,
    pub(super) enabled: bool,
    pub(super) application_account: bool,
    /// Places of the roles.
    pub(super) roles: Vec<usize>,
    pub(super) groups: Vec<GroupSlot>,
    pub(super) two_factor: TwoFactor,
    pub(super) radius: Option<Radius>,
    pub(super) ip_allow: Vec<IpRange>,
    pub(super) failed_attempts: u32,
    pub(super) locked: Option<Lock>,
}

/// An account that too many wrong passwords have locked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lock {
    /// `None`: until an operator unlocks it.
    pub(super) until: Option<SimTime>,
}

#[derive(Clone, Debug)]
pub(super) struct Radius {
    pub(super) code: SecretText,
    pub(super) challenge_answer: Option<SecretText>,
    /// The code was right and the server waits for the answer.
    pub(super) challenged: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) name: Arc<str>,
    pub(super) permissions: Vec<RolePermission>,
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: i32,
    pub(super) name: Arc<str>,
}

/// Whom a permission concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    User(UserSlot),
    Group(GroupSlot),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) to: Principal,
    pub(super) level: Level,
}

#[derive(Debug)]
pub(super) struct FolderRecord {
    pub(super) id: i32,
    pub(super) name: Arc<str>,
    pub(super) parent: Option<FolderSlot>,
    /// `None` inherits from the parent.
    pub(super) grants: Option<Box<[Grant]>>,
}

#[derive(Debug)]
pub(super) struct Template {
    pub(super) id: i32,
    pub(super) name: Arc<str>,
    pub(super) fields: Box<[Field]>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) id: i32,
    pub(super) name: Arc<str>,
    pub(super) display_name: Arc<str>,
    pub(super) kind: FieldKind,
    pub(super) exposed: bool,
}

/// A secret. A lab has 100,000 of them, so what is rare hangs on one pointer.
#[derive(Clone, Debug)]
pub(super) struct SecretRecord {
    pub(super) id: i32,
    /// The id of the first item; the others follow.
    pub(super) first_item: i32,
    pub(super) template: TemplateSlot,
    pub(super) active: bool,
    pub(super) folder: Option<FolderSlot>,
    pub(super) name: Arc<str>,
    /// One per field of the template, in its order.
    pub(super) values: Box<[Value]>,
    pub(super) rare: Option<Box<Rare>>,
}

/// What few secrets have.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    /// `None` inherits from the folder.
    pub(super) grants: Option<Box<[Grant]>>,
    pub(super) rules: SecretRules,
    pub(super) approvers: Vec<Principal>,
    pub(super) check_out: Option<CheckOut>,
    /// A password change runs until then.
    pub(super) changing_until: Option<SimTime>,
    /// Who has answered the hurdles, and until when that counts.
    pub(super) views: Vec<(UserSlot, SimTime)>,
}

/// A secret in somebody's hands.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckOut {
    pub(super) holder: UserSlot,
    pub(super) until: SimTime,
}

/// The value of an item.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Empty,
    Plain(Arc<str>),
    Hidden(SecretText),
    /// A password that is made whenever it is read, until it is changed.
    Planted(Arc<dyn Planter>),
    File(Arc<File>),
}

/// Makes the passwords that secrets start with.
pub(crate) trait Planter: Debug + Send + Sync {
    /// The password in a field of a secret, the same each time.
    fn password(&self, secret: &str, field: &str) -> SecretText;
}

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: Arc<str>,
    pub(crate) bytes: SecretBytes,
}

static NO_RULES: SecretRules = SecretRules {
    comment: false,
    ticket: false,
    approval: false,
    double_lock: None,
    check_out: None,
    hide_launcher_password: false,
    proxy: false,
    auto_change: false,
};

impl SecretRecord {
    pub(super) fn rules(&self) -> &SecretRules {
        self.rare.as_ref().map_or(&NO_RULES, |rare| &rare.rules)
    }

    /// Whether its permissions are its own and not the folder's.
    pub(super) fn has_own_grants(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.grants.is_some())
    }

    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn check_out(&self) -> Option<CheckOut> {
        self.rare.as_ref().and_then(|rare| rare.check_out)
    }

    /// The vendor's id of the item in a field.
    pub(super) fn item_id(&self, field: usize) -> i32 {
        let place = i32::try_from(field).unwrap_or(i32::MAX);
        self.first_item.saturating_add(place)
    }

    /// The text of an item, for search: nothing of a password or a file.
    pub(super) fn plain(&self, field: usize) -> Option<&Arc<str>> {
        match self.values.get(field) {
            Some(Value::Plain(text)) => Some(text),
            _ => None,
        }
    }
}

impl Field {
    /// Whether `name` is the field's name or label, in any case (assumed soap:§3.4).
    pub(super) fn is_called(&self, name: &str) -> bool {
        same_folded(&self.name, name) || same_folded(&self.display_name, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_of_100_000_secrets_stays_small() {
        assert!(
            size_of::<SecretRecord>() <= 64,
            "{}",
            size_of::<SecretRecord>()
        );
        assert!(size_of::<Value>() <= 24, "{}", size_of::<Value>());
    }
}
