//! Managed accounts of a lab.

use sim_kit::config::{ConfigError, SecretRef};

use super::populate::Names;
use super::words::planted_key;
use super::{AccountEntry, SystemEntry};
use crate::mint::totp_seed;
use crate::state::State;
use crate::state::ids::SystemId;
use crate::state::vault::{Account, Password};

impl Names {
    /// The account that an entry describes.
    pub(super) fn account(
        &mut self,
        state: &State,
        system: SystemId,
        of: &SystemEntry,
        entry: &AccountEntry,
    ) -> Result<Account, ConfigError> {
        let place = format!("[password-safe] account {} of {}", entry.name, of.name);
        let mut account = Account::named(state.vault.next_account_id(), system, &entry.name);
        account.domain.clone_from(&of.domain);
        account.upn.clone_from(&entry.upn);
        account.description.clone_from(&entry.description);
        account.api_enabled = entry.api;
        account.rotates_after_release = entry.rotates;
        account.auto_management = entry.rotates;
        account.concurrent_max = entry.concurrent_max.unwrap_or(account.concurrent_max);
        let longest = minutes(entry.release_max_min, account.release_max_min, &place)?;
        account.release_max_min = longest;
        account.release_min = minutes(entry.release_min, account.release_min.min(longest), &place)?;
        let smart_groups = entry.smart_groups.iter().map(|name| self.smart_group(name));
        account.smart_groups = smart_groups.collect();
        if let Some(name) = &entry.dedicated_to {
            let user = state.people.find(name);
            let cure = || ConfigError::at(&place, format!("user {name} is not defined"));
            account.dedicated_to = Some(user.ok_or_else(cure)?.id);
        }
        for name in &entry.applications {
            let mut known = state.vault.applications.values();
            let found = known.find(|app| app.display_name == *name);
            let cure = || ConfigError::at(&place, format!("application {name} is not defined"));
            account.applications.push(found.ok_or_else(cure)?.id);
        }
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
            account.password = Password::Planted(password);
        }
        account.key = match &entry.key {
            None => None,
            Some(SecretRef::Generate) => {
                Some(planted_key(&self.seed.plain_canary(&purpose("key"))))
            }
            Some(reference) => Some(self.secret(reference, &purpose("key"))?),
        };
        if let Some(reference) = &entry.passphrase {
            account.passphrase = Some(self.secret(reference, &purpose("passphrase"))?);
        }
        account.totp = match &entry.totp {
            None => None,
            // A canary is no base32.
            Some(SecretRef::Generate) => Some(totp_seed(self.seed, &purpose("totp"))),
            Some(reference) => Some(self.secret(reference, &purpose("totp"))?),
        };
        Ok(())
    }
}

fn minutes(given: Option<u32>, absent: i32, place: &str) -> Result<i32, ConfigError> {
    let Some(given) = given else {
        return Ok(absent);
    };
    i32::try_from(given)
        .ok()
        .filter(|minutes| (1..=525_600).contains(minutes))
        .ok_or_else(|| ConfigError::at(place, "minutes must be 1 to 525600"))
}
