//! What *Connect to Secure Remote Access* creates in one go. `documented psafe:DOC-sra`, §4.2.

use super::State;
use super::ids::{GroupId, PolicyId, RegistrationId, ScheduleId, SmartGroupId, UserId};
use super::people::{AddressRule, Grant, Group, Registration, RegistrationKind, Role};
use super::policy::Policy;
use crate::secret::Secret;

/// The name of the policy, as the vendor gives it.
pub(crate) const POLICY_NAME: &str = "Secure Remote Access Approval Policy";
/// The name of the registration, as the vendor gives it.
pub(crate) const REGISTRATION_NAME: &str = "Secure Remote Access Integration";
/// The name of the group, as the vendor gives it.
pub(crate) const GROUP_NAME: &str = "Secure Remote Access Requesters";

/// What the form proposes (`documented psafe:DOC-sra`).
pub(crate) const RELEASE_DURATION_MIN: u32 = 360;

/// What the form was told of the appliance. Nothing here connects to it.
#[derive(Clone, Debug)]
pub(crate) struct Appliance {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) client_id: Option<String>,
    pub(crate) api_key: Option<Secret>,
    pub(crate) release_duration_min: u32,
}

/// What was created, or was there already.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    pub(crate) policy: PolicyId,
    pub(crate) registration: RegistrationId,
    pub(crate) group: GroupId,
    /// The key that the bundled ECM is configured with.
    pub(crate) key: Secret,
}

impl State {
    /// Creates the all-day auto-approve policy, the registration and the group. Doing it again
    /// changes nothing. That the group's roles cover every managed account, and that the
    /// registration admits every address, is assumed: `assumed psafe:§4.2`.
    pub(crate) fn connect_secure_remote_access(&mut self, key: Option<Secret>) -> Connected {
        let policy = self.named_policy();
        let (registration, key) = self.named_registration(key);
        let group = self.named_group(policy, registration);
        Connected {
            policy,
            registration,
            group,
            key,
        }
    }

    /// Puts a user into the group that was created. False when one of them is missing.
    pub(crate) fn add_requester(&mut self, user: UserId) -> bool {
        let group = self
            .people
            .groups
            .values()
            .find(|group| group.name == GROUP_NAME);
        let Some(group) = group.map(|group| group.id) else {
            return false;
        };
        let Some(person) = self.people.users.get_mut(&user) else {
            return false;
        };
        if !person.groups.contains(&group) {
            person.groups.push(group);
        }
        true
    }

    fn named_policy(&mut self) -> PolicyId {
        if let Some(policy) = self
            .policies
            .values()
            .find(|policy| policy.name == POLICY_NAME)
        {
            return policy.id;
        }
        let id = PolicyId(self.policies.keys().next_back().map_or(1, |id| id.0 + 1));
        let schedules = self
            .policies
            .values()
            .flat_map(|policy| policy.schedules.iter());
        let schedule = ScheduleId(schedules.map(|schedule| schedule.id.0).max().unwrap_or(0) + 1);
        self.policies
            .insert(id, Policy::auto_approve(id, schedule, POLICY_NAME));
        id
    }

    fn named_registration(&mut self, key: Option<Secret>) -> (RegistrationId, Secret) {
        let known = self
            .people
            .registrations
            .values()
            .find_map(|entry| match &entry.kind {
                RegistrationKind::ApiKey { key, .. } if entry.name == REGISTRATION_NAME => {
                    Some((entry.id, key.clone()))
                }
                _ => None,
            });
        if let Some(known) = known {
            return known;
        }
        let id = self.people.next_registration_id();
        let key = key.unwrap_or_else(|| self.mint.key());
        let everywhere = ["0.0.0.0/0", "::/0"]
            .into_iter()
            .filter_map(AddressRule::parse)
            .collect();
        self.people.registrations.insert(
            id,
            Registration {
                id,
                name: REGISTRATION_NAME.to_owned(),
                active: true,
                kind: RegistrationKind::ApiKey {
                    key: key.clone(),
                    second_factor_enforced: false,
                    client_certificate_required: false,
                    user_password_required: false,
                },
                addresses: everywhere,
                forwarded_for: Vec::new(),
            },
        );
        (id, key)
    }

    fn named_group(&mut self, policy: PolicyId, registration: RegistrationId) -> GroupId {
        if let Some(group) = self
            .people
            .groups
            .values()
            .find(|group| group.name == GROUP_NAME)
        {
            return group.id;
        }
        let id = self.people.next_group_id();
        let grant = Grant {
            smart_group: SmartGroupId::ALL,
            role: Role::Requestor,
            policy: Some(policy),
        };
        self.people.groups.insert(
            id,
            Group {
                id,
                name: GROUP_NAME.to_owned(),
                registrations: vec![registration],
                features: std::collections::BTreeMap::new(),
                grants: vec![grant],
            },
        );
        id
    }
}
