//! Managed accounts of a lab.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use sim_kit::config::{ConfigError, SecretRef};

use super::AccountEntry;
use super::populate::Names;
use super::words::planted_key;
use crate::mint::totp_seed;
use crate::state::State;
use crate::state::ids::AccountId;
use crate::state::vault::{Account, Password, System};

/// An account of a lab as it is kept until there is a vault: most have nothing but a name, a
/// description and groups, and there may be very many.
#[derive(Clone, Debug)]
pub(crate) struct SmallAccount {
    pub(super) name: Box<str>,
    description: Box<str>,
    smart_groups: Arc<[String]>,
    /// Where there is more.
    pub(super) whole: Option<Box<AccountEntry>>,
}

impl<'de> Deserialize<'de> for SmallAccount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AccountEntry::deserialize(deserializer).map(Self::from)
    }
}

impl From<AccountEntry> for SmallAccount {
    fn from(mut entry: AccountEntry) -> Self {
        let plain = entry.password == SecretRef::Generate
            && entry.key.is_none()
            && entry.passphrase.is_none()
            && entry.totp.is_none()
            && entry.upn.is_none()
            && entry.api
            && entry.linked_to.is_empty()
            && entry.applications.is_empty()
            && entry.dedicated_to.is_none()
            && entry.release_min.is_none()
            && entry.release_max_min.is_none()
            && entry.concurrent_max.is_none()
            && !entry.rotates;
        Self {
            name: entry.name.as_str().into(),
            description: std::mem::take(&mut entry.description).into(),
            smart_groups: std::mem::take(&mut entry.smart_groups).into(),
            whole: (!plain).then(|| Box::new(entry)),
        }
    }
}

/// The groups of the account that was read last: the next one is often in the same.
#[derive(Debug, Default)]
pub struct LastGroups(Arc<[String]>);

impl LastGroups {
    pub(super) fn share(&mut self, accounts: &mut [SmallAccount]) {
        for account in accounts {
            if self.0 == account.smart_groups {
                account.smart_groups = Arc::clone(&self.0);
            } else {
                self.0 = Arc::clone(&account.smart_groups);
            }
        }
    }
}

impl Names {
    /// The account that an entry describes.
    pub(super) fn account(
        &mut self,
        state: &State,
        id: AccountId,
        of: &System,
        entry: SmallAccount,
    ) -> Result<Account, ConfigError> {
        let mut account = Account::named(id, of.id, entry.name);
        account.domain = of.domain.as_deref().map(Box::from);
        account.description = entry.description;
        account.api_enabled = true;
        account.smart_groups = self.smart_groups(&entry.smart_groups);
        if let Some(entry) = entry.whole {
            self.complete(&mut account, state, of, &entry)?;
        }
        Ok(account)
    }

    /// Gives an account what only some have.
    fn complete(
        &self,
        account: &mut Account,
        state: &State,
        of: &System,
        entry: &AccountEntry,
    ) -> Result<(), ConfigError> {
        let place = || format!("[password-safe] account {} of {}", entry.name, of.name);
        account.rare_mut().upn.clone_from(&entry.upn);
        account.api_enabled = entry.api;
        account.rotates_after_release = entry.rotates;
        account.auto_management = entry.rotates;
        account.concurrent_max = entry.concurrent_max.unwrap_or(account.concurrent_max);
        let longest = minutes(entry.release_max_min, account.release_max_min, place)?;
        account.release_max_min = longest;
        account.release_min = minutes(entry.release_min, account.release_min.min(longest), place)?;
        if let Some(name) = &entry.dedicated_to {
            let user = state.people.find(name);
            let cure = || ConfigError::at(place(), format!("user {name} is not defined"));
            account.rare_mut().dedicated_to = Some(user.ok_or_else(cure)?.id);
        }
        let application = |name: &String| {
            let mut known = state.vault.applications.values();
            let found = known.find(|app| app.display_name == *name);
            let cure = || ConfigError::at(place(), format!("application {name} is not defined"));
            Ok(found.ok_or_else(cure)?.id)
        };
        let applications = entry.applications.iter().map(application);
        account.rare_mut().applications = applications.collect::<Result<_, ConfigError>>()?;
        self.plant(account, of, entry)
    }

    /// Gives the account what it keeps secret. A generated password is left to the mint.
    fn plant(
        &self,
        account: &mut Account,
        of: &System,
        entry: &AccountEntry,
    ) -> Result<(), ConfigError> {
        let purpose = |what: &str| format!("password-safe/{}/{}/{what}", of.name, entry.name);
        if entry.password != SecretRef::Generate {
            let password = self.secret(&entry.password, &purpose("password"))?;
            account.password = Password::Planted(password.into());
        }
        let key = match &entry.key {
            None => None,
            Some(SecretRef::Generate) => {
                Some(planted_key(&self.seed.plain_canary(&purpose("key"))))
            }
            Some(reference) => Some(self.secret(reference, &purpose("key"))?),
        };
        account.rare_mut().key = key;
        if let Some(reference) = &entry.passphrase {
            let passphrase = self.secret(reference, &purpose("passphrase"))?;
            account.rare_mut().passphrase = Some(passphrase);
        }
        let totp = match &entry.totp {
            None => None,
            // A canary is no base32.
            Some(SecretRef::Generate) => Some(totp_seed(self.seed, &purpose("totp"))),
            Some(reference) => Some(self.secret(reference, &purpose("totp"))?),
        };
        account.rare_mut().totp = totp;
        Ok(())
    }
}

fn minutes(
    given: Option<u32>,
    absent: i32,
    place: impl FnOnce() -> String,
) -> Result<i32, ConfigError> {
    let Some(given) = given else {
        return Ok(absent);
    };
    i32::try_from(given)
        .ok()
        .filter(|minutes| (1..=525_600).contains(minutes))
        .ok_or_else(|| ConfigError::at(place(), "minutes must be 1 to 525600"))
}
