//! `Authenticate`, `AuthenticateRADIUS` and what follows from a log-on (soap:§3.1, soap:§3.2).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sim_kit::clock::SimTime;

use super::answer::{Answer, TokenIsValidResult, UserInfoResult};
use super::contents::TwoFactor;
use super::model::{Account, Lock, UserSlot};
use super::refusal::{Refusal, RefusalKind};
use super::sessions::Purpose;
use super::text::SecretText;
use super::{Caller, Vault};
use crate::settings::IpRestriction;

const DAY: Duration = Duration::from_secs(86_400);

/// What a caller presents at log-on.
#[derive(Clone, Debug, Default)]
pub(super) struct Credentials {
    pub(super) username: Option<String>,
    pub(super) password: Option<SecretText>,
    pub(super) organization: Option<String>,
    pub(super) domain: Option<String>,
    /// Set by `AuthenticateRADIUS`, where null counts as empty.
    pub(super) radius: Option<SecretText>,
}

/// What a person enters at the pages.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// User name without the domain.
    pub username: String,
    /// The domain; none for a local account.
    pub domain: Option<String>,
    /// The password.
    pub password: SecretText,
    /// The second factor's code, or the answer to its challenge.
    pub code: Option<SecretText>,
}

/// Which door the caller stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    WebService,
    Pages,
}

impl Vault {
    pub(super) fn authenticate(
        &mut self,
        credentials: &Credentials,
        now: SimTime,
        from: IpAddr,
    ) -> Result<Answer, Refusal> {
        let user = self.log_on(credentials, Door::WebService, now, from)?;
        Ok(Answer::Authenticate(self.issue_token(user, None, now)))
    }

    /// Signs a user in to the pages: the name by which [`super::Operate`] knows them, and what the
    /// cookie carries, which opens nothing but the pages. Wrong passwords and codes count towards
    /// the same lock-out as those at the web service (documented soap:§3.1). Accounts for programs
    /// have no pages (documented soap:§3.1), and the pages answer whether or not the web service
    /// does.
    ///
    /// # Errors
    /// The text of the log-in page.
    pub fn sim_sign_in(
        &mut self,
        by: SignIn,
        now: SimTime,
        from: IpAddr,
    ) -> Result<(Arc<str>, SecretText), Refusal> {
        let credentials = Credentials {
            username: Some(by.username),
            password: Some(by.password),
            organization: None,
            domain: by.domain,
            radius: by.code,
        };
        let user = self.log_on(&credentials, Door::Pages, now, from)?;
        let cookie = self.open_session(user, Purpose::Pages, now);
        Ok((self.directory.known_as(user), cookie))
    }

    /// Who is signed in to the pages with what [`Vault::sim_sign_in`] gave.
    #[must_use]
    pub fn sim_signed_in(&self, cookie: &str, now: SimTime, from: IpAddr) -> Option<Arc<str>> {
        let session = self.sessions.peek(cookie, now)?;
        let user = self.directory.user(session.user);
        let stays = session.purpose == Purpose::Pages
            && user.enabled
            && (self.settings.ip_restriction == IpRestriction::LogOn
                || self.allows(session.user, from));
        stays.then(|| self.directory.known_as(session.user))
    }

    pub(super) fn issue_token(
        &mut self,
        user: UserSlot,
        via: Option<UserSlot>,
        now: SimTime,
    ) -> SecretText {
        self.open_session(user, Purpose::WebService { via }, now)
    }

    fn open_session(&mut self, user: UserSlot, purpose: Purpose, now: SimTime) -> SecretText {
        let token = self.source.token();
        let lifetime = self.token_lifetime();
        self.sessions
            .open(token.clone(), user, purpose, now, lifetime);
        token
    }

    /// Whether calls of this account may come from there.
    pub(super) fn allows(&self, user: UserSlot, from: IpAddr) -> bool {
        address_allowed(&self.settings.ip_allow, from)
            && address_allowed(&self.directory.user(user).ip_allow, from)
    }

