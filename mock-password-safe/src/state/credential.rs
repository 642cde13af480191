//! Reading a released credential, checking it in, and what rotation does. psafe:§2.5, §2.8, §4.5.

use sim_kit::clock::SimTime;

use super::State;
use super::ids::{AccountId, RequestId, SystemId, UserId, WorkgroupId};
use super::people::Role;
use super::refusal::{Refusal, SubCode};
use super::release::{Filing, Order, Release, Standing};
use super::vault::{Account, Password};
use crate::secret::Secret;

/// What of an account is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    #[default]
    Password,
    Key,
    Passphrase,
}

/// `documented psafe:DOC-cred`, in our words: the exact sentence is not public.
const NOT_RELEASED: &str =
    "Could not find the request to release. It may have already been released or has expired";

impl State {
    /// The credential of a request that the caller owns.
    pub(crate) fn credential(
        &mut self,
        user: UserId,
        id: RequestId,
        kind: CredentialKind,
        now: SimTime,
    ) -> Result<Secret, Refusal> {
        self.settle(now);
        let release = self
            .releases
            .get(id)
            .ok_or(Refusal::NotFound(NOT_RELEASED))?;
        if release.requestor != user {
            return Err(Refusal::NO_PERMISSION);
        }
        self.check_readable(release, now)?;
        let account = self
            .vault
            .accounts
            .get(&release.account)
            .ok_or(Refusal::NotFound(NOT_RELEASED))?;
        self.secret_of(account, kind)
    }

    /// Immediate access for ISA users: a release and its credential in one. `documented
    /// psafe:DOC-isa`.
    pub(crate) fn isa(
        &mut self,
        user: UserId,
        order: &Order,
        kind: CredentialKind,
        now: SimTime,
    ) -> Result<Secret, Refusal> {
        self.settle(now);
        let account = self.requestable(user, order.system, order.account)?;
        if !self.has_role(user, account, Role::is_isa) {
            return Err(Refusal::NO_PERMISSION);
        }
        let secret = self.secret_of(account, kind)?;
        self.check_room(1)?;
        let filing = Filing {
            user,
            order: Order {
                rotate_on_checkin: self.rules.isa_rotates,
                ..order.clone()
            },
            approvers_min: 0,
            renews: Vec::new(),
        };
        let set = self.mint.guid();
        self.releases.file(&filing, set, now);
        Ok(secret)
    }

    /// Gives a release back before its time.
    pub(crate) fn check_in(
        &mut self,
        user: UserId,
        id: RequestId,
        now: SimTime,
    ) -> Result<(), Refusal> {
        self.settle(now);
        let release = self.owned(user, id)?;
        if !release.is_live(now) {
            let again =
                release.standing == Standing::Released && self.rules.second_checkin_is_accepted;
            return if again {
                Ok(())
            } else {
                Err(Refusal::NotFound(NOT_RELEASED))
            };
        }
        let rotate = release.rotate_on_checkin;
        let released = self.releases.end(id, Standing::Released, now);
        self.rotate_after_release(released, rotate, now);
        Ok(())
    }

    /// Turns rotation on check-in back on. `documented psafe:DOC-new`.
    pub(crate) fn rotate_on_checkin(
        &mut self,
        user: UserId,
        id: RequestId,
        now: SimTime,
    ) -> Result<(), Refusal> {
        self.settle(now);
        if !self.owned(user, id)?.is_live(now) {
            return Err(Refusal::NotFound(NOT_RELEASED));
        }
        if let Some(release) = self.releases.get_mut(id) {
            release.rotate_on_checkin = true;
        }
        Ok(())
    }

    /// Ends every live release that `concerns` picks.
    pub(crate) fn terminate(&mut self, concerns: impl Fn(&Release) -> bool, now: SimTime) {
        let live = self.releases.live(now).into_iter();
        let doomed = live.filter(|release| concerns(release));
        let doomed = doomed.map(|release| release.id).collect();
        self.end_all(doomed, now);
    }

    /// Ends every live release of an account.
    pub(crate) fn terminate_account(&mut self, account: AccountId, now: SimTime) {
        let live = self.releases.live_of(account, now);
        let doomed = live.map(|release| release.id).collect();
        self.end_all(doomed, now);
    }

    /// Removes an account; its releases end.
    pub(crate) fn remove_account(&mut self, account: AccountId, now: SimTime) {
        self.terminate_account(account, now);
        self.vault.remove_account(account);
    }

    /// Removes every account of a system.
    pub(crate) fn remove_accounts_of(&mut self, system: SystemId, now: SimTime) {
        let accounts = self.vault.accounts_of(system);
        let accounts: Vec<_> = accounts.map(|account| account.id).collect();
        for account in accounts {
            self.remove_account(account, now);
        }
    }

    /// Manages a system no longer.
    pub(crate) fn remove_system(&mut self, system: SystemId, now: SimTime) {
        self.remove_accounts_of(system, now);
        self.vault.remove_system(system);
    }

