//! Policies, registrations, groups and users of a lab.

use std::collections::BTreeMap;

use sim_kit::config::{ConfigError, SecretRef};

use super::populate::Names;
use super::words::{
    address_rules, client_secret, feature, key, lookup, lookup_opt, role, schedule,
};
use super::{
    GroupEntry, PolicyEntry, RegistrationEntry, RegistrationEntryKind, ScheduleEntry, UserEntry,
};
use crate::state::State;
use crate::state::ids::{GroupId, PolicyId, RegistrationId, ScheduleId, SmartGroupId, UserId};
use crate::state::people::{Grant, Group, Level, Registration, RegistrationKind, User, UserKind};
use crate::state::policy::Policy;

impl Names {
    /// Adds an access policy.
    pub(super) fn add_policy(
        &mut self,
        state: &mut State,
        id: PolicyId,
        entry: &PolicyEntry,
    ) -> Result<(), ConfigError> {
        let always = [ScheduleEntry::default()];
        let entries = if entry.schedules.is_empty() {
            &always[..]
        } else {
            &entry.schedules
        };
        let first = state
            .policies
            .values()
            .map(|policy| policy.schedules.len())
            .sum::<usize>()
            + 1;
        let first = i32::try_from(first).unwrap_or(i32::MAX);
        let schedules = (first..)
            .zip(entries)
            .map(|(number, item)| schedule(ScheduleId(number), item, &entry.name))
            .collect::<Result<_, _>>()?;
        let named = entries.iter().filter_map(|item| item.ticket_system);
        for number in named {
            if !state.ticket_systems.contains_key(&number) {
                let place = format!("[password-safe] policy {}", entry.name);
                return Err(ConfigError::at(
                    place,
                    format!("ticket system {number} is not defined"),
                ));
            }
        }
        let policy = Policy {
            id,
            name: entry.name.clone(),
            description: entry.description.clone(),
            schedules,
        };
        self.policies.insert(entry.name.clone(), id);
        state.policies.insert(id, policy);
        Ok(())
    }

    /// Adds an API registration.
    pub(super) fn add_registration(
        &mut self,
        state: &mut State,
        id: RegistrationId,
        entry: &RegistrationEntry,
    ) -> Result<(), ConfigError> {
        let place = format!("[password-safe] registration {}", entry.name);
        let kind = match entry.kind {
            RegistrationEntryKind::ApiAccess => RegistrationKind::ApiAccess {
                token_duration_min: entry.token_duration_min.unwrap_or(60),
            },
            RegistrationEntryKind::ApiKey => RegistrationKind::ApiKey {
                key: key(
                    &entry.key,
                    &format!("password-safe/registration/{}/key", entry.name),
                    self.seed,
                )?,
                second_factor_enforced: entry.second_factor_enforced,
                client_certificate_required: entry.client_certificate_required,
                user_password_required: entry.user_password_required,
            },
        };
        let registration = Registration {
            id,
            name: entry.name.clone(),
            active: entry.active,
            kind,
            addresses: address_rules(&entry.addresses, &place)?,
            forwarded_for: address_rules(&entry.forwarded_for, &place)?,
        };
        self.registrations.insert(entry.name.clone(), id);
        state.people.registrations.insert(id, registration);
        Ok(())
    }

    /// Adds a user group.
    pub(super) fn add_group(
        &mut self,
        state: &mut State,
        id: GroupId,
        entry: &GroupEntry,
    ) -> Result<(), ConfigError> {
        let place = format!("[password-safe] group {}", entry.name);
        let mut features = BTreeMap::new();
        for (level, words) in [
            (Level::Read, &entry.reads),
            (Level::FullControl, &entry.controls),
        ] {
            for word in words {
                features.insert(feature(word, &place)?, level);
            }
        }
        let mut grants = Vec::new();
        for item in &entry.roles {
            let smart_group = match &item.smart_group {
                None => SmartGroupId::ALL,
                Some(name) => self.smart_group(name),
            };
            let policy = lookup_opt(&self.policies, &item.policy, "policy", &place)?;
            let role = role(&item.role, &place)?;
            if role.requests() && policy.is_none() {
                return Err(ConfigError::at(place, "a requestor's role needs a policy"));
            }
            grants.push(Grant {
                smart_group,
                role,
                policy,
            });
        }
        let registrations = entry
            .registrations
            .iter()
            .map(|name| lookup(&self.registrations, name, "registration", &place))
            .collect::<Result<_, _>>()?;
        let group = Group {
            id,
            name: entry.name.clone(),
            registrations,
            features,
            grants,
        };
        self.groups.insert(entry.name.clone(), id);
        state.people.groups.insert(id, group);
        Ok(())
    }

    /// Adds a user.
    pub(super) fn add_user(
        &mut self,
        state: &mut State,
        id: UserId,
        entry: &UserEntry,
    ) -> Result<(), ConfigError> {
        let place = format!("[password-safe] user {}", entry.name);
        let purpose = |what: &str| format!("password-safe/user/{}/{what}", entry.name);
        let secret = |reference: &Option<SecretRef>, what: &str| {
            reference
                .as_ref()
                .map(|found| self.secret(found, &purpose(what)))
                .transpose()
        };
        let (domain, name) = match entry.name.split_once('\\') {
            Some((domain, name)) => (Some(domain.to_owned()), name.to_owned()),
            None => (None, entry.name.clone()),
        };
        let client_secret = entry
            .client_secret
            .as_ref()
            .map(|found| client_secret(found, &purpose("client-secret"), self.seed))
            .transpose()?;
        let kind = match (&client_secret, &domain) {
            (Some(_), _) => UserKind::Application,
            (None, Some(_)) => UserKind::ActiveDirectory,
            (None, None) => UserKind::BeyondInsight,
        };
        let client_id = match (kind, &entry.client_id) {
            (UserKind::Application, None) => Some(state.mint.guid()),
            (_, given) => given.clone(),
        };
        let groups = entry
            .groups
            .iter()
            .map(|name| lookup(&self.groups, name, "group", &place))
            .collect::<Result<_, _>>()?;
        let full_name = match &domain {
            Some(domain) => format!("{domain}\\{name}").into(),
            None => name.as_str().into(),
        };
        let user = User {
            id,
            sid: domain
                .as_ref()
                .map(|_| format!("S-1-5-21-1004336348-1177238915-682003330-{}", 1000 + id.0)),
            name,
            domain,
            full_name,
            upn: entry.upn.clone(),
            first_name: entry.first_name.clone(),
            last_name: entry.last_name.clone(),
            email: entry.email.clone(),
            kind,
            active: entry.active,
            quarantined: false,
            administrator: entry.administrator,
            password: secret(&entry.password, "password")?,
            second_factor: secret(&entry.second_factor, "second-factor")?,
            client_id,
            client_secret,
            policy: lookup_opt(&self.policies, &entry.policy, "policy", &place)?,
            groups,
        };
        state.people.add_user(user);
        Ok(())
    }
}
