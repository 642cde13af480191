//! API accounts and the tokens they hold (sra:§2).

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use sim_kit::clock::SimTime;

use super::address::AddressRange;
use super::rate::{RateRules, RateStatus, RateWindow};
use crate::secret::Digest;

/// OAuth client id of an API account: 40 hexadecimal characters (documented sra:§2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientId(pub String);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an account may use the Command API (documented sra:§2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommandAccess {
    /// Not at all.
    #[default]
    Deny,
    /// Questions only.
    ReadOnly,
    /// Everything.
    FullAccess,
}

/// The permissions of an API account that the lab models (documented sra:§2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// "Endpoint Credential Manager API: Allow Access", `perm_ecm`.
    pub ecm: bool,
    /// Command API, `perm_command`.
    pub command: CommandAccess,
    /// Session reports and recordings, `perm_reporting_support`.
    pub reporting_support: bool,
    /// Configuration API, `perm_configuration`.
    pub configuration: bool,
}

/// How long tokens live and how many count (documented sra:§2.1: 1 h, 30 for each account).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// Seconds that a token is valid.
    pub lifetime_s: u64,
    /// Valid tokens of one account; one more invalidates the oldest.
    pub valid_max: usize,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self {
            lifetime_s: 3600,
            valid_max: 30,
        }
    }
}

/// One API account.
#[derive(Clone, Debug)]
pub struct ApiAccount {
    /// Its OAuth client id.
    pub client_id: ClientId,
    /// Its name at `/login`.
    pub name: String,
    /// The "Enabled" check box.
    pub enabled: bool,
    /// What it may do.
    pub permissions: Permissions,
    /// The ECM Group that its ECMs join.
    pub ecm_group: String,
    /// Addresses that may use it; empty allows every address.
    pub addresses: Vec<AddressRange>,
    /// Its OAuth client secret.
    pub secret: Digest,
    /// Wrong secrets since the last right one.
    pub failed_login_attempts: u32,
    tokens: VecDeque<Token>,
    rate: RateWindow,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    digest: Digest,
    expires_at: SimTime,
}

/// Why a token request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// No such client, or another secret; the two look alike from outside.
    InvalidClient,
    /// The account is disabled.
    Disabled,
    /// The account may not be used from that address.
    Address,
    /// The account has used up its requests.
    RateExceeded(RateStatus),
}

/// Why a bearer token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerRefusal {
    /// Unknown, expired or invalidated; the three look alike from outside.
    NotValid,
    /// The account has used up its requests.
    RateExceeded(RateStatus),
}

/// Why an account may not open the ECM link, though its token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRefusal {
    /// The account is disabled.
    Disabled,
    /// The account lacks `perm_ecm`.
    NoPermission,
    /// The account may not be used from that address.
    Address,
}

/// There is no account with that client id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no API account with client id {0}")]
pub struct UnknownAccount(pub ClientId);

/// All API accounts of the site.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    accounts: BTreeMap<ClientId, ApiAccount>,
    tokens: TokenRules,
    rate: RateRules,
}

impl Accounts {
    /// No accounts yet.
    #[must_use]
    pub fn new(tokens: TokenRules, rate: RateRules) -> Self {
        Self {
            accounts: BTreeMap::new(),
            tokens,
            rate,
        }
    }

    /// Adds an account, or replaces the one with the same client id.
    pub fn add(&mut self, account: ApiAccount) {
        self.accounts.insert(account.client_id.clone(), account);
    }

    /// All accounts, in order of their client ids.
    pub fn iter(&self) -> impl Iterator<Item = &ApiAccount> {
        self.accounts.values()
    }

    /// One account.
    ///
    /// # Errors
    /// When no account has that client id.
    pub fn get(&self, client_id: &ClientId) -> Result<&ApiAccount, UnknownAccount> {
        self.accounts
            .get(client_id)
            .ok_or_else(|| UnknownAccount(client_id.clone()))
    }

    /// Checks a client's secret and makes `fresh` one of its valid tokens. Tells how long the token
    /// lives, in seconds.
    ///
    /// # Errors
    /// See [`TokenRefusal`]. A disabled account and a wrong address are told only to a client that
    /// knows the secret (assumed sra:§2.1).
    pub fn issue_token(
        &mut self,
        client_id: &ClientId,
        secret: Digest,
        from: IpAddr,
        fresh: Digest,
        now: SimTime,
    ) -> Result<(u64, RateStatus), TokenRefusal> {
        let (rules, rate) = (self.tokens, self.rate);
        let account = self
            .accounts
            .get_mut(client_id)
            .ok_or(TokenRefusal::InvalidClient)?;
        let status = account.rate.take(rate, now);
        if status.exceeded {
            return Err(TokenRefusal::RateExceeded(status));
        }
        if !account.secret.same(&secret) {
            account.failed_login_attempts = account.failed_login_attempts.saturating_add(1);
            return Err(TokenRefusal::InvalidClient);
        }
        if !account.enabled {
            return Err(TokenRefusal::Disabled);
        }
        if !account.allows(from) {
            return Err(TokenRefusal::Address);
        }
        account.failed_login_attempts = 0;
        account.tokens.retain(|token| token.expires_at > now);
        while account.tokens.len() >= rules.valid_max.max(1) {
            account.tokens.pop_front();
        }
        let expires_at = now.plus(Duration::from_secs(rules.lifetime_s));
        account.tokens.push_back(Token {
            digest: fresh,
            expires_at,
        });
        Ok((rules.lifetime_s, status))
    }