    /// Ends these releases; their passwords rotate as the accounts say.
    fn end_all(&mut self, doomed: Vec<RequestId>, now: SimTime) {
        for id in doomed {
            let rotate = self
                .releases
                .get(id)
                .is_some_and(|release| release.rotate_on_checkin);
            let released = self.releases.end(id, Standing::Ended, now);
            self.rotate_after_release(released, rotate, now);
        }
    }

    /// Ends the releases whose time is up, each when it was; their passwords rotate as the accounts
    /// say.
    pub(crate) fn settle(&mut self, now: SimTime) {
        for (at, id) in self.releases.overdue(now) {
            self.end_all(vec![id], at);
        }
    }

    /// Gives the account a new password. False when there is no such account.
    pub(crate) fn rotate(&mut self, id: AccountId, now: SimTime) -> bool {
        let Some(account) = self.vault.accounts.get_mut(&id) else {
            return false;
        };
        let generation = match account.password {
            Password::Planted(_) => 1,
            Password::Minted { generation } => generation.saturating_add(1),
        };
        account.password = Password::Minted { generation };
        account.changed_at = Some(now);
        true
    }

    /// Stores what somebody set by hand.
    pub(crate) fn set_credentials(
        &mut self,
        id: AccountId,
        password: Option<Secret>,
        key: Option<Secret>,
        passphrase: Option<Secret>,
        now: SimTime,
    ) -> bool {
        let Some(account) = self.vault.accounts.get_mut(&id) else {
            return false;
        };
        if let Some(password) = password {
            account.password = Password::Planted(password.into());
        }
        if let Some(key) = key {
            account.rare_mut().key = Some(key);
        }
        if let Some(passphrase) = passphrase {
            account.rare_mut().passphrase = Some(passphrase);
        }
        account.changed_at = Some(now);
        true
    }

    /// A credential of an account, whoever asks.
    pub(crate) fn secret_of(
        &self,
        account: &Account,
        kind: CredentialKind,
    ) -> Result<Secret, Refusal> {
        match kind {
            CredentialKind::Password => Ok(match &account.password {
                Password::Planted(secret) => Secret::clone(secret),
                Password::Minted { generation } => self.mint.password(account.id, *generation),
            }),
            CredentialKind::Key => account
                .rare()
                .key
                .clone()
                .ok_or(Refusal::NotFound("DSS Key not found")),
            CredentialKind::Passphrase => account
                .rare()
                .passphrase
                .clone()
                .ok_or(Refusal::NotFound("DSS Key passphrase not found")),
        }
    }

    /// The account of this system and name, for whoever plants or inspects credentials: the system's
    /// own, or else one that is linked to it.
    pub(crate) fn account_named(&self, system: &str, account: &str) -> Option<&Account> {
        let systems = self.vault.systems_named(system).map(|system| system.id);
        self.account_on(systems.collect(), account)
    }

    /// The same, of a system in a workgroup. One that is in none counts as in the first (assumed).
    pub(crate) fn account_in(
        &self,
        group: WorkgroupId,
        system: &str,
        account: &str,
    ) -> Option<&Account> {
        let first = self.vault.workgroups.keys().next().copied();
        let systems = self.vault.systems_named(system);
        let inside = systems.filter(|system| system.workgroup.or(first) == Some(group));
        self.account_on(inside.map(|system| system.id).collect(), account)
    }

    fn account_on(&self, systems: Vec<SystemId>, account: &str) -> Option<&Account> {
        let linked = systems.clone().into_iter();
        let linked = linked.flat_map(|system| self.vault.linked_accounts(system));
        let own = self.vault.accounts_near(systems, account);
        own.chain(linked).find(|found| found.goes_by(account))
    }

    /// Rotates what [`super::release::Releases::end`] says was released, where account and request want it.
    pub(crate) fn rotate_after_release(
        &mut self,
        released: Option<AccountId>,
        wanted: bool,
        now: SimTime,
    ) {
        let Some(id) = released.filter(|_| wanted) else {
            return;
        };
        let rotates = self
            .vault
            .accounts
            .get(&id)
            .is_some_and(|account| account.rotates_after_release && account.auto_management);
        if rotates {
            self.rotate(id, now);
        }
    }

    fn owned(&self, user: UserId, id: RequestId) -> Result<&Release, Refusal> {
        let release = self
            .releases
            .get(id)
            .ok_or(Refusal::NotFound(NOT_RELEASED))?;
        if release.requestor == user {
            Ok(release)
        } else {
            Err(Refusal::NO_PERMISSION)
        }
    }

    fn check_readable(&self, release: &Release, now: SimTime) -> Result<(), Refusal> {
        match release.standing {
            _ if release.is_active(now) => Ok(()),
            Standing::Approved | Standing::Pending if release.is_live(now) => {
                Err(Refusal::Forbidden(SubCode::NotApproved))
            }
            Standing::Denied if self.rules.denied_credential_is_forbidden => {
                Err(Refusal::NO_PERMISSION)
            }
            _ => Err(Refusal::NotFound(NOT_RELEASED)),
        }
    }
}
