//! What the control routes give, as types: the OpenAPI document is drawn from them. No secret has a
//! place here.

use schemars::JsonSchema;
use serde::Serialize;
use sim_kit::clock::SimTime;

use crate::config::Protocol;
use crate::settings::Settings;
use crate::state::{Mail, MailKind, TrustView, Vault};

/// The state of the simulator.
#[derive(Serialize, JsonSchema)]
pub(super) struct State {
    /// How the vault behaves.
    settings: Settings,
    /// How the web service behaves.
    protocol: Protocol,
    /// How often the vault has been started anew.
    resets: u64,
    /// How many secrets there are.
    secrets: usize,
    /// How many tokens are alive.
    live_tokens: usize,
    users: Vec<User>,
    trusts: Vec<Trust>,
    check_outs: Vec<CheckOut>,
    access_requests: Vec<AccessRequest>,
    /// The latest accesses, oldest first.
    accesses: Vec<Access>,
}

/// An account.
#[derive(Serialize, JsonSchema)]
struct User {
    id: i32,
    /// As `alice` or `acme.example\alice`.
    name: String,
    display_name: String,
    enabled: bool,
    locked: bool,
    application_account: bool,
}

/// What a user has answered to an API account.
#[derive(Serialize, JsonSchema)]
pub(super) struct Trust {
    /// The API account.
    caller: String,
    user: String,
    /// `none`, `pending`, `approved`, `denied` or `revoked`.
    state: &'static str,
    /// The open request.
    request_id: Option<String>,
}

/// A secret in somebody's hands.
#[derive(Serialize, JsonSchema)]
struct CheckOut {
    secret_id: i32,
    secret_name: String,
    holder: String,
    /// When it comes back by itself, RFC 3339.
    until: String,
}

/// A request for access to a secret.
#[derive(Serialize, JsonSchema)]
struct AccessRequest {
    approval_id: String,
    secret_id: i32,
    secret_name: String,
    requester: String,
    /// What the requester gave as reason.
    reason: String,
    /// `Pending`, `Approved`, `Denied` or `Canceled`.
    status: &'static str,
    /// When an approval ends, RFC 3339.
    expires_at: Option<String>,
}

/// An access that was audited.
#[derive(Serialize, JsonSchema)]
struct Access {
    /// RFC 3339.
    at: String,
    secret_id: i32,
    action: String,
    user: String,
    /// The API account that acted for the user.
    impersonated_by: Option<String>,
}

/// Delegated trust, for each API account and user.
#[derive(Serialize, JsonSchema)]
pub(super) struct Approvals {
    pub(super) approvals: Vec<Trust>,
}

/// The mail that was sent, oldest first.
#[derive(Serialize, JsonSchema)]
pub(super) struct Mailbox {
    pub(super) mails: Vec<Message>,
}

/// A mail.
#[derive(Serialize, JsonSchema)]
pub(super) struct Message {
    id: u64,
    /// RFC 3339.
    sent_at: String,
    /// The address.
    to: String,
    user: String,
    subject: String,
    body: String,
    /// Path of the page on which the user answers.
    link: String,
    /// `trust-request` or `access-request`.
    kind: &'static str,
    /// The request, or the approval, that it asks for.
    request_id: String,
}

impl State {
    pub(super) fn of(vault: &Vault, protocol: &Protocol, resets: u64, now: SimTime) -> Self {
        let user = |user: &crate::state::UserView| User {
            id: user.id,
            name: user.name.to_string(),
            display_name: user.display_name.to_string(),
            enabled: user.enabled,
            locked: user.locked,
            application_account: user.application_account,
        };
        let check_out = |held: &crate::state::CheckOutView| CheckOut {
            secret_id: held.secret_id,
            secret_name: held.secret_name.to_string(),
            holder: held.holder.to_string(),
            until: held.until.to_rfc3339(),
        };
        let access_request = |request: &crate::state::AccessRequestView| AccessRequest {
            approval_id: request.approval_id.clone(),
            secret_id: request.secret_id,
            secret_name: request.secret_name.to_string(),
            requester: request.requester.to_string(),
            reason: request.reason.to_string(),
            status: request.status.name(),
            expires_at: request.expires_at.map(SimTime::to_rfc3339),
        };
        let access = |access: &crate::state::AccessView| Access {
            at: access.at.to_rfc3339(),
            secret_id: access.secret_id,
            action: access.action.to_string(),
            user: access.user.to_string(),
            impersonated_by: access.impersonated_by.as_deref().map(str::to_owned),
        };
        Self {
            settings: vault.settings().clone(),
            protocol: protocol.clone(),
            resets,
            secrets: vault.secret_count(),
            live_tokens: vault.live_tokens(now),
            users: vault.users().iter().map(user).collect(),
            trusts: vault.trusts().iter().map(Trust::of).collect(),
            check_outs: vault.check_outs(now).iter().map(check_out).collect(),
            access_requests: vault.access_requests().iter().map(access_request).collect(),
            accesses: vault.accesses().iter().map(access).collect(),
        }
    }
}

impl Trust {
    pub(super) fn of(view: &TrustView) -> Self {
        Self {
            caller: view.caller.to_string(),
            user: view.user.to_string(),
            state: view.state.name(),
            request_id: view.request_id.clone(),
        }
    }
}

impl Message {
    /// The mail, its link below the application's root.
    pub(super) fn of(mail: &Mail, root: &str) -> Self {
        let (kind, id) = match &mail.kind {
            MailKind::TrustRequest { request_id } => ("trust-request", request_id),
            MailKind::AccessRequest { approval_id } => ("access-request", approval_id),
        };
        Self {
            id: mail.id,
            sent_at: mail.sent_at.to_rfc3339(),
            to: mail.to.to_string(),
            user: mail.user.to_string(),
            subject: mail.subject.clone(),
            body: mail.body.clone(),
            link: format!("{root}{}", mail.link),
            kind,
            request_id: id.clone(),
        }
    }
}