    /// Finds whose token it is and counts the request.
    ///
    /// # Errors
    /// See [`BearerRefusal`].
    pub fn bearer(
        &mut self,
        token: Digest,
        now: SimTime,
    ) -> Result<(ClientId, RateStatus), BearerRefusal> {
        let rate = self.rate;
        let account = self
            .accounts
            .values_mut()
            .find(|account| account.has_token(token, now))
            .ok_or(BearerRefusal::NotValid)?;
        let status = account.rate.take(rate, now);
        if status.exceeded {
            return Err(BearerRefusal::RateExceeded(status));
        }
        Ok((account.client_id.clone(), status))
    }

    /// Whether the account may open the ECM link from `from`, and for which ECM Group.
    ///
    /// # Errors
    /// See [`LinkRefusal`]. An account that vanished meanwhile counts as disabled.
    pub fn may_link(&self, client_id: &ClientId, from: IpAddr) -> Result<String, LinkRefusal> {
        let account = self.accounts.get(client_id).ok_or(LinkRefusal::Disabled)?;
        match account {
            account if !account.enabled => Err(LinkRefusal::Disabled),
            account if !account.permissions.ecm => Err(LinkRefusal::NoPermission),
            account if !account.allows(from) => Err(LinkRefusal::Address),
            account => Ok(account.ecm_group.clone()),
        }
    }

    /// Gives the account another secret, which invalidates every token it has (documented
    /// sra:§2.1).
    ///
    /// # Errors
    /// When no account has that client id.
    pub fn replace_secret(
        &mut self,
        client_id: &ClientId,
        secret: Digest,
    ) -> Result<(), UnknownAccount> {
        let account = self.get_mut(client_id)?;
        account.secret = secret;
        account.tokens.clear();
        Ok(())
    }

    /// Invalidates every token of the account and tells how many there were.
    ///
    /// # Errors
    /// When no account has that client id.
    pub fn revoke_tokens(&mut self, client_id: &ClientId) -> Result<usize, UnknownAccount> {
        let account = self.get_mut(client_id)?;
        let count = account.tokens.len();
        account.tokens.clear();
        Ok(count)
    }

    /// Sets the "Enabled" check box. Tokens stay as they are (assumed).
    ///
    /// # Errors
    /// When no account has that client id.
    pub fn set_enabled(
        &mut self,
        client_id: &ClientId,
        enabled: bool,
    ) -> Result<(), UnknownAccount> {
        self.get_mut(client_id)?.enabled = enabled;
        Ok(())
    }

    /// Grants or removes `perm_ecm`.
    ///
    /// # Errors
    /// When no account has that client id.
    pub fn set_ecm_permission(
        &mut self,
        client_id: &ClientId,
        allowed: bool,
    ) -> Result<(), UnknownAccount> {
        self.get_mut(client_id)?.permissions.ecm = allowed;
        Ok(())
    }

    fn get_mut(&mut self, client_id: &ClientId) -> Result<&mut ApiAccount, UnknownAccount> {
        self.accounts
            .get_mut(client_id)
            .ok_or_else(|| UnknownAccount(client_id.clone()))
    }
}

impl ApiAccount {
    /// An enabled account of the group `Default` without permissions and without tokens.
    #[must_use]
    pub fn new(client_id: ClientId, name: impl Into<String>, secret: Digest) -> Self {
        Self {
            client_id,
            name: name.into(),
            enabled: true,
            permissions: Permissions::default(),
            ecm_group: super::directory::DEFAULT_ECM_GROUP.to_owned(),
            addresses: Vec::new(),
            secret,
            failed_login_attempts: 0,
            tokens: VecDeque::new(),
            rate: RateWindow::default(),
        }
    }

    /// How many of its tokens are valid.
    #[must_use]
    pub fn valid_tokens(&self, now: SimTime) -> usize {
        self.tokens
            .iter()
            .filter(|token| token.expires_at > now)
            .count()
    }

    fn allows(&self, from: IpAddr) -> bool {
        self.addresses.is_empty() || self.addresses.iter().any(|range| range.contains(from))
    }

