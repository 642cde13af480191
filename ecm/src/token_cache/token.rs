//! What the cache holds: tokens, and whose they are.

use std::time::Duration;

use jiff::Timestamp;

use crate::secret::Secret;

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenKey {
    /// The vault and the API account, in whatever form tells two of them apart.
    pub vault: String,
    /// The vault users tried for one console user (`ACME\joe.user`, or `joe.user` for a local
    /// one); empty for the API account's own token.
    pub users: Vec<String>,
}

/// A token and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedToken {
    /// The token.
    pub token: Secret,
    /// The vault user that the vault recognised, as in [`TokenKey::users`].
    pub user: String,
    /// When the vault issued it.
    pub issued_at: Timestamp,
}

impl TokenKey {
    pub(super) fn is_of_api_account(&self) -> bool {
        self.users.is_empty()
    }

    pub(super) fn is_of(&self, user: &str) -> bool {
        let user = user.trim().to_lowercase();
        let known = self.users.iter().map(|known| known.to_lowercase());
        known.into_iter().any(|known| {
            let down_level = known.rsplit_once('\\').map(|(_, name)| name);
            let upn = known.rsplit_once('@').map(|(name, _)| name);
            known == user || down_level == Some(&user) || upn == Some(&user)
        })
    }
}

/// Where tokens issued at `now` or `lifetime` earlier are still good; `None` for no limit.
#[must_use]
pub fn issued_not_before(now: Timestamp, lifetime: Option<Duration>) -> Option<Timestamp> {
    let lifetime = jiff::SignedDuration::try_from(lifetime?).ok()?;
    now.checked_sub(lifetime).ok()
}
