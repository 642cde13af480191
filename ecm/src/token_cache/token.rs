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
    /// The vault user that the vault recognised, as in [`TokenKey::users`], or the API account.
    pub user: String,
    /// When the vault issued it.
    pub issued_at: Timestamp,
}

impl TokenKey {
    pub(super) fn is_of_api_account(&self) -> bool {
        self.users.is_empty()
    }

    /// Whether `token`, which is kept under this key, is one of `user`: `joe.user` in any domain, or
    /// `ACME\joe.user`. The API account is known by its name like any other user.
    pub(super) fn is_of(&self, user: &str, token: &CachedToken) -> bool {
        match self.is_of_api_account() {
            true => names(&token.user, user),
            false => self.is_for(user),
        }
    }

    /// Whether `user` is one of those that were tried.
    pub(super) fn is_for(&self, user: &str) -> bool {
        self.users.iter().any(|known| names(known, user))
    }
}

fn names(known: &str, user: &str) -> bool {
    let (known, user) = (known.to_lowercase(), user.trim().to_lowercase());
    let down_level = known.rsplit_once('\\').map(|(_, name)| name);
    let upn = known.rsplit_once('@').map(|(name, _)| name);
    known == user || down_level == Some(&user) || upn == Some(&user)
}

/// Where tokens issued at `now` or `lifetime` earlier are still good; `None` for no limit.
#[must_use]
pub fn issued_not_before(now: Timestamp, lifetime: Option<Duration>) -> Option<Timestamp> {
    let lifetime = jiff::SignedDuration::try_from(lifetime?).ok()?;
    now.checked_sub(lifetime).ok()
}
