//! One credential: request, approval where the policy wants it, reading. Request and reading are two
//! round trips, and nothing else stands in an answer's way. A request that waits for somebody's
//! approval is kept, and the next attempt looks at that one instead of making another.

use std::time::Duration;

use futures_util::future::join3;
use http::{Method, StatusCode};
use jiff::Timestamp;

use super::client::{Call, CallError, Refusal};
use super::conversation::Conversation;
use super::credential_id::CredentialId;
use super::releases::{Asked, Holder, Origin, Releases};
use super::sessions::Sessions;
use super::settings::Settings;
use super::trouble;
use super::wire::{self, NewRequest, RequestRow};
use crate::error::{ErrorKind, PluginError, shortened};
use crate::plugin::{CredentialPackage, CredentialProof, JumpItemType, Product, Session};
use crate::secret::Secret;
use crate::trace::Trace;
use crate::wiped::Wiped;

/// Longest reason that the API takes (documented psafe:DOC-req), less the mark of a cut.
const REASON_CHARS_MAX: usize = 999;

/// Sub-code of a user who may not do this; also of a request that was denied, where the vault is
/// set so (assumed psafe:§7).
const NOT_PERMITTED: u16 = 4031;

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
    pub(super) now: Timestamp,
}

/// The request that stands for this session's release.
struct Request {
    id: i32,
    /// Whether it was there before.
    reused: bool,
}

