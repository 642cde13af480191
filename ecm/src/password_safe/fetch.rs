//! One credential: request, approval where the policy wants it, reading; and the check-in at session
//! end. Request and reading are two round trips, and nothing else stands in an answer's way.

use futures_util::future::join3;
use http::{Method, StatusCode};
use zeroize::Zeroizing;

use super::client::{Call, CallError, Refusal};
use super::conversation::Conversation;
use super::credential_id::CredentialId;
use super::releases::{Holder, Releases};
use super::sessions::Sessions;
use super::settings::{CheckIn, Settings};
use super::trouble;
use super::wire::{self, NewRequest, RequestRow};
use crate::error::{PluginError, shortened};
use crate::plugin::{CredentialPackage, CredentialProof, JumpItemType, Product, Session};
use crate::secret::Secret;
use crate::trace::Trace;

/// Longest reason that the API takes (documented psafe:DOC-req), less the mark of a cut.
const REASON_CHARS_MAX: usize = 999;

/// Sub-code of a request that waits for its approval (documented psafe:§3).
const NOT_YET_APPROVED: u16 = 4034;

/// What one credential of one session needs.
pub(super) struct Exchange<'a> {
    pub(super) sessions: &'a Sessions,
    pub(super) settings: &'a Settings,
    pub(super) releases: &'a Releases,
    pub(super) session: &'a Session,
    pub(super) id: CredentialId,
    pub(super) holder: Holder,
}

/// The request that stands for this session's release.
struct Request {
    id: i32,
    /// Whether it was there before.
    reused: bool,
}