    /// The account that a log-on or an impersonation names.
    pub(super) fn named_at_log_on(&self, name: &str, domain: Option<&str>) -> Option<UserSlot> {
        let slot = self.directory.by_log_on(name, domain)?;
        let by_case = self.settings.user_names_case_sensitive;
        (!by_case || self.directory.is_written(slot, name, domain)).then_some(slot)
    }

    pub(super) fn token_lifetime(&self) -> Option<Duration> {
        match self.settings.token_lifetime_minutes {
            0 => None,
            minutes => Some(Duration::from_secs(60 * u64::from(minutes))),
        }
    }

    pub(super) fn get_token_is_valid(&self) -> Answer {
        Answer::TokenIsValid(TokenIsValidResult {
            max_offline_seconds: self.settings.max_offline_seconds,
            version: self.version(),
        })
    }

    pub(super) fn version(&self) -> Arc<str> {
        self.settings.version.as_str().into()
    }

    pub(super) fn who_am_i(&self, caller: &Caller) -> Answer {
        let user = self.directory.user(caller.user);
        let domain = self.directory.domain_of(caller.user);
        Answer::UserInfo(UserInfoResult {
            display_name: Some(Arc::clone(&user.display_name)),
            user_name: Some(Arc::clone(&user.user_name)),
            known_as: Some(self.directory.known_as(caller.user)),
            user_id: user.id,
            domain_id: domain.map_or(-1, |domain| domain.id),
            domain_name: domain.map(|domain| Arc::clone(&domain.name)),
        })
    }

    /// `ChangePassword`: local accounts only, since a domain keeps its own passwords (assumed).
    pub(super) fn change_password(
        &mut self,
        caller: &Caller,
        current: Option<&SecretText>,
        new: Option<SecretText>,
    ) -> Result<Answer, Refusal> {
        let user = self.directory.user_mut(caller.user);
        if user.domain.is_some() {
            return Err(Refusal::new(RefusalKind::AccessDenied, "Access Denied"));
        }
        if current.is_none() || user.password.as_ref() != current {
            return Err(Refusal::new(
                RefusalKind::WrongPassword,
                "Current password is incorrect.",
            ));
        }
        let Some(new) = new.filter(|new| !new.is_empty()) else {
            let text = "Password does not meet the password requirements.";
            return Err(Refusal::new(RefusalKind::BadValue, text));
        };
        user.set_password(new, caller.now);
        Ok(Answer::WebService)
    }

    /// Whether `organization` is one that this edition accepts (documented soap:§3.1).
    pub(super) fn accepts_organization(&self, organization: Option<&str>) -> bool {
        match organization {
            None | Some("") => true,
            Some(code) => code.eq_ignore_ascii_case(&self.settings.organization),
        }
    }

    fn log_on(
        &mut self,
        credentials: &Credentials,
        door: Door,
        now: SimTime,
        from: IpAddr,
    ) -> Result<UserSlot, Refusal> {
        if !self.accepts_organization(credentials.organization.as_deref()) {
            return Err(self.log_in_failed(RefusalKind::OrganizationNamed));
        }
        if !address_allowed(&self.settings.ip_allow, from) {
            return Err(self.ip_not_allowed());
        }
        let name = credentials.username.as_deref().unwrap_or_default();
        let Some(slot) = self.named_at_log_on(name, credentials.domain.as_deref()) else {
            return Err(self.log_in_failed(RefusalKind::UnknownUser));
        };
        let user = self.directory.user_mut(slot);
        if !user.enabled || (door == Door::Pages && user.application_account) {
            return Err(self.log_in_failed(RefusalKind::DisabledUser));
        }
        if user.still_locked(now) {
            return Err(self.log_in_failed(RefusalKind::LockedOut));
        }
        if !address_allowed(&user.ip_allow, from) {
            return Err(self.ip_not_allowed());
        }
        if user.password.is_none() || user.password != credentials.password {
            self.count_failure(slot, now);
            return Err(self.log_in_failed(RefusalKind::WrongPassword));
        }
        if self.password_expired(slot, now) {
            let text = self.settings.expired_password_text.clone();
            return Err(Refusal::new(RefusalKind::PasswordExpired, text));
        }
        self.second_factor(slot, door, credentials.radius.as_ref(), now)?;
        self.directory.user_mut(slot).failed_attempts = 0;
        Ok(slot)
    }