impl<'a> Exchange<'a> {
    pub(super) async fn conversation(&self) -> Result<Conversation<'a>, PluginError> {
        let (sessions, user) = (self.sessions, &self.session.user);
        Conversation::of_console_user(sessions, self.settings, user, Trace::default()).await
    }

    /// Gets the credential, approved by the Global Approver if need be.
    pub(super) async fn fetch(&self) -> Result<CredentialPackage, PluginError> {
        let user = self.conversation().await?;
        let asked = Asked {
            user: user.folded_name(),
            system_id: self.id.system_id,
            account_id: self.id.account_id,
            application_id: self.id.application_id,
        };
        let read = match self.releases.awaiting(&asked, self.now) {
            Some(request_id) => self.look_again(&user, &asked, request_id).await,
            None => self.ask(&user, &asked).await,
        };
        if read.is_ok() {
            self.releases.decided(&asked);
        }
        Ok(CredentialPackage {
            username: self.id.username.clone(),
            domain: self.id.domain.clone(),
            proof: read?,
        })
    }

    /// Reads the credential of a request that waited for its approval. One that is gone before its
    /// time was denied, or withdrawn; it is not asked for again behind the user's back.
    async fn look_again(
        &self,
        user: &Conversation<'_>,
        asked: &Asked,
        request_id: i32,
    ) -> Result<CredentialProof, CallError> {
        let holder = self.holder.clone();
        self.releases.hold(request_id, Origin::Unclear, holder);
        let mut read = self.read(user, request_id).await;
        if is_pending(&read) {
            read = self.read_approved(user, request_id).await;
        }
        match refusal(&read) {
            Some(no) if no.status == StatusCode::NOT_FOUND || no.code == Some(NOT_PERMITTED) => {
                self.releases.decided(asked);
                Err(trouble::denied(no).into())
            }
            _ => read,
        }
    }

    /// Requests the release and reads the credential. A request that waits is remembered.
    async fn ask(
        &self,
        user: &Conversation<'_>,
        asked: &Asked,
    ) -> Result<CredentialProof, CallError> {
        let mut request = self.request(user).await?;
        let mut read = self.read(user, request.id).await;
        if request.reused && refusal(&read).is_some_and(|no| no.status == StatusCode::NOT_FOUND) {
            // It ran out between the two calls.
            request = self.request(user).await?;
            read = self.read(user, request.id).await;
        }
        if !is_pending(&read) {
            return read;
        }
        let minutes = u64::from(self.duration_min());
        let until = self.now + Duration::from_secs(60 * minutes);
        self.releases
            .await_approval(asked.clone(), request.id, until);
        let read = self.read_approved(user, request.id).await;
        if !request.reused && awaits_approval(&read) {
            self.prefer_earlier(user, asked, request.id, until).await;
        }
        read
    }

    /// Requests the release; `reuse` gives a request that the user already has (documented
    /// psafe:§4.4), so that parallel fetches do not conflict.
    async fn request(&self, user: &Conversation<'_>) -> Result<Request, PluginError> {
        let reason = self.reason();
        let ticket = self.settings.ticket_number.as_deref();
        let ticket = ticket.map(|ticket| self.filled(ticket));
        let body = NewRequest {
            access_type: "View",
            system_id: self.id.system_id,
            account_id: self.id.account_id,
            application_id: self.id.application_id,
            duration_minutes: self.duration_min(),
            reason: &reason,
            conflict_option: "reuse",
            ticket_system_id: self.settings.ticket_system_id,
            ticket_number: ticket.as_deref(),
        }
        .body();
        let call = Call::send("Requests", Method::POST, "Requests", Some(body));
        let answer = match user.call(call.clone()).await {
            Err(CallError::Refused(no)) if no.status == StatusCode::CONFLICT => {
                if let Some(own) = self.own_request(user).await? {
                    let origin = match is_reason(&own, &reason) {
                        true => Origin::Ours,
                        false => Origin::Elsewhere,
                    };
                    let id = own.request_id;
                    self.releases.hold(id, origin, self.holder.clone());
                    return Ok(Request { id, reused: true });
                }
                // The other request may have ended in between.
                user.call(call).await?
            }
            answer => answer?,
        };
        // 200 is an old request, 201 a new one (vendor-client psafe:C#-V3).
        let reused = answer.status != StatusCode::CREATED;
        let id = answer.read(wire::request_id).await?;
        let origin = match reused {
            true => Origin::Unclear,
            false => Origin::Ours,
        };
        self.releases.hold(id, origin, self.holder.clone());
        Ok(Request { id, reused })
    }

    /// More than the account allows would be refused (assumed psafe:§4.3).
    fn duration_min(&self) -> u32 {
        let set = self.settings.release_duration_min;
        self.id.release_max_min.map_or(set, |max| set.min(max))
    }

    /// The user's own request for the account, if a conflict was about that one.
    async fn own_request(
        &self,
        user: &Conversation<'_>,
    ) -> Result<Option<RequestRow>, PluginError> {
        let rows = self.requests(user, "all").await?;
        Ok(rows.into_iter().find(|row| self.is_about(row)))
    }

    /// Whether the request is about this account.
    pub(super) fn is_about(&self, row: &RequestRow) -> bool {
        row.views(self.id.system_id, self.id.account_id)
    }

    /// The user's own requests: `all`, `active` or `pending`.
    pub(super) async fn requests(
        &self,
        user: &Conversation<'_>,
        status: &str,
    ) -> Result<Vec<RequestRow>, PluginError> {
        let query = [("status", status), ("queue", "req")];
        let answer = user.call(Call::get("Requests", "Requests", &query)).await?;
        Ok(answer.read(wire::requests).await?)
    }

    /// Approves as the Global Approver, in a session of that user, and reads again.
    async fn read_approved(
        &self,
        user: &Conversation<'_>,
        request_id: i32,
    ) -> Result<CredentialProof, CallError> {
        let Some(name) = &self.settings.global_approver else {
            return Err(trouble::pending(request_id).into());
        };
        let approver = Conversation::of_approver(self.sessions, name).await?;
        let endpoint = format!("Requests/{request_id}/Approve");
        let body = wire::reason_body(&self.reason());
        let call = Call::send("Approve", Method::PUT, &endpoint, Some(body));
        let approval_refused = match approver.call(call).await.map(drop) {
            Ok(()) => None,
            Err(CallError::Refused(no)) => Some(no),
            Err(failed) => return Err(failed),
        };
        // A refused approval may mean that somebody else was faster.
        let read = self.read(user, request_id).await;
        match approval_refused {
            Some(no) if is_pending(&read) => Err(trouble::approver_refused(name, &no).into()),
            None if is_pending(&read) => Err(trouble::more_approvers(request_id).into()),
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

    /// What tells the vault's people, and after a restart this ECM, whose request it is.
    pub(super) fn reason(&self) -> String {
        shortened(&self.filled(&self.settings.reason), REASON_CHARS_MAX)
    }

    fn filled(&self, template: &str) -> String {
        let product = match self.session.product {
            Product::Pra => "PRA",
            Product::Rs => "RS",
        };
        template
            .replace("{product}", product)
            .replace("{session_id}", &self.session.session_id)
            .replace("{username}", &self.session.user.username)
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
    let mut text: Wiped<String> = answer.read(wire::credential).await?;
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

/// Whether the request was made for this very session.
pub(super) fn is_reason(row: &RequestRow, reason: &str) -> bool {
    row.reason.as_deref() == Some(reason)
}

fn refusal<T>(read: &Result<T, CallError>) -> Option<&Refusal> {
    match read {
        Err(CallError::Refused(refusal)) => Some(refusal),
        _ => None,
    }
}

/// Whether the vault says that the request waits.
fn is_pending<T>(read: &Result<T, CallError>) -> bool {
    refusal(read).is_some_and(|no| no.code == Some(NOT_YET_APPROVED))
}

/// Whether that is the outcome, after all that this ECM could do about it.
fn awaits_approval<T>(read: &Result<T, CallError>) -> bool {
    matches!(read, Err(CallError::Failed(error)) if error.kind == ErrorKind::PendingApproval)
}