impl<'a> Exchange<'a> {
    async fn conversation(&self) -> Result<Conversation<'a>, PluginError> {
        let (sessions, user) = (self.sessions, &self.session.user);
        Conversation::of_console_user(sessions, self.settings, user, Trace::default()).await
    }

    /// Gets the credential, approved by the Global Approver if need be.
    pub(super) async fn fetch(&self) -> Result<CredentialPackage, PluginError> {
        let user = self.conversation().await?;
        let mut request = self.request(&user).await?;
        let mut read = self.read(&user, request.id).await;
        if request.reused && refusal(&read).is_some_and(|no| no.status == StatusCode::NOT_FOUND) {
            // It ran out between the two calls.
            request = self.request(&user).await?;
            read = self.read(&user, request.id).await;
        }
        if is_pending(&read) {
            read = self.read_approved(&user, request.id).await;
        }
        if is_pending(&read) {
            // Nothing was released, so nothing is owed; the request stays for the next attempt.
            self.releases.leave(&self.holder);
        }
        Ok(CredentialPackage {
            username: self.id.username.clone(),
            domain: self.id.domain.clone(),
            proof: read?,
        })
    }

    /// Requests the release; `reuse` gives a request that the user already has (documented
    /// psafe:§4.4), so that parallel fetches do not conflict.
    async fn request(&self, user: &Conversation<'_>) -> Result<Request, PluginError> {
        let reason = self.reason();
        let duration = self.settings.release_duration_min;
        let body = NewRequest {
            access_type: "View",
            system_id: self.id.system_id,
            account_id: self.id.account_id,
            application_id: self.id.application_id,
            // More than the account allows would be refused (assumed psafe:§4.3).
            duration_minutes: self
                .id
                .release_max_min
                .map_or(duration, |max| duration.min(max)),
            reason: &reason,
            conflict_option: "reuse",
        }
        .body();
        let call = Call::send("Requests", Method::POST, "Requests", Some(body));
        let answer = match user.call(call.clone()).await {
            Err(CallError::Refused(no)) if no.status == StatusCode::CONFLICT => {
                if let Some(own) = self.own_request(user).await? {
                    self.releases.hold(
                        own.request_id,
                        is_reason(&own, &reason),
                        self.holder.clone(),
                    );
                    return Ok(Request {
                        id: own.request_id,
                        reused: true,
                    });
                }
                // The other request may have ended in between.
                user.call(call).await?
            }
            answer => answer?,
        };
        let id = answer.read(wire::request_id)?;
        // 200 is an old request, 201 a new one (vendor-client psafe:C#-V3).
        let created = answer.status == StatusCode::CREATED;
        self.releases.hold(id, created, self.holder.clone());
        Ok(Request {
            id,
            reused: !created,
        })
    }

    /// The user's own request for the account, if a conflict was about that one.
    async fn own_request(
        &self,
        user: &Conversation<'_>,
    ) -> Result<Option<RequestRow>, PluginError> {
        let rows = self.requests(user, "all").await?;
        Ok(rows
            .into_iter()
            .find(|row| row.views(self.id.system_id, self.id.account_id)))
    }

    async fn requests(
        &self,
        user: &Conversation<'_>,
        status: &str,
    ) -> Result<Vec<RequestRow>, PluginError> {
        let query = [("status", status), ("queue", "req")];
        let answer = user.call(Call::get("Requests", "Requests", &query)).await?;
        Ok(answer.read(wire::requests)?)
    }

    /// Approves as the Global Approver, in a session of that user, and reads again.
    async fn read_approved(
        &self,
        user: &Conversation<'_>,
        request_id: i32,
    ) -> Result<CredentialProof, CallError> {
        let Some(name) = &self.settings.global_approver else {
            return Err(pending_refusal());
        };
        let approver = Conversation::of_approver(self.sessions, name).await?;
        let endpoint = format!("Requests/{request_id}/Approve");
        let body = wire::reason_body(&self.reason());
        let call = Call::send("Approve", Method::PUT, &endpoint, Some(body));
        let approval = approver.call(call).await;
        let approval_refused = match approval {
            Ok(_) => None,
            Err(CallError::Refused(no)) => Some(no),
            Err(failed) => return Err(failed),
        };
        // A refused approval may mean that somebody else was faster.
        let read = self.read(user, request_id).await;
        match approval_refused {
            Some(no) if is_pending(&read) => {
                self.releases.leave(&self.holder);
                Err(trouble::approver_refused(name, &no).into())
            }
            None if is_pending(&read) => {
                self.releases.leave(&self.holder);
                Err(trouble::pending(true).into())
            }
            _ => read,
        }
    }

    /// Reads the password; for a shell, whatever proves the account there. Key and passphrase are
    /// asked for beside the password, since no list says what an account has.
    async fn read(
        &self,
        user: &Conversation<'_>,
        request_id: i32,
    ) -> Result<CredentialProof, CallError> {
        if !wants_key(self.session.jump_item.item_type) {
            return match read_one(user, request_id, &[]).await? {
                Some(password) => Ok(CredentialProof::UsernamePassword { password }),
                None => Err(trouble::nothing_there().into()),
            };
        }
        let (password, private_key, passphrase) = join3(
            read_one(user, request_id, &[]),
            read_one(user, request_id, &[("type", "dsskey")]),
            read_one(user, request_id, &[("type", "passphrase")]),
        )
        .await;
        match (or_absent(private_key)?, password) {
            (Some(private_key), password) => Ok(CredentialProof::SshKey {
                private_key,
                passphrase: or_absent(passphrase)?,
                certificate: None,
                password: or_absent(password)?,
            }),
            (None, Ok(Some(password))) => Ok(CredentialProof::UsernamePassword { password }),
            (None, Ok(None)) => Err(trouble::nothing_there().into()),
            (None, Err(error)) => Err(error),
        }
    }

    /// Gives the release back. Only requests that this integration made are checked in, and only
    /// when no other session uses them.
    pub(super) async fn release(&self) -> Result<(), PluginError> {
        let left = self.releases.leave(&self.holder);
        if self.settings.check_in == CheckIn::Never || (left.known && left.unused.is_empty()) {
            return Ok(());
        }
        let checked_in = self.check_in(left.known.then_some(&left.unused)).await;
        if checked_in.is_err() {
            for request_id in left.unused {
                self.releases.hold(request_id, true, self.holder.clone());
            }
        }
        checked_in
    }

    async fn check_in(&self, unused: Option<&Vec<i32>>) -> Result<(), PluginError> {
        let user = self.conversation().await?;
        let found;
        let unused = match unused {
            Some(unused) => unused,
            // Before a restart, or by another ECM: the request tells by its reason whose it is.
            None => {
                let reason = self.reason();
                let rows = self.requests(&user, "active").await?;
                let ours = rows.iter().filter(|row| {
                    row.views(self.id.system_id, self.id.account_id) && is_reason(row, &reason)
                });
                found = ours.map(|row| row.request_id).collect();
                &found
            }
        };
        for request_id in unused {
            let endpoint = format!("Requests/{request_id}/Checkin");
            let body = wire::reason_body("session ended");
            match user
                .call(Call::send("Checkin", Method::PUT, &endpoint, Some(body)))
                .await
            {
                Ok(_) => {}
                // Checked in before, or run out: there is nothing left to give back.
                Err(CallError::Refused(no)) if no.status == StatusCode::NOT_FOUND => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn reason(&self) -> String {
        let product = match self.session.product {
            Product::Pra => "PRA",
            Product::Rs => "RS",
        };
        let filled = self
            .settings
            .reason
            .replace("{product}", product)
            .replace("{session_id}", &self.session.session_id)
            .replace("{username}", &self.session.user.username);
        shortened(&filled, REASON_CHARS_MAX)
    }
}

/// Reads one part of a credential; an empty one is an absent one.
async fn read_one(
    user: &Conversation<'_>,
    request_id: i32,
    query: &[(&str, &str)],
) -> Result<Option<Secret>, CallError> {
    let endpoint = format!("Credentials/{request_id}");
    let answer = user
        .call(Call::get("Credentials", &endpoint, query))
        .await?;
    let mut text: Zeroizing<String> = answer.read(wire::credential)?;
    Ok((!text.is_empty()).then(|| Secret::new(std::mem::take(&mut *text))))
}

/// A part that the vault refuses is not there (assumed psafe:§2.5); a part that could not be read
/// is an error.
fn or_absent(part: Result<Option<Secret>, CallError>) -> Result<Option<Secret>, CallError> {
    match part {
        Err(CallError::Refused(_)) => Ok(None),
        part => part,
    }
}

/// Whether a key may prove the account on such an item.
fn wants_key(item_type: JumpItemType) -> bool {
    matches!(
        item_type,
        JumpItemType::ShellJump | JumpItemType::ExternalShell
    )
}

fn is_reason(row: &RequestRow, reason: &str) -> bool {
    row.reason.as_deref() == Some(reason)
}

fn refusal<T>(read: &Result<T, CallError>) -> Option<&Refusal> {
    match read {
        Err(CallError::Refused(refusal)) => Some(refusal),
        _ => None,
    }
}

fn is_pending<T>(read: &Result<T, CallError>) -> bool {
    refusal(read).is_some_and(|no| no.code == Some(NOT_YET_APPROVED))
}

fn pending_refusal() -> CallError {
    CallError::Refused(Refusal {
        operation: "Credentials",
        status: StatusCode::FORBIDDEN,
        code: Some(NOT_YET_APPROVED),
        words: String::new(),
        second_factor: false,
    })
}
