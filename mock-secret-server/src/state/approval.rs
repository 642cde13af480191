//! Requests for access to a secret and their answers (soap:§3.8). SOAP cannot file a request, so
//! an operator does it in the requester's name.

use std::sync::Arc;
use std::time::Duration;

use sim_kit::clock::SimTime;

use super::answer::{Answer, ApprovalInfo, SecretAccessRequestStatus};
use super::mailbox::{MailKind, Outgoing};
use super::model::{Principal, SecretSlot, UserSlot};
use super::refusal::{Refusal, RefusalKind};
use super::{Caller, Vault};

/// No further request is taken beyond this many.
pub(super) const REQUESTS_MAX: usize = 10_000;

/// A request for access.
#[derive(Debug)]
pub(super) struct AccessRequest {
    /// The GUID that the approvers' mail carries; it is the capability.
    pub(super) approval_id: String,
    pub(super) secret: SecretSlot,
    pub(super) requester: UserSlot,
    pub(super) status: SecretAccessRequestStatus,
    pub(super) expires_at: Option<SimTime>,
}

impl Vault {
    /// Until when the caller's approved request lasts.
    pub(super) fn approved_until(&self, caller: &Caller, slot: SecretSlot) -> Option<SimTime> {
        let mine = self.requests.iter().filter(|request| {
            request.secret == slot
                && request.requester == caller.user
                && request.status == SecretAccessRequestStatus::Approved
        });
        mine.filter_map(|request| request.expires_at)
            .filter(|&end| caller.now < end)
            .max()
    }

    /// Files a request and mails the approvers.
    pub(super) fn file_request(
        &mut self,
        slot: SecretSlot,
        requester: UserSlot,
        reason: &str,
        now: SimTime,
    ) -> String {
        let approval_id = self.source.guid();
        self.requests.push(AccessRequest {
            approval_id: approval_id.clone(),
            secret: slot,
            requester,
            status: SecretAccessRequestStatus::Pending,
            expires_at: None,
        });
        let who = Arc::clone(&self.directory.user(requester).display_name);
        let what = Arc::clone(&self.secret(slot).name);
        for approver in self.approvers(slot) {
            let mail = Outgoing {
                to: approver,
                subject: format!("{who} requests access to {what}"),
                body: format!("{who} requests access to {what}. Reason: {reason}"),
                link: format!("/SecretAccessApprove.aspx?approvalId={approval_id}"),
                kind: MailKind::AccessRequest {
                    approval_id: approval_id.clone(),
                },
            };
            self.mailbox.send(&self.directory, mail, now);
        }
        approval_id
    }

    pub(super) fn approve_secret_access_request(
        &mut self,
        approval_id: Option<&str>,
        hours: Option<&str>,
        user_override: bool,
        now: SimTime,
    ) -> Result<Answer, Refusal> {
        let hours = match hours.map(str::trim) {
            None | Some("") => Some(u64::from(self.settings.approval_hours)),
            Some(text) => text
                .parse()
                .ok()
                .filter(|&hours| (1..=8_760).contains(&hours)),
        };
        let Some(hours) = hours else {
            return Err(Refusal::new(RefusalKind::BadValue, "Hours is invalid."));
        };
        let until = now.plus(Duration::from_secs(3_600 * hours));
        let status = SecretAccessRequestStatus::Approved;
        self.answer_request(approval_id, user_override, status, Some(until), now)
    }

    pub(super) fn deny_secret_access_request(
        &mut self,
        approval_id: Option<&str>,
        user_override: bool,
        now: SimTime,
    ) -> Result<Answer, Refusal> {
        let status = SecretAccessRequestStatus::Denied;
        self.answer_request(approval_id, user_override, status, None, now)
    }

    fn answer_request(
        &mut self,
        approval_id: Option<&str>,
        user_override: bool,
        status: SecretAccessRequestStatus,
        expires_at: Option<SimTime>,
        now: SimTime,
    ) -> Result<Answer, Refusal> {
        let wanted = approval_id.unwrap_or_default();
        let found = self
            .requests
            .iter()
            .position(|request| request.approval_id.eq_ignore_ascii_case(wanted));
        let Some(place) = found else {
            return Err(Refusal::new(
                RefusalKind::NotFound,
                "Approval request not found.",
            ));
        };
        if self.requests[place].status != SecretAccessRequestStatus::Pending && !user_override {
            let text = "The request has already been answered.";
            return Err(Refusal::new(RefusalKind::BadValue, text));
        }
        // Whoever holds the id may answer; the first approver's name stands for them (assumed).
        let approver = self.approvers(self.requests[place].secret).first().copied();
        let responder = approver.map(|slot| Arc::clone(&self.directory.user(slot).display_name));
        let request = &mut self.requests[place];
        request.status = status;
        request.expires_at = expires_at;
        Ok(Answer::RequestApproval(ApprovalInfo {
            status,
            responder,
            response_date: now,
            response_comment: None,
            expiration_date: expires_at,
        }))
    }

    fn approvers(&self, slot: SecretSlot) -> Vec<UserSlot> {
        let named: &[Principal] = self
            .secret(slot)
            .rare
            .as_ref()
            .map_or(&[], |rare| &rare.approvers);
        let users = self.directory.slots().map(|(user, _)| user);
        users
            .filter(|&user| named.iter().any(|&one| self.directory.is(user, one)))
            .collect()
    }
}
