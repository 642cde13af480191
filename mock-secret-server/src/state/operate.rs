//! What people do to the vault by other ways than the web service: users on their pages,
//! administrators, the password changer. None of it is an operation of the vendor's SOAP service.
//!
//! Users are named as `alice`, `acme.example\bob`, `ACME\bob` or `bob@acme.example`.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use sim_kit::clock::SimTime;
use thiserror::Error;

use super::approval::{REQUESTS_MAX, Response};
use super::model::{Account, SecretSlot, UserSlot};
use super::refusal::RefusalKind;
use super::role::RolePermission;
use super::sessions::Purpose;
use super::text::SecretText;
use super::trust::{Bond, Trust};
use super::{Caller, Vault};
use crate::settings::LiveTokens;

/// An act of a person or of the product itself.
#[derive(Clone, Debug)]
pub enum Operate {
    /// `user` lets the API account `caller` act for them, asked or in advance.
    ApproveImpersonation {
        /// The API account.
        caller: String,
        /// The user.
        user: String,
    },
    /// `user` refuses an open request of `caller`.
    DenyImpersonation {
        /// The API account.
        caller: String,
        /// The user.
        user: String,
    },
    /// `user` takes an approval back.
    RevokeImpersonation {
        /// The API account.
        caller: String,
        /// The user.
        user: String,
    },
    /// A token dies now.
    ExpireToken {
        /// The token.
        token: SecretText,
    },
    /// Every token in a user's context dies now.
    ExpireTokensOf {
        /// The user.
        user: String,
    },
    /// A user files a request for access to a secret.
    FileAccessRequest {
        /// The secret.
        secret_id: i32,
        /// The requester.
        user: String,
        /// Why.
        reason: String,
    },
    /// An approver answers a request for access.
    AnswerAccessRequest {
        /// Id of the request.
        approval_id: String,
        /// Who answers; they must be one of the secret's approvers. Nobody: whoever holds the id.
        approver: Option<String>,
        /// False denies.
        approve: bool,
        /// Hours of the approval; the setting's when absent.
        hours: Option<u32>,
        /// What the approver writes.
        comment: Option<String>,
    },
    /// A requester takes a request for access back (documented soap:§3.8 as a state).
    CancelAccessRequest {
        /// Id of the request.
        approval_id: String,
    },
    /// A secret comes back from whoever holds it.
    ForceCheckIn {
        /// The secret.
        secret_id: i32,
    },
    /// The password of a secret changes now, whatever stands in the way.
    RotatePassword {
        /// The secret.
        secret_id: i32,
    },
    /// A secret is deleted, or brought back.
    SetSecretActive {
        /// The secret.
        secret_id: i32,
        /// False deletes.
        active: bool,
    },
    /// A launcher opens a session: the secret is checked out, and a session key given.
    Launch {
        /// The secret.
        secret_id: i32,
        /// Who launches.
        user: String,
    },
    /// An account may log on, or may not.
    SetUserEnabled {
        /// The user.
        user: String,
        /// False disables.
        enabled: bool,
    },
    /// A locked account is unlocked.
    UnlockUser {
        /// The user.
        user: String,
    },
    /// An account has another password from now on.
    SetPassword {
        /// The user.
        user: String,
        /// The new password.
        password: SecretText,
    },
    /// A role permits something, or does not any more.
    SetRolePermission {
        /// The role's name.
        role: String,
        /// What it permits.
        permission: RolePermission,
        /// False takes it away.
        granted: bool,
    },
    /// A local password expires now.
    ExpirePassword {
        /// The user.
        user: String,
    },
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Operated {
    /// It is done.
    Done,
    /// So many tokens died.
    Ended(usize),
    /// A request was filed under this id.
    Filed(String),
    /// A session was opened under this key.
    Launched(SecretText),
}

/// Why it did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OperateError {
    /// There is no such user.
    #[error("find user `{0}`; write it as `alice`, `acme.example\\alice` or `alice@acme.example`")]
    NoUser(String),
    /// There is no such secret.
    #[error("find secret {0}")]
    NoSecret(i32),
    /// There is no such role.
    #[error("find role `{0}`")]
    NoRole(String),
    /// The trust is not in a state that allows it.
    #[error("{act} the trust of `{user}` in `{caller}`: it is {state}, not {wanted}")]
    WrongTrust {
        /// What was tried.
        act: &'static str,
        /// The API account.
        caller: String,
        /// The user.
        user: String,
        /// Where the trust stands.
        state: &'static str,
        /// Where it would have to stand.
        wanted: &'static str,
    },
    /// There is no such request for access.
    #[error("find access request `{0}`")]
    NoRequest(String),
    /// The request for access is closed.
    #[error("cancel access request `{0}`: it is {1}")]
    ClosedRequest(String, &'static str),
    /// The user is no approver of the secret.
    #[error("answer access request `{0}` as `{1}`, who is no approver of its secret")]
    NoApprover(String, String),
    /// The answer was refused, in the product's words.
    #[error("answer access request `{0}`: {1}")]
    Unanswered(String, String),
    /// The token is not live.
    #[error("end a token that is not live")]
    NoToken,
    /// Somebody else holds the secret.
    #[error("launch secret {0}, which somebody else holds")]
    Held(i32),
    /// Too many requests are on file.
    #[error("file another access request: {REQUESTS_MAX} are on file; reset the vault")]
    Full,
}

impl Vault {
    /// Carries out an act.
    ///
    /// # Errors
    /// When it names something that is not there, or comes at the wrong time.
    pub fn operate(&mut self, act: Operate, now: SimTime) -> Result<Operated, OperateError> {
        match act {
            Operate::ApproveImpersonation { caller, user } => {
                self.bond(&caller, &user)?.approve();
                Ok(Operated::Done)
            }
            Operate::DenyImpersonation { caller, user } => self.deny(caller, user),
            Operate::RevokeImpersonation { caller, user } => self.revoke(caller, user),
            Operate::ExpireToken { token } if self.sessions.end(token.expose()) => {
                Ok(Operated::Ended(1))
            }
            Operate::ExpireToken { .. } => Err(OperateError::NoToken),
            Operate::ExpireTokensOf { user } => {
                let user = self.named_user(&user)?;
                Ok(Operated::Ended(
                    self.sessions.end_where(|one| one.user == user),
                ))
            }
            Operate::FileAccessRequest {
                secret_id,
                user,
                reason,
            } => {
                let (slot, user) = (self.named_secret(secret_id)?, self.named_user(&user)?);
                if self.requests.len() >= REQUESTS_MAX {
                    return Err(OperateError::Full);
                }
                Ok(Operated::Filed(self.file_request(slot, user, &reason, now)))
            }
            Operate::AnswerAccessRequest {
                approval_id,
                approver,
                approve,
                hours,
                comment,
            } => {
                let response = Response {
                    approve,
                    hours: hours.map(|hours| hours.to_string()),
                    user_override: false,
                    by: match &approver {
                        Some(name) => Some(self.approver(name, &approval_id)?),
                        None => None,
                    },
                    comment: comment.map(Arc::from),
                };
                self.answer_request(&approval_id, response, now)
                    .map(|_| Operated::Done)
                    .map_err(|refusal| match refusal.kind {
                        RefusalKind::NotFound => OperateError::NoRequest(approval_id),
                        _ => OperateError::Unanswered(approval_id, refusal.text.into_owned()),
                    })
            }
            Operate::CancelAccessRequest { approval_id } => {
                match self.cancel_request(&approval_id) {
                    Ok(()) => Ok(Operated::Done),
                    Err(None) => Err(OperateError::NoRequest(approval_id)),
                    Err(Some(status)) => {
                        Err(OperateError::ClosedRequest(approval_id, status.name()))
                    }
                }
            }
            Operate::ForceCheckIn { secret_id } => self.force_check_in(secret_id, now),
            Operate::RotatePassword { secret_id } => {
                let slot = self.named_secret(secret_id)?;
                self.rotate(slot);
                Ok(Operated::Done)
            }
            Operate::SetSecretActive { secret_id, active } => {
                let slot = self.named_secret(secret_id)?;
                self.secret_mut(slot).active = active;
                Ok(Operated::Done)
            }
            Operate::Launch { secret_id, user } => self.launch(secret_id, &user, now),
            Operate::SetUserEnabled { user, enabled } => {
                self.change_account(&user, |account| account.enabled = enabled)
            }
            Operate::UnlockUser { user } => self.change_account(&user, |account| {
                account.locked = None;
                account.failed_attempts = 0;
            }),
            Operate::SetPassword { user, password } => self.change_account(&user, |account| {
                account.set_password(password, now);
            }),
            Operate::ExpirePassword { user } => {
                self.change_account(&user, |account| account.password_expired = true)
            }
            Operate::SetRolePermission {
                role,
                permission,
                granted,
            } => self.set_role_permission(role, permission, granted),
        }
    }