    /// The second factor, where the account wants one at this door. RADIUS is the only one that the
    /// web service takes (documented soap:§3.1), and the only one that the pages here know. A code
    /// from a user without a second factor is not looked at (assumed).
    fn second_factor(
        &mut self,
        slot: UserSlot,
        door: Door,
        given: Option<&SecretText>,
        now: SimTime,
    ) -> Result<(), Refusal> {
        let user = self.directory.user_mut(slot);
        let wanted = match door {
            Door::WebService => matches!(user.two_factor, TwoFactor::WebService | TwoFactor::Both),
            Door::Pages => matches!(user.two_factor, TwoFactor::Web | TwoFactor::Both),
        };
        if !wanted {
            return Ok(());
        }
        let (Some(given), Some(radius)) = (given, user.radius.as_mut()) else {
            return Err(self.log_in_failed(RefusalKind::SecondFactorRequired));
        };
        if std::mem::take(&mut radius.challenged) {
            if radius.challenge_answer.as_ref() == Some(given) {
                return Ok(());
            }
        } else if radius.code == *given {
            if radius.challenge_answer.is_none() {
                return Ok(());
            }
            radius.challenged = true;
            let text = "RadiusUSAccessChallenge";
            return Err(Refusal::new(RefusalKind::RadiusChallenge, text));
        }
        self.count_failure(slot, now);
        Err(self.log_in_failed(RefusalKind::WrongRadiusCode))
    }

    fn count_failure(&mut self, slot: UserSlot, now: SimTime) {
        let limit = self.settings.lock_out_attempts;
        let minutes = self.settings.lock_out_minutes;
        let user = self.directory.user_mut(slot);
        user.failed_attempts = user.failed_attempts.saturating_add(1);
        if limit > 0 && user.failed_attempts >= limit {
            let span = Duration::from_secs(60 * u64::from(minutes));
            user.locked = Some(Lock {
                until: (minutes > 0).then(|| now.plus(span)),
            });
        }
    }

    fn password_expired(&self, slot: UserSlot, now: SimTime) -> bool {
        let user = self.directory.user(slot);
        let days = self.settings.local_password_expiry_days;
        let aged = days > 0 && now.since(user.password_set_at) >= DAY * days;
        user.domain.is_none() && (aged || user.password_expired)
    }

    fn log_in_failed(&self, kind: RefusalKind) -> Refusal {
        let settings = &self.settings;
        let text = match kind {
            RefusalKind::DisabledUser => &settings.disabled_account_text,
            RefusalKind::LockedOut => &settings.locked_account_text,
            RefusalKind::SecondFactorRequired => &settings.second_factor_text,
            _ => &settings.login_failed_text,
        };
        Refusal::new(kind, text.clone())
    }

    pub(super) fn ip_not_allowed(&self) -> Refusal {
        Refusal::new(
            RefusalKind::IpNotAllowed,
            self.settings.ip_not_allowed_text.clone(),
        )
    }
}

impl Account {
    /// Gives the account a password, fresh as of `now`.
    pub(super) fn set_password(&mut self, password: SecretText, now: SimTime) {
        self.password = Some(password);
        self.password_set_at = now;
        self.password_expired = false;
    }

    /// Whether the account is locked; a lock whose time has passed goes away.
    fn still_locked(&mut self, now: SimTime) -> bool {
        match self.locked {
            Some(Lock { until: Some(until) }) if now >= until => {
                self.locked = None;
                self.failed_attempts = 0;
                false
            }
            locked => locked.is_some(),
        }
    }
}

fn address_allowed(ranges: &[crate::settings::IpRange], from: IpAddr) -> bool {
    ranges.is_empty() || ranges.iter().any(|range| range.contains(from))
}
