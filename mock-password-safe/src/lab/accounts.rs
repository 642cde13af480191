//! Managed accounts of a lab.

use sim_kit::config::{ConfigError, SecretRef};

use super::populate::Names;
use super::words::planted_key;
use super::{AccountEntry, SystemEntry};
use crate::mint::totp_seed;
use crate::state::State;
use crate::state::ids::{AccountId, SystemId};
use crate::state::vault::{Account, Password};

impl Names {
    /// The account that an entry describes.
    pub(super) fn account(
        &mut self,
        state: &State,
        id: AccountId,
        system: SystemId,
        of: &SystemEntry,
        entry: &AccountEntry,
    ) -> Result<Account, ConfigError> {
        let place = || format!("[password-safe] account {} of {}", entry.name, of.name);
        let mut account = Account::named(id, system, &entry.name);
        account.domain = of.domain.as_deref().map(Box::from);
        account.upn = entry.upn.as_deref().map(Box::from);
        account.description = entry.description.as_str().into();
        account.api_enabled = entry.api;
        account.rotates_after_release = entry.rotates;
        account.auto_management = entry.rotates;
        account.concurrent_max = entry.concurrent_max.unwrap_or(account.concurrent_max);
        let longest = minutes(entry.release_max_min, account.release_max_min, place)?;
        account.release_max_min = longest;
        account.release_min = minutes(entry.release_min, account.release_min.min(longest), place)?;
        account.smart_groups = self.smart_groups(&entry.smart_groups);
        if let Some(name) = &entry.dedicated_to {
            let user = state.people.find(name);
            let cure = || ConfigError::at(place(), format!("user {name} is not defined"));
            account.dedicated_to = Some(user.ok_or_else(cure)?.id);
        }
        let application = |name: &String| {
            let mut known = state.vault.applications.values();
            let found = known.find(|app| app.display_name == *name);
            let cure = || ConfigError::at(place(), format!("application {name} is not defined"));
            Ok(found.ok_or_else(cure)?.id)
        };
        let applications = entry.applications.iter().map(application);
        account.applications = applications.collect::<Result<_, ConfigError>>()?;
        self.plant(&mut account, of, entry)?;
        Ok(account)
    }

    /// Gives the account what it keeps secret. A generated password is left to the mint.
    fn plant(
        &self,
        account: &mut Account,
        of: &SystemEntry,
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
        account.key = key.map(Box::new);
        if let Some(reference) = &entry.passphrase {
            let passphrase = self.secret(reference, &purpose("passphrase"))?;
            account.passphrase = Some(passphrase.into());
        }
        let totp = match &entry.totp {
            None => None,
            // A canary is no base32.
            Some(SecretRef::Generate) => Some(totp_seed(self.seed, &purpose("totp"))),
            Some(reference) => Some(self.secret(reference, &purpose("totp"))?),
        };
        account.totp = totp.map(Box::new);
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