    fn has_token(&self, token: Digest, now: SimTime) -> bool {
        self.tokens
            .iter()
            .any(|held| held.expires_at > now && held.digest.same(&token))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv4Addr;

    use super::*;

    const NOW: SimTime = SimTime::SCENARIO_START;
    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn client() -> ClientId {
        ClientId("c0ffee".into())
    }

    fn accounts(change: impl FnOnce(&mut ApiAccount)) -> Accounts {
        let mut account = ApiAccount::new(client(), "ECM", Digest::of(b"right"));
        account.permissions.ecm = true;
        change(&mut account);
        let mut accounts = Accounts::new(TokenRules::default(), RateRules::default());
        accounts.add(account);
        accounts
    }

    fn issue(accounts: &mut Accounts, token: &str, now: SimTime) -> Result<u64, TokenRefusal> {
        let fresh = Digest::of(token.as_bytes());
        let right = Digest::of(b"right");
        accounts
            .issue_token(&client(), right, HERE, fresh, now)
            .map(|(lifetime_s, _)| lifetime_s)
    }

    fn valid(accounts: &mut Accounts, token: &str, now: SimTime) -> bool {
        accounts.bearer(Digest::of(token.as_bytes()), now).is_ok()
    }

    #[test]
    fn a_token_is_valid_for_an_hour_and_not_a_millisecond_longer() {
        let mut accounts = accounts(|_| {});
        assert_eq!(issue(&mut accounts, "t", NOW), Ok(3600));
        assert!(valid(
            &mut accounts,
            "t",
            NOW.plus(Duration::from_millis(3_599_999))
        ));
        assert!(!valid(
            &mut accounts,
            "t",
            NOW.plus(Duration::from_secs(3600))
        ));
        assert!(!valid(&mut accounts, "other", NOW));
    }

    #[test]
    fn the_thirty_first_token_invalidates_the_oldest() {
        let mut accounts = accounts(|_| {});
        for n in 0..30 {
            issue(&mut accounts, &format!("t{n}"), NOW).unwrap();
        }
        assert!(valid(&mut accounts, "t0", NOW));
        issue(&mut accounts, "t30", NOW).unwrap();
        assert!(!valid(&mut accounts, "t0", NOW));
        assert!(valid(&mut accounts, "t1", NOW));
        assert_eq!(accounts.get(&client()).unwrap().valid_tokens(NOW), 30);
    }

    #[test]
    fn expired_tokens_do_not_count_towards_the_thirty() {
        let mut accounts = accounts(|_| {});
        for n in 0..30 {
            issue(&mut accounts, &format!("old{n}"), NOW).unwrap();
        }
        let later = NOW.plus(Duration::from_secs(3600));
        for n in 0..30 {
            issue(&mut accounts, &format!("new{n}"), later).unwrap();
        }
        assert!(valid(&mut accounts, "new0", later));
    }

    #[test]
    fn another_secret_invalidates_every_token() {
        let mut accounts = accounts(|_| {});
        issue(&mut accounts, "a", NOW).unwrap();
        issue(&mut accounts, "b", NOW).unwrap();
        accounts
            .replace_secret(&client(), Digest::of(b"new"))
            .unwrap();
        assert!(!valid(&mut accounts, "a", NOW));
        assert!(!valid(&mut accounts, "b", NOW));
        assert_eq!(
            issue(&mut accounts, "c", NOW),
            Err(TokenRefusal::InvalidClient)
        );
    }

    #[test]
    fn who_does_not_know_the_secret_learns_nothing_about_the_account() {
        let mut accounts = accounts(|account| account.enabled = false);
        let wrong = Digest::of(b"wrong");
        let refused = accounts.issue_token(&client(), wrong, HERE, Digest::of(b"t"), NOW);
        assert_eq!(refused, Err(TokenRefusal::InvalidClient));
        assert_eq!(accounts.get(&client()).unwrap().failed_login_attempts, 1);
        assert_eq!(issue(&mut accounts, "t", NOW), Err(TokenRefusal::Disabled));
    }

    #[test]
    fn the_link_needs_an_enabled_account_the_permission_and_an_allowed_address() {
        let check = |change: fn(&mut ApiAccount), expected| {
            assert_eq!(accounts(change).may_link(&client(), HERE), expected);
        };
        check(|_| {}, Ok("Default".into()));
        check(
            |account| account.ecm_group = "Branch".into(),
            Ok("Branch".into()),
        );
        check(
            |account| account.enabled = false,
            Err(LinkRefusal::Disabled),
        );
        check(
            |account| account.permissions.ecm = false,
            Err(LinkRefusal::NoPermission),
        );
        let elsewhere = |account: &mut ApiAccount| {
            account.addresses = vec!["192.0.2.0/24".parse().unwrap()];
        };
        check(elsewhere, Err(LinkRefusal::Address));
        assert_eq!(
            issue(&mut accounts(elsewhere), "t", NOW),
            Err(TokenRefusal::Address)
        );
    }
}
