//! The words of a lab file: schedules, rules, roles, keys.

use std::collections::{BTreeMap, HashMap};

use sim_kit::config::{ConfigError, SecretRef};
use sim_kit::seeded::Seed;

use super::ScheduleEntry;
use crate::mint;
use crate::secret::Secret;
use crate::state::ids::ScheduleId;
use crate::state::people::{AddressRule, Feature, Role};
use crate::state::policy::{AccessRule, AccessType, Schedule, Window};

/// A registration's key.
pub(super) fn key(reference: &SecretRef, purpose: &str, seed: Seed) -> Result<Secret, ConfigError> {
    match reference {
        SecretRef::Generate => Ok(mint::api_key(seed, purpose)),
        reference => Ok(Secret::from(reference.resolve(purpose, seed)?)),
    }
}

/// An application user's secret.
pub(super) fn client_secret(
    reference: &SecretRef,
    purpose: &str,
    seed: Seed,
) -> Result<Secret, ConfigError> {
    match reference {
        SecretRef::Generate => Ok(mint::client_secret(seed, purpose)),
        reference => Ok(Secret::from(reference.resolve(purpose, seed)?)),
    }
}

/// Text in the shape of a private key, line ends as Windows stores them. It opens nothing.
pub(super) fn planted_key(canary: &str) -> Secret {
    Secret::new(format!(
        "-----BEGIN OPENSSH PRIVATE KEY-----\r\n{canary}\r\n-----END OPENSSH PRIVATE KEY-----\r\n"
    ))
}

pub(super) fn schedule(
    id: ScheduleId,
    entry: &ScheduleEntry,
    policy: &str,
) -> Result<Schedule, ConfigError> {
    let place = format!("[password-safe] policy {policy}");
    let mut days = 0;
    for word in &entry.days {
        let known = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let day = known.iter().position(|day| day.eq_ignore_ascii_case(word));
        days |= 1 << day.ok_or_else(|| ConfigError::at(&place, "days are mon to sun"))?;
    }
    let minute = |text: &Option<String>, absent: u16| match text {
        None => Ok(absent),
        Some(text) => {
            minute_of(text).ok_or_else(|| ConfigError::at(&place, "write times as HH:MM"))
        }
    };
    let access_type = |word: &String| {
        AccessType::parse(word)
            .ok_or_else(|| ConfigError::at(&place, "access is View, RDP, SSH or App"))
    };
    let types = |words: &[String]| words.iter().map(access_type).collect::<Result<Vec<_>, _>>();
    let own = |kind: &AccessType| *kind != AccessType::View;
    let recorded = match &entry.record {
        Some(words) => types(words)?,
        None => AccessType::ALL.into_iter().filter(own).collect(),
    };
    let mut approvers = BTreeMap::new();
    for (word, count) in &entry.approvers_by_access {
        approvers.insert(access_type(word)?, *count);
    }
    let mut allowed = types(&entry.access)?;
    if allowed.is_empty() {
        allowed = AccessType::ALL.to_vec();
    }
    let access = allowed.into_iter().map(|access_type| AccessRule {
        access_type,
        approvers_min: *approvers.get(&access_type).unwrap_or(&entry.approvers),
        concurrent_max: entry.concurrent_max,
        record_session: recorded.contains(&access_type),
    });
    Ok(Schedule {
        id,
        window: Window {
            days: if days == 0 { Window::ALWAYS.days } else { days },
            from_min: minute(&entry.from, Window::ALWAYS.from_min)?,
            to_min: minute(&entry.to, Window::ALWAYS.to_min)?,
        },
        reason_required: entry.reason_required,
        ticket_required: entry.ticket_required,
        ticket_system: entry.ticket_system,
        rotation_override: entry.rotation_override,
        access: access.collect(),
    })
}

fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 24 && minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

pub(super) fn address_rules(
    texts: &[String],
    place: &str,
) -> Result<Vec<AddressRule>, ConfigError> {
    let cure = "write an address, FROM-TO, or NETWORK/BITS";
    texts
        .iter()
        .map(|text| AddressRule::parse(text).ok_or_else(|| ConfigError::at(place, cure)))
        .collect()
}

pub(super) fn feature(word: &str, place: &str) -> Result<Feature, ConfigError> {
    Ok(match word {
        "account-management" => Feature::AccountManagement,
        "system-management" => Feature::SystemManagement,
        "role-management" => Feature::RoleManagement,
        "user-accounts-management" => Feature::UserAccountsManagement,
        "global-quarantine" => Feature::GlobalQuarantine,
        "secrets-safe" => Feature::SecretsSafe,
        _ => {
            return Err(ConfigError::at(
                place,
                format!("unknown feature \"{word}\""),
            ));
        }
    })
}

pub(super) fn role(word: &str, place: &str) -> Result<Role, ConfigError> {
    Ok(match word {
        "requestor" => Role::Requestor,
        "approver" => Role::Approver,
        "requestor-approver" => Role::RequestorApprover,
        "isa" => Role::Isa,
        "administrator" => Role::Administrator,
        _ => return Err(ConfigError::at(place, format!("unknown role \"{word}\""))),
    })
}

pub(super) fn lookup<T: Copy>(
    known: &HashMap<String, T>,
    name: &str,
    what: &str,
    place: &str,
) -> Result<T, ConfigError> {
    let cure = || ConfigError::at(place, format!("{what} \"{name}\" is not defined"));
    known.get(name).copied().ok_or_else(cure)
}

pub(super) fn lookup_opt<T: Copy>(
    known: &HashMap<String, T>,
    name: &Option<String>,
    what: &str,
    place: &str,
) -> Result<Option<T>, ConfigError> {
    name.as_ref()
        .map(|name| lookup(known, name, what, place))
        .transpose()
}
