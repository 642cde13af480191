//! What an administrator does at `/login`, and what can be looked up there.

use std::time::Duration;

use tokio::time::timeout;

use super::{Console, ConsoleError, unexpected};
use crate::link::request::Ask;
use crate::link::{LinkCounters, LinkError};
use crate::secret::Secret;
use crate::state::accounts::{ClientId, UnknownAccount};
use crate::state::ecms::EcmClient;
use crate::state::releases::Release;
use crate::state::sessions::SessionId;
use crate::wire::{Answer, Health, ToEcm};

/// No ECM was welcomed in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no ECM connected within {} ms", .0.as_millis())]
pub struct NoEcmInTime(pub Duration);

impl Console {
    /// Waits until nothing that a session used is owed any more; false when `patience` ends first.
    pub async fn wait_released(&self, id: &SessionId, patience: Duration) -> bool {
        let owed = |console: &Self| {
            console
                .site
                .state()
                .releases
                .owed()
                .any(|release| release.key.session == *id)
        };
        self.wait_until(patience, |console| !owed(console)).await
    }

    /// Waits until an ECM is connected and welcomed.
    ///
    /// # Errors
    /// When `patience` ends first.
    pub async fn wait_for_ecm(&self, patience: Duration) -> Result<(), NoEcmInTime> {
        self.wait_for_ecms(1, patience).await
    }

    /// Waits until so many ECMs are connected and welcomed.
    ///
    /// # Errors
    /// When `patience` ends first.
    pub async fn wait_for_ecms(&self, count: usize, patience: Duration) -> Result<(), NoEcmInTime> {
        let there = |console: &Self| console.ecm_clients().len() >= count;
        match self.wait_until(patience, there).await {
            true => Ok(()),
            false => Err(NoEcmInTime(patience)),
        }
    }

    /// Polls a condition of the state, which changes by messages that no one signals.
    async fn wait_until(&self, patience: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let polling = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(5));
            while !done(self) {
                ticks.tick().await;
            }
        };
        timeout(patience, polling).await.is_ok()
    }

    /// Status > Information > ECM Clients: those that said `hello`, in the order of connecting.
    #[must_use]
    pub fn ecm_clients(&self) -> Vec<EcmClient> {
        let state = self.site.state();
        state
            .ecms
            .iter()
            .filter(|ecm| ecm.announced.is_some())
            .cloned()
            .collect()
    }

    /// The Jump Items that a user picked, the latest first (documented sra:§7: "Recently Used").
    #[must_use]
    pub fn recently_used(&self, username: &str) -> Vec<String> {
        let mut names = Vec::new();
        for session in self.sessions().iter().rev() {
            let name = &session.jump_item.name;
            if session.user.username.eq_ignore_ascii_case(username) && !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Releases that are owed and not confirmed.
    #[must_use]
    pub fn releases_owed(&self) -> Vec<Release> {
        self.site.state().releases.owed().cloned().collect()
    }

    /// How often something arrived on the link that no one waited for.
    #[must_use]
    pub fn link_counters(&self) -> LinkCounters {
        self.site.links.counters()
    }

    /// Asks the longest-connected ECM of a group how it is.
    ///
    /// # Errors
    /// When the ECM cannot be asked, refuses, or cannot tell.
    pub async fn health(&self, ecm_group: &str) -> Result<Health, ConsoleError> {
        let able = self.site.state().ecms.route(ecm_group).is_none_or(|ecm| {
            ecm.announced
                .as_ref()
                .is_some_and(|ecm| ecm.capabilities.health_check)
        });
        if !able {
            return Err(LinkError::Unsupported { request: "health" }.into());
        }
        let deadline_ms = self.site.settings.request_timeout_ms.other;
        let ask = Ask {
            request: "health",
            group: ecm_group,
            session: None,
            user: None,
            deadline_ms,
            prefer: None,
            again: true,
            hands_out: None,
        };
        let served = self
            .site
            .ask(&ask, |id| ToEcm::Health { id, deadline_ms }.text());
        match served.await?.answer {
            Answer::Health(health) => Ok(health),
            other => Err(unexpected("health", &other)),
        }
    }

    /// Gives an API account a new secret, which is shown this once. Its tokens become invalid and
    /// its links are closed.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn regenerate_secret(&self, client_id: &ClientId) -> Result<Secret, UnknownAccount> {
        let secret = self.site.random.client_secret();
        self.site
            .state()
            .accounts
            .replace_secret(client_id, secret.digest())?;
        self.site.close_account(client_id);
        Ok(secret)
    }

    /// Sets the "Enabled" check box of an API account. Unchecking it closes its links.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn set_account_enabled(
        &self,
        client_id: &ClientId,
        enabled: bool,
    ) -> Result<(), UnknownAccount> {
        self.site.state().accounts.set_enabled(client_id, enabled)?;
        if !enabled {
            self.site.close_account(client_id);
        }
        Ok(())
    }

    /// Grants or removes the ECM permission. Removing it closes the account's links.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn set_ecm_permission(
        &self,
        client_id: &ClientId,
        allowed: bool,
    ) -> Result<(), UnknownAccount> {
        self.site
            .state()
            .accounts
            .set_ecm_permission(client_id, allowed)?;
        if !allowed {
            self.site.close_account(client_id);
        }
        Ok(())
    }

    /// Invalidates all tokens of an account and closes its links.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn revoke_tokens(&self, client_id: &ClientId) -> Result<(), UnknownAccount> {
        self.site.state().accounts.revoke_tokens(client_id)?;
        self.site.close_account(client_id);
        Ok(())
    }
}