    fn change_account(
        &mut self,
        user: &str,
        change: impl FnOnce(&mut Account),
    ) -> Result<Operated, OperateError> {
        let slot = self.named_user(user)?;
        change(self.directory.user_mut(slot));
        Ok(Operated::Done)
    }

    fn set_role_permission(
        &mut self,
        role: String,
        permission: RolePermission,
        granted: bool,
    ) -> Result<Operated, OperateError> {
        let Some(found) = self.directory.role_mut(&role) else {
            return Err(OperateError::NoRole(role));
        };
        found.permissions.retain(|&one| one != permission);
        if granted {
            found.permissions.push(permission);
        }
        Ok(Operated::Done)
    }

    fn bond(&mut self, caller: &str, user: &str) -> Result<&mut Bond, OperateError> {
        let pair = (self.named_user(caller)?, self.named_user(user)?);
        Ok(self.bonds.entry(pair).or_default())
    }

    fn deny(&mut self, caller: String, user: String) -> Result<Operated, OperateError> {
        let bond = self.bond(&caller, &user)?;
        if bond.deny() {
            return Ok(Operated::Done);
        }
        let (state, wanted) = (bond.state().name(), Trust::Pending.name());
        Err(OperateError::WrongTrust {
            act: "deny",
            caller,
            user,
            state,
            wanted,
        })
    }

    fn revoke(&mut self, caller: String, user: String) -> Result<Operated, OperateError> {
        let bond = self.bond(&caller, &user)?;
        if !bond.revoke() {
            let (state, wanted) = (bond.state().name(), Trust::Approved.name());
            return Err(OperateError::WrongTrust {
                act: "revoke",
                caller,
                user,
                state,
                wanted,
            });
        }
        if self.settings.live_tokens_on_revoke == LiveTokens::Keep {
            return Ok(Operated::Ended(0));
        }
        let (via, user) = (self.named_user(&caller)?, self.named_user(&user)?);
        let acting = Purpose::WebService { via: Some(via) };
        let ended = self
            .sessions
            .end_where(|one| one.user == user && one.purpose == acting);
        Ok(Operated::Ended(ended))
    }

    fn force_check_in(&mut self, id: i32, now: SimTime) -> Result<Operated, OperateError> {
        let slot = self.named_secret(id)?;
        self.settle(slot, now);
        if let Some(held) = self.secret(slot).check_out() {
            self.give_back(&operator(held.holder, now), slot, "FORCE CHECKIN");
        }
        Ok(Operated::Done)
    }

    fn launch(&mut self, id: i32, user: &str, now: SimTime) -> Result<Operated, OperateError> {
        let (slot, user) = (self.named_secret(id)?, self.named_user(user)?);
        self.settle(slot, now);
        if self
            .secret(slot)
            .check_out()
            .is_some_and(|held| held.holder != user)
        {
            return Err(OperateError::Held(id));
        }
        self.check_out(&operator(user, now), slot);
        let key = SecretText::from(self.source.guid());
        self.launches.insert(key.clone(), (slot, user));
        Ok(Operated::Launched(key))
    }

    fn approver(&self, name: &str, approval_id: &str) -> Result<UserSlot, OperateError> {
        let user = self.named_user(name)?;
        if self.may_answer(user, approval_id) {
            return Ok(user);
        }
        Err(OperateError::NoApprover(
            approval_id.to_owned(),
            name.to_owned(),
        ))
    }

    fn named_user(&self, text: &str) -> Result<UserSlot, OperateError> {
        self.directory
            .by_text(text)
            .ok_or_else(|| OperateError::NoUser(text.to_owned()))
    }

    fn named_secret(&self, id: i32) -> Result<SecretSlot, OperateError> {
        self.slot_of(id).ok_or(OperateError::NoSecret(id))
    }
}

fn operator(user: UserSlot, now: SimTime) -> Caller {
    Caller {
        user,
        via: None,
        from: IpAddr::V4(Ipv4Addr::LOCALHOST),
        now,
    }
}
